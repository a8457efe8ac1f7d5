// Streams of the simulated Redis.
import {
  type Answer,
  arity,
  type Database,
  existing,
  integer,
  made,
  OK,
  SimpleError,
  type Stream,
  type StreamEntry,
  SYNTAX,
} from "./database.ts";
import type { Command } from "./plain-commands.ts";

type Id = Pick<StreamEntry, "ms" | "seq">;

const END = Number.POSITIVE_INFINITY;
const BAD_ID = "ERR Invalid stream ID specified as stream command argument";
/** Redis keeps so many entries in a node (100, where not configured otherwise), and trims whole nodes where it may. */
const NODE_ENTRIES = 10;

export function streamId(text: string | undefined, seqWhereNone: number): Id {
  const parts = /^(\d+)(?:-(\d+))?$/.exec(text ?? "");
  if (parts === null) throw new SimpleError(BAD_ID);
  return { ms: Number(parts[1]), seq: parts[2] === undefined ? seqWhereNone : Number(parts[2]) };
}

function compare(a: Id, b: Id): number {
  return a.ms - b.ms || (a.seq === b.seq ? 0 : a.seq - b.seq);
}

function toText({ ms, seq }: Id): string {
  return `${ms}-${seq}`;
}

/** The place of the first entry at or after this id; after it, where `isBehind`. */
export function placeOf({ entries }: Stream, wanted: Id, isBehind: boolean): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compare(entries[middle] as StreamEntry, wanted);
    if (order < 0 || (isBehind && order === 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function xadd(db: Database, [name = "", key = "", ...rest]: readonly string[]): Answer {
  let at = 0;
  let isMade = true;
  let trim: string[] | undefined;
  for (; ; at++) {
    const option = rest[at]?.toUpperCase();
    if (option === "NOMKSTREAM") isMade = false;
    else if (option === "MAXLEN" || option === "MINID") {
      trim = [option];
      if (rest[at + 1] === "~" || rest[at + 1] === "=") trim.push(rest[++at] as string);
      trim.push(rest[++at] ?? "");
    } else break;
  }
  const [wanted = "", ...fields] = rest.slice(at);
  if (fields.length === 0 || fields.length % 2 !== 0) throw arity(name);
  const given = wanted === "*" ? undefined : givenId(wanted);
  const found = existing(db, key, "stream");
  if (found === undefined && !isMade) return null;
  const next = nextId(db, found, given);
  const stream = made(db, key, "stream");
  stream.entries.push({ ...next, fields });
  stream.lastMs = next.ms;
  stream.lastSeq = next.seq;
  stream.added++;
  db.written.push(["XADD", key, toText(next), ...fields]);
  if (trim !== undefined) xtrim(db, ["XTRIM", key, ...trim]);
  return toText(next);
}

/** As XADD may give it: `*` in place of the number within the millisecond asks for the next one. */
type GivenId = { readonly ms: number; readonly seq: number | undefined };

/** Refused before it is looked what the key holds. */
function givenId(wanted: string): GivenId {
  const open = /^(\d+)-\*$/.exec(wanted);
  if (open !== null) return { ms: Number(open[1]), seq: undefined };
  const given = streamId(wanted, 0);
  if (given.ms > 0 || given.seq > 0) return given;
  throw new SimpleError("ERR The ID specified in XADD must be greater than 0-0");
}

function nextId(db: Database, stream: Stream | undefined, given: GivenId | undefined): Id {
  const last: Id = { ms: stream?.lastMs ?? 0, seq: stream?.lastSeq ?? 0 };
  if (given === undefined) return db.now > last.ms ? { ms: db.now, seq: 0 } : { ms: last.ms, seq: last.seq + 1 };
  const { ms, seq = ms === last.ms ? last.seq + 1 : 0 } = given;
  if (compare({ ms, seq }, last) > 0) return { ms, seq };
  throw new SimpleError("ERR The ID specified in XADD is equal or smaller than the target stream top item");
}

function xtrim(db: Database, [, key = "", how, ...rest]: readonly string[]): Answer {
  const isAbout = rest[0] === "~";
  const limit = rest[isAbout || rest[0] === "=" ? 1 : 0];
  const stream = existing(db, key, "stream");
  const strategy = how?.toUpperCase();
  if (strategy !== "MAXLEN" && strategy !== "MINID") throw new SimpleError(SYNTAX);
  const most = strategy === "MAXLEN" ? integer(limit) : streamId(limit, 0);
  if (stream === undefined) return 0;
  const over = typeof most === "number" ? Math.max(0, stream.entries.length - most) : placeOf(stream, most, false);
  const count = isAbout ? Math.floor(over / NODE_ENTRIES) * NODE_ENTRIES : over;
  if (count === 0) return 0;
  stream.entries = stream.entries.slice(count);
  db.written.push(["XTRIM", key, "MAXLEN", "=", String(stream.entries.length)]);
  return count;
}

function xdel(db: Database, [, key = "", ...ids]: readonly string[]): Answer {
  const stream = existing(db, key, "stream");
  const wanted = ids.map((each) => streamId(each, 0));
  if (stream === undefined) return 0;
  let count = 0;
  for (const each of wanted) {
    const at = placeOf(stream, each, false);
    const entry = stream.entries[at];
    if (entry === undefined || compare(entry, each) !== 0) continue;
    stream.entries.splice(at, 1);
    count++;
    if (compare(each, { ms: stream.deletedMs, seq: stream.deletedSeq }) > 0) {
      Object.assign(stream, { deletedMs: each.ms, deletedSeq: each.seq });
    }
    db.written.push(["XDEL", key, toText(each)]);
  }
  return count;
}

export function shown(entry: StreamEntry): Answer {
  return [toText(entry), [...entry.fields]];
}

function ranged(db: Database, key: string, from: string, to: string, options: readonly string[]): StreamEntry[] {
  const isAfter = from.startsWith("(");
  const isBefore = to.startsWith("(");
  const start = from === "-" ? { ms: 0, seq: 0 } : streamId(isAfter ? from.slice(1) : from, 0);
  const end = to === "+" ? { ms: END, seq: END } : streamId(isBefore ? to.slice(1) : to, END);
  if (isBefore && end.ms === 0 && end.seq === 0) throw new SimpleError("ERR invalid end ID for the interval");
  if (options.length > 0 && options[0]?.toUpperCase() !== "COUNT") throw new SimpleError(SYNTAX);
  const stream = existing(db, key, "stream");
  if (stream === undefined) return [];
  return stream.entries.slice(placeOf(stream, start, isAfter), placeOf(stream, end, !isBefore));
}

function limit(options: readonly string[]): number {
  return options.length === 0 ? END : Math.max(0, integer(options[1]));
}

function xrange(db: Database, [, key = "", from = "", to = "", ...options]: readonly string[]): Answer {
  return ranged(db, key, from, to, options).slice(0, limit(options)).map(shown);
}

function xrevrange(db: Database, [, key = "", to = "", from = "", ...options]: readonly string[]): Answer {
  return ranged(db, key, from, to, options).reverse().slice(0, limit(options)).map(shown);
}

function xinfo(db: Database, [, what, key = ""]: readonly string[]): Answer {
  const stream = existing(db, key, "stream");
  if (stream === undefined) throw new SimpleError("ERR no such key");
  if (what?.toUpperCase() === "GROUPS") return [];
  if (what?.toUpperCase() !== "STREAM") throw new SimpleError(SYNTAX);
  const { entries, added, lastMs, lastSeq, deletedMs, deletedSeq } = stream;
  const [first, last] = [entries[0], entries.at(-1)];
  return [
    ...["length", entries.length, "radix-tree-keys", 1, "radix-tree-nodes", 2],
    ...["last-generated-id", toText({ ms: lastMs, seq: lastSeq })],
    ...["max-deleted-entry-id", toText({ ms: deletedMs, seq: deletedSeq })],
    ...["entries-added", added, "recorded-first-entry-id", first === undefined ? "0-0" : toText(first), "groups", 0],
    ...["first-entry", first === undefined ? null : shown(first)],
    ...["last-entry", last === undefined ? null : shown(last)],
  ];
}

function xsetid(db: Database, [, key = "", last, ...options]: readonly string[]): Answer {
  const stream = existing(db, key, "stream");
  if (stream === undefined) throw new SimpleError("ERR no such key");
  const wanted = streamId(last, 0);
  const top = stream.entries.at(-1);
  if (top !== undefined && compare(wanted, top) < 0) {
    throw new SimpleError("ERR The ID specified in XSETID is smaller than the target stream top item");
  }
  stream.lastMs = wanted.ms;
  stream.lastSeq = wanted.seq;
  for (let at = 0; at < options.length; at += 2) {
    if (options[at]?.toUpperCase() === "ENTRIESADDED") stream.added = integer(options[at + 1]);
    else if (options[at]?.toUpperCase() === "MAXDELETEDID") {
      const deleted = streamId(options[at + 1], 0);
      Object.assign(stream, { deletedMs: deleted.ms, deletedSeq: deleted.seq });
    } else throw new SimpleError(SYNTAX);
  }
  db.written.push(["XSETID", key, toText(wanted), ...options]);
  return OK;
}

/** Nothing here reads in a group: one is made and dropped for the stream that comes with it. */
function xgroup(db: Database, [, what, key = "", ...rest]: readonly string[]): Answer {
  if (what === "CREATE") {
    made(db, key, "stream");
    db.written.push(["XGROUP", what, key, ...rest]);
    return OK;
  }
  if (what !== "DESTROY") throw new SimpleError(`ERR the simulation has no XGROUP ${what}`);
  return existing(db, key, "stream") === undefined ? 0 : 1;
}

export const STREAM_COMMANDS: Readonly<Record<string, Command>> = {
  XADD: xadd,
  XTRIM: xtrim,
  XDEL: xdel,
  XLEN: (db, [, key = ""]) => existing(db, key, "stream")?.entries.length ?? 0,
  XRANGE: xrange,
  XREVRANGE: xrevrange,
  XINFO: xinfo,
  XGROUP: xgroup,
  XSETID: xsetid,
};
