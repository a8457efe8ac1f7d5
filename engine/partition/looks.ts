import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { CustomerLook } from "../engine.ts";
import { findDecision } from "./find-decision.ts";
import { lookAt } from "./look.ts";
import type { Partition } from "./partition.ts";
import { nowOf } from "./recover.ts";
import type { Session } from "./session.ts";

interface WaitingLook {
  readonly partition: PartitionIndex;
  readonly key: CustomerKey;
  readonly resolve: (look: CustomerLook | undefined) => void;
}

/** Who wants to see a customer: served between steps, and told only what is committed. */
export interface LookQueue {
  readonly add: (partition: PartitionIndex, key: CustomerKey) => Promise<CustomerLook | undefined>;
  readonly take: () => readonly WaitingLook[];
  /** Looks now; what it returns tells those who wait, to be called once the commit of this step is acknowledged. */
  readonly see: (looks: readonly WaitingLook[], session: Session, clock: () => number) => Promise<() => void>;
}

export function createLookQueue(wake: () => void): LookQueue {
  let queue: WaitingLook[] = [];
  return {
    add: (partition, key) =>
      new Promise((resolve) => {
        queue.push({ partition, key, resolve });
        wake();
      }),
    take: () => {
      const taken = queue;
      queue = [];
      return taken;
    },
    see: async (looks, session, clock) => {
      const seen: (() => void)[] = [];
      for (const { partition: index, key, resolve } of looks) {
        const partition = session.partitions[index] as Partition;
        const recordOf = async (contact: CustomerLook["contacts"][number]) =>
          (await findDecision(session.journal, index, contact.decision))?.record;
        const look = await lookAt(partition, key, nowOf(partition, clock), recordOf);
        seen.push(() => resolve(look));
      }
      return () => {
        for (const tell of seen) tell();
      };
    },
  };
}
