// Which partitions this process holds: tells the others that it is alive, takes its even share, renews its leases, gives back what
// is more than its share. Taking runs beside the loop; partitions come in and go out between two of its steps.
import type { PartitionIndex } from "../domain/ids.ts";
import type { Ownership } from "../engine.ts";
import { createEngineRegister, type EngineEntry } from "../journal/engines.ts";
import { settleOrphans } from "./after-session.ts";
import type { LoopState } from "./decision-loop.ts";
import type { Inbox } from "./inbox.ts";
import type { Partition } from "./partition.ts";
import { createRests } from "./rests.ts";
import type { Session } from "./session.ts";
import { shareOf } from "./share.ts";
import { type TakenPartition, takePartition } from "./take-partition.ts";
import { isTrouble } from "./trouble.ts";

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
  /** What Redis holds of these cannot be put together: tried again now and then. */
  readonly broken: () => ReadonlyMap<PartitionIndex, string>;
  /** On a clean end, when nothing is held any more: the others need not wait until this engine counts as dead. */
  readonly leave: () => Promise<void>;
  readonly close: () => void;
}

/** The others look at the register so often: what was given back is not without an owner for longer. */
const BEAT_MS_MAX = 200;
const TAKING_MAX = 8;
const LEAVING_MAX = 8;
/** Beyond this an engine is ready with what it has got, where all the rest is somebody else's. */
const READY_MS_MAX = 5_000;
const RETRY_AFTER_MS = 250;

export async function openTenure(state: LoopState, session: Session, inbox: Inbox): Promise<Tenure> {
  const { options, signal } = state;
  const { leaseMs, log, owner: id } = options;
  const { journal } = session;
  const register = createEngineRegister({ connection: session.connection, id, address: options.address, leaseMs });
  const tokens = new Map<PartitionIndex, string>();
  const taking = new Set<PartitionIndex>();
  const leaving = new Set<Partition>();
  const rests = createRests(options.clock);
  const handingBack = new Set<Promise<void>>();
  const beganAt = options.clock();
  const storedWhole = new WeakSet<Partition>();
  const flags = { isBeating: false, isBeatWanted: false, isGiving: false, isClosed: false };
  let arrivals: TakenPartition[] = [];
  let engines: readonly EngineEntry[] = [];

  const beat = async (): Promise<void> => {
    flags.isBeatWanted = true;
    if (flags.isBeating || flags.isClosed) return;
    flags.isBeating = true;
    try {
      while (flags.isBeatWanted && !flags.isClosed) {
        flags.isBeatWanted = false;
        engines = await register.beat(tokens.keys());
        plan();
      }
      if (state.orphans.length > 0) await settleOrphans(state, journal, isTakenAnew);
    } finally {
      flags.isBeating = false;
      signal.wake();
    }
  };
  const beatOrSay = (): void => {
    beat().catch((error: Error) => {
      if (!flags.isClosed) log.warn("the register of engines could not be written", { why: error.message });
    });
  };
  const addressOf = (index: PartitionIndex): string | undefined =>
    engines.find((engine) => engine.id !== id && engine.owned.has(index))?.address;

  /** A commit of before cannot happen any more. */
  const isTakenAnew = (index: PartitionIndex): boolean => {
    const held = session.owned(index);
    return held === undefined ? addressOf(index) !== undefined : !session.isLost(held);
  };

  /** By the register as it was last seen, but of itself as it is now. */
  const share = () => {
    const stays = new Set([...tokens.keys()].filter((index) => ![...leaving].some((one) => one.index === index)));
    const sharers = engines.map((engine) => (engine.id === id ? { ...engine, owned: stays } : engine));
    return { ...shareOf(sharers, id, options.partitions), stays };
  };
  const plan = (): void => {
    if (flags.isGiving || flags.isClosed) return;
    const { target, take, give, stays } = share();
    for (const partition of session.partitions.slice(-give).reverse()) {
      if (give === 0 || leaving.size >= LEAVING_MAX) break;
      letLeave(partition);
    }
    const pending = [...taking].filter((index) => !tokens.has(index)).length;
    let missing = target - stays.size - pending;
    for (const index of take) {
      if (missing <= 0 || taking.size >= TAKING_MAX) break;
      if (taking.has(index) || tokens.has(index) || rests.isResting(index)) continue;
      missing--;
      void takeOne(index);
    }
  };
  const letLeave = (partition: Partition): void => {
    if (leaving.has(partition) || session.isLost(partition)) return;
    leaving.add(partition);
    session.leave(partition);
    inbox.forget(partition.index);
    signal.wake();
  };

  const takeOne = async (index: PartitionIndex): Promise<void> => {
    taking.add(index);
    try {
      const acquired = await journal.acquire(index);
      if (acquired.kind === "held") return rests.pause(index, Math.min(acquired.remainingMs + 5, BEAT_MS_MAX));
      if (acquired.kind === "broken") return broken(index, acquired.why);
      tokens.set(index, acquired.token);
      const taken = await takePartition(state, session, index, acquired);
      if (tokens.get(index) === acquired.token) arrivals.push(taken);
      else await options.onGone(index);
    } catch (error) {
      tokens.delete(index);
      await options.onGone(index);
      if (isTrouble(error)) rests.fail(index, undefined);
      else broken(index, error instanceof Error ? error.message : String(error));
    } finally {
      taking.delete(index);
      plan();
      signal.wake();
    }
  };
  const broken = (index: PartitionIndex, why: string): void => {
    rests.fail(index, why);
    log.error("a partition could not be taken; trying again", { partition: index, why });
  };

  const renew = async (): Promise<void> => {
    await Promise.all(
      [...tokens].map(async ([index, token]) => {
        const kept = await journal.renew(index, token, leaseMs).catch((error: Error) => error.message);
        if (kept === true || tokens.get(index) !== token) return;
        const why = kept === false ? "another engine has taken it" : kept;
        const partition = session.owned(index);
        if (partition?.token === token) session.lose(partition, why);
        else tokens.delete(index); // still being recovered: it will not be let in
      }),
    );
  };

  const letOut = (partition: Partition): void => {
    const { index } = partition;
    session.remove(partition);
    leaving.delete(partition);
    inbox.forget(index);
    session.quotas.forget(partition);
  };
  const handBack = ({ index, token }: Partition): void => {
    const handing = options
      .onGone(index)
      .then(() => journal.renew(index, token, 0))
      .catch(() => false) // then the lease runs out by itself
      .then(() => {
        if (tokens.get(index) === token) tokens.delete(index);
        beatOrSay();
      })
      .finally(() => handingBack.delete(handing));
    handingBack.add(handing);
  };
  const change = (): void => {
    const before = session.partitions.length;
    const lost = session.takeLost();
    for (const [partition, why] of lost) {
      log.warn("a partition was lost; it is taken again where it is this engine's to take", {
        partition: partition.index,
        why,
      });
      letOut(partition);
      void options.onGone(partition.index);
      if (tokens.get(partition.index) === partition.token) tokens.delete(partition.index);
      rests.fail(partition.index, undefined);
    }
    const stored = [...leaving].filter((partition) => storedWhole.has(partition));
    for (const partition of stored) {
      letOut(partition);
      handBack(partition);
    }
    const joining = arrivals;
    arrivals = [];
    for (const { partition, catchUp } of joining) {
      if (tokens.get(partition.index) !== partition.token) {
        void options.onGone(partition.index);
        continue;
      }
      if (flags.isGiving) {
        handBack(partition);
        continue;
      }
      session.join(partition, catchUp);
      rests.succeed(partition.index);
      inbox.join(partition.index, partition.position);
      session.sendRelays(partition);
    }
    if (lost.size + stored.length + joining.length === 0) return;
    for (const active of session.library.all()) active.evidence.recount(session.partitions.map((one) => one.evidence));
    plan();
    if (before === 0 || lost.size > 0) beatOrSay();
  };
  const isReady = (): boolean => {
    const { target } = share();
    const open = session.partitions.filter(({ index }) => session.isOpen(index)).length;
    if (open + rests.broken().size >= target) return engines.length > 0;
    if (options.clock() - beganAt < READY_MS_MAX + leaseMs) return false;
    const isElsewhere = (index: number): boolean => addressOf(index as PartitionIndex) !== undefined;
    return Array.from({ length: options.partitions }, (_, index) => index).every(
      (index) => session.isOpen(index as PartitionIndex) || isElsewhere(index),
    );
  };

  await beat();
  const beating = setInterval(beatOrSay, Math.min(BEAT_MS_MAX, leaseMs / 4));
  const renewal = setInterval(() => void renew(), leaseMs / 4);
  return {
    change,
    giveAll: () => {
      flags.isGiving = true;
      for (const partition of session.partitions) letLeave(partition);
    },
    stored: (partition) => void storedWhole.add(partition),
    isEmpty: () => session.partitions.length + arrivals.length + taking.size === 0,
    isReady,
    ownership: (index) => {
      if (session.isOpen(index)) return { kind: "here" };
      const address = tokens.has(index) ? undefined : addressOf(index);
      return address === undefined ? { kind: "nobody", retryAfterMs: RETRY_AFTER_MS } : { kind: "there", address };
    },
    broken: rests.broken,
    leave: async () => {
      clearInterval(beating);
      await Promise.all(handingBack);
      flags.isClosed = true;
      await register.leave();
    },
    close: () => {
      flags.isClosed = true;
      clearInterval(beating);
      clearInterval(renewal);
    },
  };
}
