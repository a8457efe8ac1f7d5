// What a Redis holds, in memory. Every string is binary-safe: one character (0 to 255) for each byte.
export class SimpleError extends Error {
  override readonly name = "SimpleError";
}

/** A simple string, as opposed to a bulk string, which is a plain string here. */
export class Status {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export const OK = new Status("OK");

export type Answer = number | string | null | Status | readonly Answer[];

export interface StreamEntry {
  readonly ms: number;
  readonly seq: number;
  readonly fields: readonly string[];
}

export interface Stream {
  readonly kind: "stream";
  entries: StreamEntry[];
  lastMs: number;
  lastSeq: number;
  added: number;
  deletedMs: number;
  deletedSeq: number;
}

interface SortedSet {
  readonly kind: "zset";
  readonly scores: Map<string, number>;
  /** Undefined after a change. */
  sorted: readonly (readonly [string, number])[] | undefined;
}

type Value =
  | { readonly kind: "string"; bytes: string }
  | { readonly kind: "hash"; readonly fields: Map<string, string> }
  | SortedSet
  | Stream;

export type Kind = Value["kind"];

export interface Database {
  /** Milliseconds since 1970, by the clock of the server. */
  now: number;
  readonly values: Map<string, Value>;
  /** When keys go, in ms since 1970. */
  readonly expiries: Map<string, number>;
  /** What the unit under way has written, as commands that do the same again at any time. */
  written: string[][];
}

export function createDatabase(): Database {
  return { now: 0, values: new Map(), expiries: new Map(), written: [] };
}

export function find(db: Database, key: string): Value | undefined {
  const until = db.expiries.get(key);
  if (until !== undefined && until <= db.now) remove(db, key);
  return db.values.get(key);
}

export function remove(db: Database, key: string): boolean {
  db.expiries.delete(key);
  return db.values.delete(key);
}

/** The value of this kind; undefined where the key is not there. */
export function existing<K extends Kind>(db: Database, key: string, kind: K): Extract<Value, { kind: K }> | undefined {
  const value = find(db, key);
  if (value === undefined) return undefined;
  if (value.kind !== kind) {
    throw new SimpleError("WRONGTYPE Operation against a key holding the wrong kind of value");
  }
  return value as Extract<Value, { kind: K }>;
}

/** The value of this kind, made where the key is not there. */
export function made<K extends Kind>(db: Database, key: string, kind: K): Extract<Value, { kind: K }> {
  const found = existing(db, key, kind);
  if (found !== undefined) return found;
  const value = empty(kind);
  db.values.set(key, value);
  return value as Extract<Value, { kind: K }>;
}

function empty(kind: Kind): Value {
  switch (kind) {
    case "string":
      return { kind, bytes: "" };
    case "hash":
      return { kind, fields: new Map() };
    case "zset":
      return { kind, scores: new Map(), sorted: undefined };
    case "stream":
      return { kind, entries: [], lastMs: 0, lastSeq: 0, added: 0, deletedMs: 0, deletedSeq: 0 };
  }
}

export function integer(text: string | undefined): number {
  if (text === undefined || !/^-?\d{1,19}$/.test(text)) {
    throw new SimpleError("ERR value is not an integer or out of range");
  }
  return Number(text);
}

export const SYNTAX = "ERR syntax error";

export function arity(name: string): SimpleError {
  return new SimpleError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
}
