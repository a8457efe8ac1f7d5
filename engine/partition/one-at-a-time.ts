// What must not happen to one partition at the same time: its streams are trimmed, and they are written anew.
import type { PartitionIndex } from "../domain/ids.ts";

/** Runs once what was begun for the same partition before is over, however that ended. */
export type OneAtATime = <T>(partition: PartitionIndex, work: () => Promise<T>) => Promise<T>;

export function createOneAtATime(): OneAtATime {
  const last = new Map<PartitionIndex, Promise<unknown>>();
  return async (partition, work) => {
    const before = last.get(partition) ?? Promise.resolve();
    const mine = before.then(work, work);
    last.set(partition, mine);
    try {
      return await mine;
    } finally {
      if (last.get(partition) === mine) last.delete(partition);
    }
  };
}
