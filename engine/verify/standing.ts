// What changes behind the reader's back while verify reads: erasures, and what retention lets go of each partition.
import type { PartitionIndex } from "../domain/ids.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { erasuresSeen } from "./erasures-under-way.ts";

export interface Standing {
  /** A stream may have been written anew and the one that it is compared with not yet. */
  readonly isErasing: boolean;
  readonly erasures: string;
  /** The oldest entries that Redis holds of log and journal. */
  readonly fronts: ReadonlyMap<PartitionIndex, string>;
}

export async function standingOf(
  connection: Pick<RedisConnection, "command">,
  partitions: readonly PartitionIndex[],
): Promise<Standing> {
  const { isUnderWay, print } = await erasuresSeen(connection);
  const oldest = async (key: string): Promise<string> => {
    const [first] = (await connection.command([
      "XRANGE",
      key,
      "-",
      "+",
      "COUNT",
      "1",
    ])) as readonly (readonly Reply[])[];
    return text(first?.[0]);
  };
  const fronts = partitions.map(async (index) => {
    const { events, journal } = partitionKeys(index);
    return [index, `${await oldest(events)} ${await oldest(journal)}`] as const;
  });
  return { isErasing: isUnderWay, erasures: print, fronts: new Map(await Promise.all(fronts)) };
}

/** Partitions that were trimmed in between. */
export function trimmedBetween(before: Standing, after: Standing): readonly PartitionIndex[] {
  return [...after.fronts].filter(([index, front]) => before.fronts.get(index) !== front).map(([index]) => index);
}
