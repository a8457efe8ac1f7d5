// Reads a file of recorded events: NDJSON as it is, or rows through a mapping; plain or gzip; sorted by time.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { joinBasket, type MappedEvent, type Mapping, streamOf } from "./mappings.ts";
import { linesOf, rowsOf } from "./replay-rows.ts";

/** The JSON of an event, as producers send it. */
export type EventBody = Readonly<Record<string, unknown>> & { readonly type: string; readonly ts: number };

export interface RecordedEvent {
  /** The front-door stream that it belongs to. */
  readonly stream: string;
  /** 1-based line of the file; the first one of a basket. */
  readonly line: number;
  readonly body: EventBody;
}

export interface RefusedRows {
  readonly count: number;
  readonly firstLine: number;
}

export interface RecordedFile {
  /** By ts, then by line. */
  readonly events: readonly RecordedEvent[];
  /** Lines with something in them, the header not counted: events + joined + refused. */
  readonly rows: number;
  /** Rows that were added to the event of an earlier row of the same basket. */
  readonly joined: number;
  /** By reason. */
  readonly refused: ReadonlyMap<string, RefusedRows>;
}

/** All is held in memory, because a file must be sorted before it can be played. */
export const RECORDED_ROWS_MAX = 5_000_000;

/** Rejects where the file cannot be read, has another header than the mapping, or too many rows. */
export async function readRecorded(path: string, mapping: Mapping | undefined): Promise<RecordedFile> {
  const hash = createHash("sha256");
  const source = createReadStream(path);
  const plain = path.endsWith(".gz") ? source.pipe(createGunzip()) : source;
  source.once("error", (error) => plain.destroy(error));
  const lines = linesOf(plain, (chunk) => void hash.update(chunk));
  const collected = await (mapping === undefined ? collectJson(lines) : collectRows(lines, mapping)).finally(() =>
    source.destroy(),
  );
  const { rows, joined, refused } = collected;
  // Ids come from content and line: whatever the file is called, playing it twice gives duplicates.
  const prefix = mapping === undefined ? undefined : `${mapping.name}-${hash.digest("hex").slice(0, 8)}`;
  const events = collected.events.map((event) =>
    prefix === undefined ? event : { ...event, body: { id: `${prefix}-${event.line}`, ...event.body } },
  );
  events.sort((a, b) => a.body.ts - b.body.ts || a.line - b.line);
  return { events, rows, joined, refused };
}

interface Collected {
  readonly events: RecordedEvent[];
  readonly refused: Map<string, RefusedRows>;
  rows: number;
  joined: number;
}

async function collectRows(lines: AsyncIterable<string>, mapping: Mapping): Promise<Collected> {
  const collected: Collected = { events: [], refused: new Map(), rows: 0, joined: 0 };
  const baskets = new Map<string, { row: MappedEvent; readonly line: number }>();
  let headerRead = mapping.header === undefined;
  for await (const { line, cells } of rowsOf(lines, mapping.separator)) {
    if (!headerRead) {
      checkHeader(cells ?? [], mapping);
      headerRead = true;
      continue;
    }
    countRow(collected);
    const row = cells?.length === mapping.cells ? mapping.row(cells) : undefined;
    if (row === undefined || row.kind === "refused") {
      const why = cells === undefined ? "a quote is never closed" : `not ${mapping.cells} cells`;
      countRefused(collected, row?.why ?? why, line);
      continue;
    }
    if (row.basket === undefined) {
      collected.events.push(recorded(row, line));
      continue;
    }
    const name = `${row.type} ${row.basket}`;
    const earlier = baskets.get(name);
    if (earlier === undefined) baskets.set(name, { row, line });
    else {
      earlier.row = joinBasket(earlier.row, row);
      collected.joined++;
    }
  }
  for (const { row, line } of baskets.values()) collected.events.push(recorded(row, line));
  return collected;
}

async function collectJson(lines: AsyncIterable<string>): Promise<Collected> {
  const collected: Collected = { events: [], refused: new Map(), rows: 0, joined: 0 };
  let line = 0;
  for await (const text of lines) {
    line++;
    if (text.trim() === "") continue;
    countRow(collected);
    const body = parseBody(text);
    if (typeof body === "string") countRefused(collected, body, line);
    else collected.events.push({ stream: streamOf(body.type), line, body });
  }
  return collected;
}

function checkHeader(cells: readonly string[], mapping: Mapping): void {
  const expected = mapping.header ?? [];
  if (cells.join("\n") === expected.join("\n")) return;
  const found = cells.join(" ").slice(0, 120);
  throw new Error(`line 1 is "${found}"; mapping "${mapping.name}" expects the columns ${expected.join(", ")}`);
}

function recorded(row: MappedEvent, line: number): RecordedEvent {
  const amount = row.props["amount"];
  // Sums of cents in floating point: back to as many decimals as money has.
  const props = typeof amount === "number" ? { ...row.props, amount: Math.round(amount * 100) / 100 } : row.props;
  return { stream: row.stream, line, body: { type: row.type, ...row.who, ts: row.ts, props } };
}

function parseBody(text: string): EventBody | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "no JSON";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "no JSON object";
  if (!("type" in value) || typeof value.type !== "string") return "type is no string";
  if (!("ts" in value) || typeof value.ts !== "number" || !Number.isFinite(value.ts)) return "ts is no number";
  return value as EventBody;
}

function countRow(collected: Collected): void {
  collected.rows++;
  if (collected.rows > RECORDED_ROWS_MAX) throw new Error(`more than ${RECORDED_ROWS_MAX} rows: split the file`);
}

function countRefused(collected: Collected, why: string, line: number): void {
  const earlier = collected.refused.get(why);
  collected.refused.set(why, { count: (earlier?.count ?? 0) + 1, firstLine: earlier?.firstLine ?? line });
}
