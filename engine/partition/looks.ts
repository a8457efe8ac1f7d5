import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { CustomerLook } from "../engine.ts";
import { findDecision } from "./find-decision.ts";
import { glanceAt, withDecisions } from "./look.ts";
import type { Partition } from "./partition.ts";
import { nowOf } from "./recover.ts";
import type { Session } from "./session.ts";
import { Unavailable } from "./trouble.ts";

export interface WaitingLook {
  readonly partition: PartitionIndex;
  readonly key: CustomerKey;
  readonly resolve: (look: CustomerLook | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Who wants to see a customer: served between steps, and told only what is committed. */
export interface LookQueue {
  /** Rejects with Unavailable where the session ends before it is served. */
  readonly add: (partition: PartitionIndex, key: CustomerKey) => Promise<CustomerLook | undefined>;
  readonly take: () => readonly WaitingLook[];
}

export function createLookQueue(wake: () => void): LookQueue {
  let queue: WaitingLook[] = [];
  return {
    add: (partition, key) =>
      new Promise((resolve, reject) => {
        queue.push({ partition, key, resolve, reject });
        wake();
      }),
    take: () => {
      const taken = queue;
      queue = [];
      return taken;
    },
  };
}

/** Looks now; what it returns tells those who wait, to be called once the commit of this step is acknowledged. */
export async function see(
  looks: readonly WaitingLook[],
  session: Session,
  clock: () => number,
): Promise<() => Promise<void>> {
  const seen: (() => Promise<void>)[] = [];
  for (const { partition: index, key, resolve } of looks) {
    const partition = session.partitions[index] as Partition;
    const glance = await glanceAt(partition, key, nowOf(partition, clock));
    seen.push(async () => {
      if (glance === undefined) resolve(undefined);
      else {
        const find = async ({ decision }: { decision: Parameters<typeof findDecision>[2] }) =>
          (await findDecision(session.journal, index, decision))?.record;
        resolve(await withDecisions(glance, find));
      }
    });
  }
  return async () => {
    for (const tell of seen) await tell();
  };
}

/** Nobody is left waiting for a session that has ended. */
export function refuseLooks(looks: readonly WaitingLook[], why: string): void {
  for (const { reject } of looks) reject(new Unavailable(why));
}
