// nba features export FILE: training rows by the very code that will compute the features in production.
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import type { CustomerEvent } from "../domain/event.ts";
import { DAY_MS, parseDuration } from "../domain/time.ts";
import { decodeEvent } from "../ingest/decode-event.ts";
import { isRefused } from "../ingest/refused.ts";
import { repositoryRoot } from "../journal/source-file.ts";
import { checkShape } from "../rulebook/check-shape.ts";
import { type CompiledFeatures, compileFeatures } from "../rulebook/compile-features.ts";
import { createFaultLog, formatFault } from "../rulebook/fault.ts";
import { type FeaturesFile, FILE_SCHEMAS } from "../rulebook/schema.ts";
import { readSource } from "../rulebook/source.ts";
import { type Label, type RowPlan, type RowTimes, type TrainingRow, trainingRows } from "./features-rows.ts";
import type { Mapping } from "./mappings.ts";
import { readRulebookFolder } from "./read-rulebook.ts";
import { describeRecorded, parseMapping } from "./replay.ts";
import { type RecordedFile, readRecorded } from "./replay-file.ts";

interface ExportOptions {
  readonly mapping?: Mapping;
  readonly rules?: string;
  readonly at: RowTimes;
  readonly warmUp: number;
  readonly label?: Label;
  readonly sample: number;
  readonly features?: readonly string[];
  readonly out: string;
  readonly json?: boolean;
}

export function featuresCommand(): Command {
  return new Command("features").description("features of recorded events").addCommand(exportCommand());
}

function exportCommand(): Command {
  return new Command("export")
    .description("writes training rows, each correct as of its moment, with a label from the future of it")
    .argument("<file>", "NDJSON of events, or another file with --mapping; .gz is unpacked")
    .requiredOption("--out <file>", "where the rows go: .csv, or .ndjson")
    .option("--mapping <name>", "what the rows of the file mean (see nba replay --help)", parseMapping)
    .option("--rules <dir>", "folder with features.yaml; left out: rules/ of the repository")
    .addOption(
      new Option("--at <when>", "daily, weekly, every:DURATION, event, or event:TYPE,TYPE")
        .argParser(parseTimes)
        .default(parseTimes("daily"), "daily"),
    )
    .option("--warm-up <duration>", "no rows before this long after the first event", parseLength, 0)
    .option("--label <what>", "any:TYPE:DURATION (1: it happens) or none:TYPE:DURATION (1: it does not)", parseLabel)
    .option("--sample <share>", "share of the rows that is kept, the same ones each time", parseShare, 1)
    .option("--features <names>", "only these, with commas; left out: all", (text: string) => text.split(","))
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExample:\n  nba features export CDNOW_sample.txt.gz --mapping cdnow --at weekly --warm-up 90d --label none:purchase:90d --out rows.csv",
    )
    .action(async (file: string, options: ExportOptions, command: Command) => {
      try {
        await exportRows(file, options, command);
      } catch (error) {
        command.error(`error: ${error instanceof Error ? error.message : String(error)}`, { exitCode: 1 });
      }
    });
}

/** Rejects with every fault of features.yaml, as file:line:column. */
export async function readFeatures(dir: string): Promise<CompiledFeatures> {
  const faults = createFaultLog();
  const files = await readRulebookFolder(dir);
  const text = files["features.yaml"];
  if (text === undefined) throw new Error(`${dir} has no features.yaml`);
  const source = readSource("features.yaml", text, faults);
  if (source !== undefined && checkShape(FILE_SCHEMAS["features.yaml"], source, faults)) {
    const compiled = compileFeatures(source.value as FeaturesFile, source, faults);
    if (faults.count() === 0) return compiled;
  }
  throw new Error(
    `features.yaml has faults:\n${faults
      .sorted()
      .map((fault) => formatFault(fault))
      .join("\n")}`,
  );
}

/** Recorded events as the engine decodes them. Rejects where it would refuse one: a row must not silently lack it. */
export function decodeRecorded(file: RecordedFile): CustomerEvent[] {
  return file.events.map(({ body, stream, line }) => {
    const event = decodeEvent(body, stream);
    if (isRefused(event)) throw new Error(`the event of line ${line} is refused: ${event.pointer} ${event.detail}`);
    return event;
  });
}

export function parseTimes(text: string): RowTimes {
  const [kind, rest] = split(text);
  if (kind === "event") return { kind: "event", types: new Set(rest === "" ? [] : rest.split(",")), warmUpMs: 0 };
  const everyMs =
    text === "daily" ? DAY_MS : text === "weekly" ? 7 * DAY_MS : kind === "every" ? parseDuration(rest) : 0;
  if (everyMs !== undefined && everyMs > 0) return { kind: "every", everyMs, warmUpMs: 0 };
  throw new InvalidArgumentError(`"${text}" is none of daily, weekly, every:6h, event, event:page_view`);
}

export function parseLabel(text: string): Label {
  const match = /^(any|none):([^:]+):(\w+)$/.exec(text);
  const horizonMs = parseDuration(match?.[3] ?? "");
  if (match === null || horizonMs === undefined) {
    throw new InvalidArgumentError(`"${text}" is not like any:purchase:24h or none:purchase:90d`);
  }
  return { kind: match[1] === "any" ? "any" : "none", type: match[2] as string, horizonMs };
}

async function exportRows(path: string, options: ExportOptions, command: Command): Promise<void> {
  const output = command.configureOutput();
  const { features, attributes } = await readFeatures(options.rules ?? `${repositoryRoot}/rules`);
  const columns = columnsOf(
    features.map(({ name }) => name),
    options.features,
  );
  const file = await readRecorded(path, options.mapping);
  for (const line of describeRecorded(file)) output.writeErr?.(`${line}\n`);
  const plan: RowPlan = {
    times: { ...options.at, warmUpMs: options.warmUp },
    label: options.label,
    sample: options.sample,
  };
  const counts = { rows: 0, positives: 0, customers: new Set<string>() };
  const counted = function* (): Generator<TrainingRow> {
    for (const row of trainingRows(decodeRecorded(file), features, attributes, plan)) {
      counts.rows++;
      counts.positives += row.label ?? 0;
      counts.customers.add(row.key);
      yield row;
    }
  };
  const lines = options.out.endsWith(".csv") ? csvLines(counted(), columns) : jsonLines(counted(), columns);
  await pipeline(Readable.from(lines), createWriteStream(options.out));
  const { rows, positives } = counts;
  const customers = counts.customers.size;
  if (options.json) output.writeOut?.(`${JSON.stringify({ rows, positives, customers, out: options.out })}\n`);
  else output.writeOut?.(`${rows} rows of ${customers} customers, ${positives} with label 1: ${options.out}\n`);
}

interface Column {
  readonly name: string;
  readonly index: number;
}

function columnsOf(declared: readonly string[], wanted: readonly string[] | undefined): readonly Column[] {
  return (wanted ?? declared).map((name) => {
    const index = declared.indexOf(name);
    if (index === -1) throw new Error(`features.yaml declares no feature "${name}"`);
    return { name, index };
  });
}

function* csvLines(rows: Iterable<TrainingRow>, columns: readonly Column[]): Generator<string> {
  yield `customer,at,label,${columns.map(({ name }) => name).join(",")}\n`;
  for (const { key, at, label, features } of rows) {
    const customer = /[",\r\n]/.test(key) ? `"${key.replaceAll('"', '""')}"` : key;
    let line = `${customer},${at},${label ?? ""}`;
    for (const { index } of columns) {
      const value = features[index] as number;
      line += Number.isNaN(value) ? "," : `,${value}`;
    }
    yield `${line}\n`;
  }
}

function* jsonLines(rows: Iterable<TrainingRow>, columns: readonly Column[]): Generator<string> {
  for (const { key, at, label, features } of rows) {
    // NaN, a missing feature, becomes null.
    const values = Object.fromEntries(columns.map(({ name, index }) => [name, features[index]]));
    yield `${JSON.stringify({ customer: key, at, label, features: values })}\n`;
  }
}

function split(text: string): readonly [string, string] {
  const at = text.indexOf(":");
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function parseLength(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError(`"${text}" is no duration like 90d or 6h`);
  return ms;
}

function parseShare(text: string): number {
  const share = Number(text);
  if (share > 0 && share <= 1) return share;
  throw new InvalidArgumentError(`"${text}" is not above 0 and at most 1`);
}
