// What is granted of each quota, over all partitions: one account for each quota and period, in a Redis slot of its own.
import { readFileSync } from "node:fs";
import type { PartitionIndex } from "../domain/ids.ts";
import { DAY_MS } from "../domain/time.ts";
import { type Argument, type RedisConnection, type Reply, redisScript, text } from "./redis.ts";
import { sourceFile } from "./source-file.ts";

/** One quota in one period. Its units are whole numbers below 2^53. */
export interface QuotaAccount {
  /** `ID/UNIT/PERIOD`, e.g. `pushes/contacts/2026-11-22`. */
  readonly line: string;
  /** Units that may be granted by now, over all partitions. */
  readonly limit: number;
}

/** Of one partition. `granted`: as its ledger has it; `spent`: of that. */
interface RowHead {
  readonly partition: PartitionIndex;
  readonly epoch: number;
  readonly spent: number;
  readonly granted: number;
}

export type QuotaRow =
  /**
   * Raises the grant so that the partition holds `wish` units that are not spent, or its share of what is left, whichever is
   * more; as far as there are any, and not at all where it would still hold fewer than `least`. Below `need` it starves.
   */
  | (RowHead & { readonly kind: "ask"; readonly least: number; readonly need: number; readonly wish: number })
  /** Lowers the grant to `granted`, which must be journalled: nothing may be spent beyond it any more. */
  | (RowHead & { readonly kind: "give" })
  /** Raises the grant to `granted`: the account has lost what the ledger says. */
  | (RowHead & { readonly kind: "hold" });

export interface QuotaReply {
  /** Granted over all partitions. */
  readonly sum: number;
  /** Asks so far that got too little: where it grows, somebody waits for units. */
  readonly starved: number;
  /** By row: what its partition may spend in all, or undefined where a later epoch was seen. */
  readonly granted: readonly (number | undefined)[];
}

export interface QuotaStanding {
  readonly sum: number;
  readonly starved: number;
  readonly partitions: readonly {
    readonly partition: PartitionIndex;
    readonly granted: number;
    readonly spent: number;
  }[];
}

export interface QuotaAccounts {
  /** In order, at once. Sent twice, it changes nothing. Rejects with RedisTrouble where it is not known whether it happened. */
  readonly exchange: (account: QuotaAccount, rows: readonly QuotaRow[]) => Promise<QuotaReply>;
  /** `spent` is as of the last exchange of each partition. */
  readonly read: (line: string) => Promise<QuotaStanding>;
}

/** An ask gets one part in so many of what is left, so that blocks grow smaller as a quota runs out. */
const PARTS_FOR_EACH_PARTITION = 8;
/** An account of a day is of no use after it; nor is there any harm in keeping it for a while. */
const KEPT_MS = 40 * DAY_MS;

const script = redisScript(readFileSync(sourceFile("engine/journal/quota.lua"), "utf8"));

export function createQuotaAccounts(connection: RedisConnection, partitions: number): QuotaAccounts {
  return {
    exchange: async ({ line, limit }, rows) => {
      const keptMs = line.endsWith("/total") ? 0 : KEPT_MS;
      const args: Argument[] = [limit, partitions * PARTS_FOR_EACH_PARTITION, keptMs].map(String);
      for (const row of rows) args.push(...rowArguments(row));
      const reply = (await connection.script(script, [quotaKey(line)], args)) as readonly Reply[];
      const [sum, starved, ...granted] = reply.map((item) => Number(text(item)));
      return {
        sum: sum as number,
        starved: starved as number,
        granted: granted.map((units) => (units < 0 ? undefined : units)),
      };
    },
    read: async (line) => standingOf((await connection.command(["HGETALL", quotaKey(line)])) as readonly Reply[]),
  };
}

/** The hash of an account. Its tag is its own, so accounts are spread over a cluster. */
export function quotaKey(line: string): string {
  const [id, unit, period] = line.split("/");
  return `nba:{quota:${id}}:${unit}:${period}`;
}

function rowArguments(row: QuotaRow): readonly string[] {
  const head = [row.kind, row.partition, row.epoch, row.spent, row.granted];
  const rest = row.kind === "ask" ? [row.least, row.need, row.wish] : [0, 0, 0];
  return [...head, ...rest].map(String);
}

function standingOf(flat: readonly Reply[]): QuotaStanding {
  let sum = 0;
  let starved = 0;
  const partitions: QuotaStanding["partitions"][number][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const field = text(flat[at]);
    const value = text(flat[at + 1]);
    if (field === "sum") sum = Number(value);
    else if (field === "starved") starved = Number(value);
    else {
      const [, granted, spent] = value.split(" ").map(Number);
      partitions.push({
        partition: Number(field) as PartitionIndex,
        granted: granted as number,
        spent: spent as number,
      });
    }
  }
  return { sum, starved, partitions: partitions.sort((a, b) => a.partition - b.partition) };
}
