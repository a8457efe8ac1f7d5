// Keys, strings and hashes of the simulated Redis.
import {
  type Answer,
  arity,
  type Database,
  existing,
  find,
  integer,
  made,
  OK,
  remove,
  SimpleError,
  Status,
  type StreamEntry,
  SYNTAX,
} from "./database.ts";

export type Command = (db: Database, args: readonly string[]) => Answer;

function get(db: Database, key: string): string | null {
  return existing(db, key, "string")?.bytes ?? null;
}

function set(db: Database, [, key = "", bytes = "", ...options]: readonly string[]): Answer {
  let ifAbsent = false;
  let ifPresent = false;
  let keepsExpiry = false;
  let until: number | undefined;
  for (let at = 0; at < options.length; at++) {
    const option = options[at]?.toUpperCase();
    if (option === "NX") ifAbsent = true;
    else if (option === "XX") ifPresent = true;
    else if (option === "KEEPTTL") keepsExpiry = true;
    else if (option === "EX") until = db.now + integer(options[++at]) * 1_000;
    else if (option === "PX") until = db.now + integer(options[++at]);
    else if (option === "PXAT") until = integer(options[++at]);
    else throw new SimpleError(SYNTAX);
  }
  const found = find(db, key);
  if ((ifAbsent && found !== undefined) || (ifPresent && found === undefined)) return null;
  db.values.set(key, { kind: "string", bytes });
  if (until !== undefined) db.expiries.set(key, until);
  else if (!keepsExpiry) db.expiries.delete(key);
  const at = db.expiries.get(key);
  db.written.push(at === undefined ? ["SET", key, bytes] : ["SET", key, bytes, "PXAT", String(at)]);
  return OK;
}

function setRange(db: Database, [, key = "", offset, bytes = ""]: readonly string[]): Answer {
  const from = integer(offset);
  if (from < 0) throw new SimpleError("ERR offset is out of range");
  if (bytes === "") return get(db, key)?.length ?? 0;
  const value = made(db, key, "string");
  const before = value.bytes.padEnd(from, "\0");
  value.bytes = before.slice(0, from) + bytes + before.slice(from + bytes.length);
  db.written.push(["SETRANGE", key, String(from), bytes]);
  return value.bytes.length;
}

function add(db: Database, key: string, by: number): number {
  const value = made(db, key, "string");
  value.bytes = String((value.bytes === "" ? 0 : integer(value.bytes)) + by);
  db.written.push(["INCRBY", key, String(by)]);
  return Number(value.bytes);
}

function del(db: Database, [, ...keys]: readonly string[]): Answer {
  const gone = keys.filter((key) => find(db, key) !== undefined && remove(db, key));
  if (gone.length > 0) db.written.push(["DEL", ...gone]);
  return gone.length;
}

function rename(db: Database, [, from = "", to = ""]: readonly string[]): Answer {
  const value = find(db, from);
  const until = db.expiries.get(from);
  if (value === undefined) throw new SimpleError("ERR no such key");
  remove(db, from);
  remove(db, to);
  db.values.set(to, value);
  if (until !== undefined) db.expiries.set(to, until);
  db.written.push(["RENAME", from, to]);
  return OK;
}

/** All at once, of those that begin as the pattern does. */
function scan(db: Database, [, , , pattern = ""]: readonly string[]): Answer {
  const start = pattern.slice(0, -1);
  if (!pattern.endsWith("*") || /[*?[\\]/.test(start))
    throw new SimpleError(`ERR the simulation scans for no ${pattern}`);
  return ["0", [...db.values.keys()].filter((key) => key.startsWith(start) && find(db, key) !== undefined)];
}

function expireAt(db: Database, key: string, until: number): Answer {
  if (find(db, key) === undefined) return 0;
  db.expiries.set(key, until);
  db.written.push(["PEXPIREAT", key, String(until)]);
  return 1;
}

function hset(db: Database, [name = "", key = "", ...pairs]: readonly string[]): number {
  if (pairs.length === 0 || pairs.length % 2 !== 0) throw arity(name);
  const { fields } = made(db, key, "hash");
  let added = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    const field = pairs[at] as string;
    if (!fields.has(field)) added++;
    fields.set(field, pairs[at + 1] as string);
  }
  db.written.push(["HSET", key, ...pairs]);
  return added;
}

function hdel(db: Database, [, key = "", ...names]: readonly string[]): Answer {
  const hash = existing(db, key, "hash");
  const gone = names.filter((name) => hash?.fields.delete(name));
  if (hash?.fields.size === 0) remove(db, key);
  if (gone.length > 0) db.written.push(["HDEL", key, ...gone]);
  return gone.length;
}

function hincrby(db: Database, [, key = "", field = "", by]: readonly string[]): Answer {
  const { fields } = made(db, key, "hash");
  const before = fields.get(field) ?? "0";
  if (!/^-?\d{1,19}$/.test(before)) throw new SimpleError("ERR hash value is not an integer");
  const after = Number(before) + integer(by);
  fields.set(field, String(after));
  db.written.push(["HSET", key, field, String(after)]);
  return after;
}

function hget(db: Database, key: string, field: string): string | null {
  return existing(db, key, "hash")?.fields.get(field) ?? null;
}

function flat(db: Database, key: string): readonly string[] {
  return [...(existing(db, key, "hash")?.fields ?? [])].flat();
}

function time(db: Database): Answer {
  return [String(Math.floor(db.now / 1_000)), String((db.now % 1_000) * 1_000)];
}

function sizeWith(sum: number, { fields }: StreamEntry): number {
  return fields.reduce((bytes, field) => bytes + field.length, sum);
}

export const PLAIN_COMMANDS: Readonly<Record<string, Command>> = {
  PING: () => new Status("PONG"),
  TIME: time,
  // Only streams are asked for: about so many bytes.
  MEMORY: (db, [, , key = ""]) => existing(db, key, "stream")?.entries.reduce(sizeWith, 100) ?? null,
  TYPE: (db, [, key = ""]) => new Status(find(db, key)?.kind ?? "none"),
  EXISTS: (db, [, ...keys]) => keys.filter((key) => find(db, key) !== undefined).length,
  DEL: del,
  UNLINK: del,
  RENAME: rename,
  SCAN: scan,
  PEXPIRE: (db, [, key = "", ms]) => expireAt(db, key, db.now + integer(ms)),
  EXPIRE: (db, [, key = "", seconds]) => expireAt(db, key, db.now + integer(seconds) * 1_000),
  PEXPIREAT: (db, [, key = "", at]) => expireAt(db, key, integer(at)),
  PTTL: (db, [, key = ""]) => {
    if (find(db, key) === undefined) return -2;
    const until = db.expiries.get(key);
    return until === undefined ? -1 : until - db.now;
  },
  GET: (db, [, key = ""]) => get(db, key),
  MGET: (db, [, ...keys]) =>
    keys.map((key) => {
      const value = find(db, key);
      return value?.kind === "string" ? value.bytes : null;
    }),
  SET: set,
  STRLEN: (db, [, key = ""]) => get(db, key)?.length ?? 0,
  SETRANGE: setRange,
  INCR: (db, [, key = ""]) => add(db, key, 1),
  INCRBY: (db, [, key = "", by]) => add(db, key, integer(by)),
  HSET: hset,
  HSETNX: (db, [name = "", key = "", field = "", value = ""]) =>
    hget(db, key, field) === null ? hset(db, [name, key, field, value]) : 0,
  HGET: (db, [, key = "", field = ""]) => hget(db, key, field),
  HMGET: (db, [, key = "", ...fields]) => {
    const hash = existing(db, key, "hash");
    return fields.map((field) => hash?.fields.get(field) ?? null);
  },
  HGETALL: (db, [, key = ""]) => flat(db, key),
  HKEYS: (db, [, key = ""]) => [...(existing(db, key, "hash")?.fields.keys() ?? [])],
  HVALS: (db, [, key = ""]) => [...(existing(db, key, "hash")?.fields.values() ?? [])],
  HEXISTS: (db, [, key = "", field = ""]) => (hget(db, key, field) === null ? 0 : 1),
  HLEN: (db, [, key = ""]) => existing(db, key, "hash")?.fields.size ?? 0,
  HDEL: hdel,
  HINCRBY: hincrby,
};
