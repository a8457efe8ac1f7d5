// Idempotent append with a watermark: what was sent before is skipped, so that whoever is in doubt sends again.
import { readFileSync } from "node:fs";
import { comparePositions, type PartitionIndex, type Position } from "../domain/ids.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type Argument, type RedisConnection, redisScript } from "../journal/redis.ts";
import { sourceFile } from "../journal/source-file.ts";
import type { EntryFields } from "./log-entry.ts";

/** Where to append, and the hash field that holds the watermark: `readMark` reads it. Both keys in one slot. */
export interface AppendTarget {
  readonly stream: string;
  readonly watermarks: string;
  readonly field: string;
}

/** `id` is `<number>-<number>`, both below 10^20, ascending within the source; compared as numbers. */
export interface SourceEntry {
  readonly id: string;
  readonly fields: EntryFields;
}

export interface AppendedOnce {
  readonly appended: number;
  readonly skipped: number;
  /** Entries in the target stream afterwards. */
  readonly length: number;
}

const script = redisScript(readFileSync(sourceFile("engine/ingest/append-once.lua"), "utf8"));

/** The id of the last entry taken from a source, and the generation of ids to which it belongs; 0: the source has but one. */
export interface Watermark {
  readonly id: Position;
  readonly generation: number;
}

export function readMark(written: string): Watermark {
  const [id = "", generation = "0"] = written.split(" ");
  return { id: (id === "" ? "0-0" : id) as Position, generation: Number(generation) };
}

/**
 * Appends, in order and atomically, the entries whose id is above the watermark; one of an earlier generation of ids counts as
 * none. `shared`: elements that all entries begin with, before their own, of which each has at least one. Rejects with
 * RedisTrouble where it is not known whether it happened (send again), and with the server's error, having written nothing,
 * where the watermark is of a later generation, a key has another type, an id another form, or fields are not 1 to 32 names
 * and values.
 */
export async function appendOnce(
  connection: Pick<RedisConnection, "script">,
  target: AppendTarget,
  entries: readonly SourceEntry[],
  generation = 0,
  shared: EntryFields = [],
): Promise<AppendedOnce> {
  const ids = entries.map((entry) => entry.id);
  // Where they ascend the script looks at the first and the last of them only.
  const first = ascend(ids) ? (ids[0] ?? "") : "";
  const head = [target.field, String(generation), ids.join(" "), first, ids.at(-1) ?? "", ownCounts(entries)];
  const args: Argument[] = [...head, String(shared.length), ...shared];
  for (const { fields } of entries) for (const each of fields) args.push(each);
  const reply = await connection.script(script, [target.stream, target.watermarks], args);
  const [appended, skipped, length] = reply as readonly number[];
  return { appended: appended as number, skipped: skipped as number, length: length as number };
}

/** One number where it is the same for all. */
function ownCounts(entries: readonly SourceEntry[]): string {
  const count = entries[0]?.fields.length ?? 0;
  const isOne = entries.every(({ fields }) => fields.length === count);
  return isOne ? String(count) : entries.map(({ fields }) => fields.length).join(" ");
}

/** Is each above the one before it, for certain? Beyond what a double holds nothing is. */
function ascend(ids: readonly string[]): boolean {
  for (let at = 1; at < ids.length; at++) if (!isBelow(ids[at - 1] as string, ids[at] as string)) return false;
  return true;
}

function isBelow(a: string, b: string): boolean {
  const isOfOneForm = a.length === b.length && a.indexOf("-") === b.indexOf("-");
  return isOfOneForm ? a < b : comparePositions(a as Position, b as Position) < 0;
}

/** For the input log of a partition: one watermark for each named stream. */
export function logTarget(partition: PartitionIndex, stream: string): AppendTarget {
  const keys = partitionKeys(partition);
  return { stream: keys.events, watermarks: keys.checkpoint, field: `moved:${stream}` };
}

/** For the dead letters of the front door, which have no key and so no partition. */
export function deadTarget(stream: string): AppendTarget {
  return { stream: "nba:dead", watermarks: "{nba:dead}:moved", field: stream };
}

/** The least id above this one. */
export function idAfter(position: Position): Position {
  const dash = position.indexOf("-");
  return `${position.slice(0, dash)}-${BigInt(position.slice(dash + 1)) + 1n}` as Position;
}
