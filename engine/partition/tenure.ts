// Which partitions this process holds: it tells the others that it is alive, takes its even share, and gives back what is more.
// Taking runs beside the loop; partitions come in and go out between two of its steps.
import type { PartitionIndex } from "../domain/ids.ts";
import type { Ownership } from "../engine.ts";
import { createEngineRegister } from "../journal/engines.ts";
import { settleOrphans } from "./after-session.ts";
import type { LoopState } from "./decision-loop.ts";
import type { Inbox } from "./inbox.ts";
import { createNeighbours } from "./neighbours.ts";
import type { Partition } from "./partition.ts";
import type { Session } from "./session.ts";
import { type Share, shareOf } from "./share.ts";
import { BEAT_MS_MAX, type Tenancy } from "./tenancy.ts";
import { handBack, letIn, letLeave, letLostOut, takeOne } from "./tenure-moves.ts";

export interface Tenure {
  /** Between two steps: takes in what was recovered, lets out what was lost or is stored to the last commit. */
  readonly change: () => void;
  /** From now on nothing is taken, and all of it is given back as soon as it is stored. */
  readonly giveAll: () => void;
  /** What is stored of a leaving partition is all there is: it may go. */
  readonly stored: (partition: Partition) => void;
  /** Holds nothing, and is not about to. */
  readonly isEmpty: () => boolean;
  readonly isReady: () => boolean;
  readonly ownership: (index: PartitionIndex) => Ownership;
  /** All is given back: others may take it, while this engine still answers and asks them. */
  readonly retire: () => void;
  /** On a clean end, when nothing is held any more: the others need not wait until this engine counts as dead. */
  readonly leave: () => Promise<void>;
  readonly close: () => void;
}

const TAKING_MAX = 8;
const LEAVING_MAX = 8;
/** Beyond this an engine is ready with what it has got, where all the rest is somebody else's. */
const READY_MS_MAX = 5_000;
const RETRY_AFTER_MS = 250;

/** Rejects as commands do where the register cannot be written. */
export async function openTenure(state: LoopState, session: Session, inbox: Inbox): Promise<Tenure> {
  const { options } = state;
  const { leaseMs, owner: id, address, clock, isGone } = options;
  const register = createEngineRegister({ connection: session.connection, id, address, leaseMs });
  const onSeen = (): void => {
    plan(tenancy);
    void settleTaken(tenancy);
    state.signal.wake();
  };
  const neighbours = createNeighbours({ register, id, owned: session.leases.indexes, onSeen, isGone });
  const tenancy: Tenancy = {
    state,
    session,
    inbox,
    neighbours,
    taking: new Set(),
    arrivals: [],
    leaving: new Set(),
    stored: new Set(),
    handing: new Set(),
    isGiving: false,
  };
  const beganAt = clock();
  await neighbours.beat();
  neighbours.start(Math.min(BEAT_MS_MAX, leaseMs / 4), (why) => {
    session.rests.refuse(why); // whoever cannot say that he is there takes nothing
    if (!session.connection.isClosed()) options.log.warn("the register of engines could not be written", { why });
  });
  return {
    change: () => change(tenancy),
    giveAll: () => {
      tenancy.isGiving = true;
      for (const partition of session.partitions) letLeave(tenancy, partition);
    },
    stored: (partition) => {
      tenancy.stored.add(partition);
      state.signal.wake();
    },
    isEmpty: () => {
      const { arrivals, taking, handing } = tenancy;
      return session.partitions.length + arrivals.length + taking.size + handing.size === 0;
    },
    isReady: () => isReady(tenancy, clock() - beganAt),
    ownership: (index) => ownership(tenancy, index),
    retire: neighbours.leave,
    leave: async () => {
      await Promise.all(tenancy.handing);
      neighbours.stop();
      await register.leave();
    },
    close: neighbours.stop,
  };
}

/** By the register as it was last seen, but of itself as it is now: without what is leaving. */
function presentShare({ state, session, neighbours, leaving }: Tenancy): Share & { readonly missing: number } {
  const { owner: id, partitions } = state.options;
  const going = new Set([...leaving].map(({ index }) => index));
  const owned = new Set([...session.leases.indexes()].filter((index) => !going.has(index)));
  const share = shareOf(
    neighbours.all().map((engine) => (engine.id === id ? { ...engine, owned } : engine)),
    id,
    partitions,
  );
  return { ...share, missing: share.target - owned.size };
}

function plan(tenancy: Tenancy): void {
  const { session, taking, leaving, isGiving } = tenancy;
  if (isGiving) return;
  const { take, give, missing } = presentShare(tenancy);
  const staying = session.partitions.filter((partition) => !leaving.has(partition));
  for (const partition of staying.slice(staying.length - Math.min(give, LEAVING_MAX - leaving.size))) {
    letLeave(tenancy, partition);
  }
  let wanted = missing - [...taking].filter((index) => !session.leases.has(index)).length;
  for (const index of take) {
    if (wanted <= 0 || taking.size >= TAKING_MAX) return;
    if (taking.has(index) || session.leases.has(index) || session.rests.isResting(index)) continue;
    wanted--;
    void takeOne(tenancy, index).then(() => plan(tenancy));
  }
}

function change(tenancy: Tenancy): void {
  const { session, arrivals } = tenancy;
  const stored = [...tenancy.stored];
  tenancy.stored.clear();
  tenancy.arrivals = [];
  const lost = letLostOut(tenancy);
  for (const partition of stored) if (!session.isLost(partition)) handBack(tenancy, partition);
  for (const arrival of arrivals) letIn(tenancy, arrival);
  if (lost + stored.length + arrivals.length === 0) return;
  const evidence = session.partitions.map((partition) => partition.evidence);
  for (const active of session.library.all()) active.evidence.recount(evidence);
  plan(tenancy);
}

/** Asks whose commit was in doubt, of partitions that somebody has taken since: that commit cannot happen any more. */
async function settleTaken({ state, session, neighbours }: Tenancy): Promise<void> {
  if (state.orphans.length === 0) return;
  const isTakenAnew = (index: PartitionIndex): boolean => {
    const held = session.owned(index);
    return held === undefined ? neighbours.addressOf(index) !== undefined : !session.isLost(held);
  };
  await settleOrphans(state, session.journal, isTakenAnew).catch((error: Error) => {
    if (session.connection.isClosed()) return; // tried again with the next beat
    state.options.log.warn("asks of a lost partition could not be looked up; looking again", { why: error.message });
  });
}

function isReady(tenancy: Tenancy, forMs: number): boolean {
  const { state, session, neighbours } = tenancy;
  const { partitions, leaseMs } = state.options;
  const open = session.partitions.filter(({ index }) => session.isOpen(index)).length;
  if (open + session.rests.broken().size >= presentShare(tenancy).target) return true;
  if (forMs < READY_MS_MAX + leaseMs) return false;
  for (let at = 0; at < partitions; at++) {
    const index = at as PartitionIndex;
    if (!session.isOpen(index) && neighbours.addressOf(index) === undefined) return false;
  }
  return true;
}

function ownership({ session, neighbours }: Tenancy, index: PartitionIndex): Ownership {
  if (session.isOpen(index)) return { kind: "here" };
  const address = session.leases.has(index) ? undefined : neighbours.addressOf(index);
  return address === undefined ? { kind: "nobody", retryAfterMs: RETRY_AFTER_MS } : { kind: "there", address };
}
