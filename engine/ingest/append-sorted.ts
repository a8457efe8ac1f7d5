// Appends one batch of a named stream to the logs where its entries belong, and to the dead letters.
import type { RedisConnection } from "../journal/redis.ts";
import { type AppendTarget, appendOnce, deadTarget, logTarget, type SourceEntry } from "./append-once.ts";
import type { EntryFields } from "./log-entry.ts";
import { logFields } from "./route.ts";
import type { SortedEntries } from "./sorted-entries.ts";

export interface AppendedBatch {
  /** To the logs. */
  readonly appended: number;
  /** To the dead letters. */
  readonly buried: number;
  /** They were there before, here or there. */
  readonly skipped: number;
  /** The logs appended to, with as many entries as they have now. */
  readonly logs: readonly { readonly log: string; readonly length: number }[];
}

/**
 * Everything for one log goes over the same of the `lanes` (at least one), so it stays in order. Settles when all of it has, or
 * the order could change where it is sent again; rejects as appendOnce does.
 */
export async function appendSorted(
  lanes: readonly RedisConnection[],
  stream: string,
  { logs, letters }: SortedEntries,
  generation: number,
): Promise<AppendedBatch> {
  const append = async (lane: number, target: AppendTarget, entries: readonly SourceEntry[], begin?: EntryFields) => {
    const connection = lanes[lane % lanes.length] as RedisConnection;
    return { log: target.stream, ...(await appendOnce(connection, target, entries, generation, begin)) };
  };
  const begin = logFields(stream);
  const appends = [...logs].map(([partition, moved]) => append(partition, logTarget(partition, stream), moved, begin));
  const burials = letters.length === 0 ? [] : [append(0, deadTarget(stream), letters)];
  const failed = (await Promise.allSettled([...appends, ...burials])).find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const [toLogs, toLetters] = [await Promise.all(appends), await Promise.all(burials)];
  const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);
  return {
    appended: sum(toLogs.map(({ appended }) => appended)),
    buried: sum(toLetters.map(({ appended }) => appended)),
    skipped: sum([...toLogs, ...toLetters].map(({ skipped }) => skipped)),
    logs: toLogs,
  };
}
