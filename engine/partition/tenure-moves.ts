// How one partition comes and goes.
import type { PartitionIndex } from "../domain/ids.ts";
import type { Partition } from "./partition.ts";
import { type TakenPartition, takePartition } from "./take-partition.ts";
import { BEAT_MS_MAX, type Tenancy } from "./tenancy.ts";
import { isTrouble } from "./trouble.ts";

/** Acquires and recovers it, where nobody else has it; it is let in between two steps. Never rejects. */
export async function takeOne(tenancy: Tenancy, index: PartitionIndex): Promise<void> {
  const { state, session, taking } = tenancy;
  const { rests } = session;
  const { log, onGone } = state.options;
  taking.add(index);
  try {
    const acquired = await session.leases.acquire(index);
    if (acquired.kind === "held") return rests.pause(index, Math.min(acquired.remainingMs + 5, BEAT_MS_MAX));
    if (acquired.kind === "broken") throw new Error(acquired.why);
    const taken = await takePartition(state, session, index, acquired);
    tenancy.arrivals.push(taken); // not in one line: the list is another one by then
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // What is wrong with its records stays wrong: that is told and counted. Redis may answer again soon.
    rests.fail(index, isTrouble(error) ? undefined : why);
    if (isTrouble(error)) rests.refuse(why);
    if (!session.connection.isClosed())
      log.error("a partition could not be taken; trying again", { partition: index, why });
    await onGone(index);
    session.leases.dropIndex(index);
  } finally {
    taking.delete(index);
    state.signal.wake();
  }
}

export function letIn(tenancy: Tenancy, { partition, catchUp }: TakenPartition): void {
  const { state, session, inbox, neighbours } = tenancy;
  const { index, position } = partition;
  if (!session.leases.isCurrent(partition)) {
    void state.options.onGone(index); // another engine has taken it while it was recovered
    return;
  }
  if (tenancy.isGiving) {
    giveLease(tenancy, partition);
    return;
  }
  session.join(partition, { ...catchUp, isRead: () => inbox.isRead(index) });
  session.rests.succeed(index);
  inbox.join(index, position);
  session.sendRelays(partition);
  if (neighbours.all().length > 1) beatSoon(tenancy);
}

/** Nothing more of its log is read, and what it is ahead of Redis is stored by the next steps. */
export function letLeave({ session, inbox, leaving, state }: Tenancy, partition: Partition): void {
  if (leaving.has(partition) || session.isLost(partition)) return;
  leaving.add(partition);
  session.leave(partition);
  inbox.forget(partition.index);
  state.signal.wake();
}

/** Its last commit is acknowledged. */
export function handBack(tenancy: Tenancy, partition: Partition): void {
  letOut(tenancy, partition);
  giveLease(tenancy, partition);
}

/** How many were lost since the last step. */
export function letLostOut(tenancy: Tenancy): number {
  const { state, session } = tenancy;
  const lost = session.takeLost();
  for (const [partition, why] of lost) {
    const { index } = partition;
    state.options.log.warn("a partition was lost; whose turn it is takes it again", { partition: index, why });
    letOut(tenancy, partition);
    session.leases.drop(partition);
    session.rests.fail(index, undefined);
    void state.options.onGone(index).then(() => beatSoon(tenancy));
  }
  return lost.size;
}

function letOut({ session, inbox, leaving, stored }: Tenancy, partition: Partition): void {
  session.remove(partition);
  leaving.delete(partition);
  stored.delete(partition);
  inbox.forget(partition.index);
  session.quotas.forget(partition);
}

function giveLease(tenancy: Tenancy, partition: Partition): void {
  const { state, session, handing } = tenancy;
  const giving = state.options
    .onGone(partition.index)
    .then(() => session.leases.giveBack(partition))
    .then(() => beatSoon(tenancy))
    .finally(() => handing.delete(giving));
  handing.add(giving);
}

/** The others should know at once. Where it fails, the next beat tells. */
function beatSoon({ neighbours }: Tenancy): void {
  neighbours.beat().catch(() => undefined);
}
