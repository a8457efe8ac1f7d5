// The journals of all partitions of a cluster, followed as screens do.
import { expect } from "vitest";
import { createRedisLane } from "../../engine/deliver/redis-lane.ts";
import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { partitionKeys } from "../../engine/journal/keys.ts";
import { openConnection } from "../../engine/journal/open-connection.ts";
import type { DecisionLoop } from "../../engine/partition/decision-loop.ts";
import { createJournalTail } from "../../engine/peer/journal-tail.ts";
import { createJournalReader } from "../../engine/peer/read-journals.ts";
import { PARTITIONS } from "../partition/harness.ts";
import { eventually, type TestCluster } from "./start-cluster.ts";

const indexes = Array.from({ length: PARTITIONS }, (_, index) => index as PartitionIndex);

/** Follows the journals of all partitions from one engine, as its screens do. */
export async function followAll(cluster: TestCluster, loop: DecisionLoop) {
  const lane = createRedisLane(() => openConnection({ url: cluster.url, silenceMs: 1_500 }));
  const { engine, lastCommit } = loop;
  const tail = createJournalTail({
    engine,
    lastCommit,
    reader: createJournalReader(lane),
    log: { warn: () => undefined },
  });
  const told = new Map<PartitionIndex, number[]>(indexes.map((index) => [index, []]));
  const lost: PartitionIndex[] = [];
  tail.listen({
    onCommitted: ({ partition, seq }) => told.get(partition)?.push(seq),
    concerns: () => true,
    onLost: (partition) => lost.push(partition),
  });
  const placed = await Promise.all(indexes.map((index) => tail.follow(index).placed));
  return {
    stop: tail.stop,
    /** Every commit since, once and in order. */
    expectAll: async () => {
      for (const index of indexes) {
        const { journal } = partitionKeys(index);
        const entries = await (await cluster.open(journal)).xrange(journal, `(${placed[index]}-0`, "+");
        const committed = entries.map(([id]) => Number.parseInt(id, 10));
        const upTo = (): number[] => (told.get(index) ?? []).filter((seq) => seq <= (committed.at(-1) ?? 0));
        await eventually(`the commits of ${index}`, async () => upTo().length >= committed.length || undefined);
        expect(upTo()).toEqual(committed);
      }
      expect(lost).toEqual([]);
    },
  };
}
