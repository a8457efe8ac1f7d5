import { readFileSync } from "node:fs";
import type { CommitSeq, DecisionId, PartitionIndex, Position } from "../domain/ids.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, type Reply, redisScript, text } from "../journal/redis.ts";
import { sourceFile } from "../journal/source-file.ts";

const script = redisScript(readFileSync(sourceFile("engine/retain/trim.lua"), "utf8"));

export interface TrimOrder {
  readonly partition: PartitionIndex;
  readonly token: string;
  /** Of the checkpoint on whose ground this was planned. */
  readonly seq: CommitSeq;
  readonly clockMs: number;
  /** `countMax` 0: exactly what is before `keepFrom`; else about so many of them, in whole nodes of the stream. */
  readonly log: { readonly keepFrom: Position; readonly countMax: number } | undefined;
  /** With all decisions of the commits before `keepFrom`. */
  readonly journal: { readonly keepFrom: CommitSeq; readonly decisions: readonly DecisionId[] } | undefined;
  readonly dead: { readonly keepFromMs: number; readonly countMax: number };
}

export interface Trimmed {
  readonly entries: number;
  readonly commits: number;
  readonly decisions: number;
  readonly dead: number;
}

/** What was dropped; in words why nothing was. Rejects where it is not known: sent again it does no harm. */
export async function trimStreams(connection: RedisConnection, order: TrimOrder): Promise<Trimmed | string> {
  const { lease, checkpoint, events, journal, decisions, dead } = partitionKeys(order.partition);
  const args = [
    order.token,
    String(order.seq),
    String(Math.floor(order.clockMs)),
    order.log?.keepFrom ?? "",
    String(order.log?.countMax ?? 0),
    order.journal === undefined ? "" : String(order.journal.keepFrom),
    String(Math.max(0, Math.floor(order.dead.keepFromMs))),
    String(order.dead.countMax),
    ...(order.journal?.decisions ?? []),
  ];
  const reply = await connection.script(script, [lease, checkpoint, events, journal, decisions, dead], args);
  const [verdict, ...counts] = reply as readonly Reply[];
  if (text(verdict) !== "OK") return text(verdict);
  const [entries = 0, commits = 0, gone = 0, letters = 0] = counts.map(Number);
  return { entries, commits, decisions: gone, dead: letters };
}
