// The queue of simulations. One is decided between two steps on what is in memory then, and told once the commit of that
// step is acknowledged, as looks are.
import { explain } from "../decide/explain.ts";
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { Simulated, Simulation } from "../engine.ts";
import type { Partition } from "./partition.ts";
import { obtainable } from "./quota-use.ts";
import { nowOf } from "./recover.ts";
import type { ServedQueue, Waiting } from "./served-queue.ts";
import type { Session } from "./session.ts";
import { decideSupposed, suppose } from "./suppose.ts";
import { Unavailable, whyNotHere } from "./trouble.ts";

interface Wanted {
  readonly partition: PartitionIndex;
  readonly key: CustomerKey;
  readonly simulation: Simulation;
}

export type WaitingSimulation = Waiting<Wanted, Simulated>;
export type SimulationQueue = ServedQueue<Wanted, Simulated>;

/** Decides now; what it returns explains and tells, to be called once the commit of this step is acknowledged. It never throws. */
export async function simulateAll(
  waiting: readonly WaitingSimulation[],
  session: Session,
  clock: () => number,
): Promise<() => void> {
  const tellings: (() => void)[] = [];
  for (const { partition: index, simulation, resolve, reject } of waiting) {
    const partition = session.owned(index) as Partition;
    if (session.isLost(partition)) {
      reject(new Unavailable(whyNotHere(index)));
      continue;
    }
    const now = nowOf(partition, clock);
    const quotas = await obtainable(session.quotas, partition, simulation.suppose.now ?? now);
    const supposed = suppose(partition, simulation, now, quotas);
    if ("kind" in supposed) {
      tellings.push(() => resolve(supposed));
      continue;
    }
    const { decider } = supposed.active;
    const record = await decideSupposed(supposed);
    tellings.push(() => {
      if (session.isLost(partition)) return reject(new Unavailable(whyNotHere(index)));
      try {
        resolve({ kind: "simulated", record, explanation: explain(decider, record) });
      } catch (error) {
        reject(error as Error); // a bug of the explanation is told to whoever asked, and no reason to stop deciding
      }
    });
  }
  return () => {
    for (const tell of tellings) tell();
  };
}
