// The queue of looks at customers. A look is taken between steps and shows memory as it is after one step; it is told once
// the commits of that step are acknowledged, and the decisions it shows are read from the journal while the loop goes on.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { CustomerLook } from "../engine.ts";
import { findDecision } from "./find-decision.ts";
import { glanceAt, scoreGlances, type Unscored, withDecisions } from "./look.ts";
import type { Partition } from "./partition.ts";
import { partitionOfDecision } from "./questions.ts";
import { nowOf } from "./recover.ts";
import type { ServedQueue, Waiting } from "./served-queue.ts";
import type { Session } from "./session.ts";
import { isTrouble, Unavailable, whyNotHere } from "./trouble.ts";

interface LookPlace {
  readonly partition: PartitionIndex;
  readonly key: CustomerKey;
}

export type WaitingLook = Waiting<LookPlace, CustomerLook | undefined>;
export type LookQueue = ServedQueue<LookPlace, CustomerLook | undefined>;

/**
 * Looks now; what it returns tells those who wait, to be called once the commit of this step is acknowledged. It never
 * rejects, and nothing has to wait for it: what it reads in the journal does not change any more.
 */
export async function see(
  looks: readonly WaitingLook[],
  session: Session,
  clock: () => number,
): Promise<() => Promise<void>> {
  const known: { readonly waiting: WaitingLook; readonly partition: Partition; readonly unscored: Unscored }[] = [];
  const unknown: { readonly waiting: WaitingLook; readonly partition: Partition }[] = [];
  for (const waiting of looks) {
    const partition = session.owned(waiting.partition) as Partition;
    if (session.isLost(partition)) {
      waiting.reject(new Unavailable(whyNotHere(waiting.partition)));
      continue;
    }
    const unscored = glanceAt(partition, waiting.key, nowOf(partition, clock));
    if (unscored === undefined) unknown.push({ waiting, partition });
    else known.push({ waiting, partition, unscored });
  }
  const glances = await scoreGlances(known.map(({ unscored }) => unscored));
  return async () => {
    for (const { waiting, partition } of unknown) {
      if (session.isLost(partition)) waiting.reject(new Unavailable(whyNotHere(partition.index)));
      else waiting.resolve(undefined);
    }
    for (const [at, glance] of glances.entries()) {
      const { waiting, partition: seen } = known[at] as (typeof known)[number];
      try {
        // What it saw may not have been committed, or another engine may have gone on with it.
        if (session.isLost(seen) || !(await session.leases.confirm(seen))) {
          waiting.reject(new Unavailable(whyNotHere(seen.index)));
          continue;
        }
        const look = await withDecisions(glance, async ({ decision }) => {
          // Not always of this partition: an anonymous key that was joined has brought its contacts along.
          const partition = partitionOfDecision(decision, session.context.partitions);
          if (partition === undefined) return undefined;
          return (await findDecision(session.journal, partition, decision))?.record;
        });
        waiting.resolve(look);
      } catch (error) {
        // Of this look alone: the loop itself notices where its session is broken.
        waiting.reject(isTrouble(error) ? new Unavailable(error.message) : (error as Error));
      }
    }
  };
}
