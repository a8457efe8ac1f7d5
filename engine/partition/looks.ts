// The queue of looks at customers. A look is taken between steps and shows memory as it is after one step; it is told once
// the commits of that step are acknowledged, and the decisions it shows are read from the journal while the loop goes on.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { CustomerLook } from "../engine.ts";
import { findDecision } from "./find-decision.ts";
import { glanceAt, scoreGlances, type Unscored, withDecisions } from "./look.ts";
import type { Partition } from "./partition.ts";
import { nowOf } from "./recover.ts";
import type { Session } from "./session.ts";
import { isTrouble, Unavailable } from "./trouble.ts";

/** More looks wait than may: asking again after a moment helps. */
export class Overloaded extends Error {
  override readonly name = "Overloaded";
}

export interface WaitingLook {
  readonly partition: PartitionIndex;
  readonly key: CustomerKey;
  /** Of these two only the first call counts. */
  readonly resolve: (look: CustomerLook | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Who wants to see a customer: served between steps, and told only what is committed. */
export interface LookQueue {
  /** Rejects at once with Overloaded where too many wait, with Unavailable where the session ends before it is served. */
  readonly add: (partition: PartitionIndex, key: CustomerKey) => Promise<CustomerLook | undefined>;
  /** Oldest first. */
  readonly take: (countMax: number) => readonly WaitingLook[];
  /** How many were not taken yet. */
  readonly length: () => number;
}

export interface LookQueueOptions {
  /** Counts those that were taken and are not told yet, too. */
  readonly looksMax: number;
  readonly wake: () => void;
}

export function createLookQueue({ looksMax, wake }: LookQueueOptions): LookQueue {
  const queue: WaitingLook[] = [];
  let untold = 0;
  return {
    add: (partition, key) => {
      if (untold >= looksMax) return Promise.reject(new Overloaded(`${looksMax} looks at customers wait already`));
      untold++;
      const told = new Promise<CustomerLook | undefined>((resolve, reject) => {
        queue.push({ partition, key, resolve, reject });
      });
      wake();
      return told.finally(() => void untold--);
    },
    take: (countMax) => queue.splice(0, countMax),
    length: () => queue.length,
  };
}

/**
 * Looks now; what it returns tells those who wait, to be called once the commit of this step is acknowledged. It never
 * rejects, and nothing has to wait for it: what it reads in the journal does not change any more.
 */
export async function see(
  looks: readonly WaitingLook[],
  session: Session,
  clock: () => number,
): Promise<() => Promise<void>> {
  const known: { readonly waiting: WaitingLook; readonly unscored: Unscored }[] = [];
  const unknown: WaitingLook[] = [];
  for (const waiting of looks) {
    const partition = session.partitions[waiting.partition] as Partition;
    const unscored = glanceAt(partition, waiting.key, nowOf(partition, clock));
    if (unscored === undefined) unknown.push(waiting);
    else known.push({ waiting, unscored });
  }
  const glances = await scoreGlances(known.map(({ unscored }) => unscored));
  return async () => {
    for (const { resolve } of unknown) resolve(undefined);
    for (const [at, glance] of glances.entries()) {
      const { waiting } = known[at] as (typeof known)[number];
      try {
        const look = await withDecisions(
          glance,
          async ({ decision }) => (await findDecision(session.journal, waiting.partition, decision))?.record,
        );
        waiting.resolve(look);
      } catch (error) {
        // Of this look alone: the loop itself notices where its session is broken.
        waiting.reject(isTrouble(error) ? new Unavailable(error.message) : (error as Error));
      }
    }
  };
}

/** Nobody is left waiting for a session that has ended. */
export function refuseLooks(looks: readonly WaitingLook[], why: string): void {
  for (const { reject } of looks) reject(new Unavailable(why));
}
