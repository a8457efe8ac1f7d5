// The loop of a process over its partitions: read, fold, decide, commit, publish; and again. One commit of each partition
// is under way while the next step is computed. Whatever is in doubt ends the session, and the next one recovers.
import type { DecisionRecord } from "../domain/decision.ts";
import {
  type CommitSeq,
  type CustomerKey,
  comparePositions,
  type PartitionIndex,
  type Position,
  type TrackingCode,
} from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Committed, Engine } from "../engine.ts";
import { encodeDelivered } from "../ingest/log-entry.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import { LIMITS } from "../limits.ts";
import { startActivationWatch } from "./activation-watch.ts";
import { publishMissed, release, settleOrphans } from "./after-session.ts";
import { type AskQueue, createAskQueue, type WaitingAsk } from "./asks.ts";
import { createEngine, sessionOf } from "./create-engine.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { createLookQueue, type LookQueue } from "./looks.ts";
import type { LoopMeter } from "./loop-meter.ts";
import { startQuotaPoll } from "./quota-poll.ts";
import type { Routes } from "./routes.ts";
import type { LocalRulebook } from "./rulebook-library.ts";
import { type InFlight, step } from "./run-commits.ts";
import { createServedQueue, refuseAll } from "./served-queue.ts";
import { openSession, type Session, type SessionOptions, Unfit } from "./session.ts";
import { createSignal, type Signal } from "./signal.ts";
import type { SimulationQueue } from "./simulations.ts";
import { startTimers } from "./timers.ts";
import { isTrouble, SessionTrouble } from "./trouble.ts";
import { startWalks } from "./walks.ts";
import type { WriteBackBounds } from "./write-back.ts";

export interface DecisionLoopOptions extends Omit<SessionOptions, "onTrouble">, WriteBackBounds {
  /** Reads and checks RULES_DIR and MODELS_DIR again, for a reload. */
  readonly readLocal: () => Promise<LocalRulebook>;
  readonly meter: LoopMeter;
  /** How often it is looked whether every partition runs the rulebook that was activated last. */
  readonly activationPollMs: number;
  readonly asksMax: number;
  readonly asksPerStepMax: number;
  readonly entriesPerStepMax: number;
  /** Starts what lives as long as a session: front door, dispatch. Returns how to stop it. */
  readonly onSession: (session: Session) => () => Promise<void>;
}

export interface DecisionLoop {
  readonly engine: Engine;
  /** Resolves when stopped cleanly; rejects with Unfit where no retry can help. */
  readonly run: () => Promise<void>;
  readonly stop: () => void;
  /** Commits of a partition with seq > after, oldest first. Rejects where no session is open. */
  readonly journalFrom: (
    partition: PartitionIndex,
    after: CommitSeq,
    countMax: number,
  ) => Promise<readonly Committed[]>;
  /** Notes in the input log that a channel took over an item; settles when durable. */
  readonly delivered: (key: CustomerKey, code: TrackingCode) => Promise<void>;
  /** Where questions about customers of other partitions go from now on: an anonymous key may be joined to one owned elsewhere. */
  readonly routeThrough: (routes: Routes) => void;
  /** Gives back what a decision reserved that nobody waits for any more; by the next session, where none can now. */
  readonly release: (record: DecisionRecord) => Promise<void>;
  /** The last commit of a partition, whoever owns it. Rejects where no session is open. */
  readonly lastCommit: (partition: PartitionIndex) => Promise<CommitSeq>;
}

/** What outlives a session. */
export interface LoopState {
  readonly options: DecisionLoopOptions;
  readonly asks: AskQueue;
  readonly looks: LookQueue;
  readonly simulations: SimulationQueue;
  readonly signal: Signal;
  readonly listeners: ((committed: Committed) => void)[];
  /** Asks that were under way when a session ended: looked up by the next one. */
  readonly orphans: WaitingAsk[];
  /** Decisions that came too late, whose reservations a session could not give back any more. */
  readonly unreleased: DecisionRecord[];
  /** Last commit told to the listeners, by partition. */
  readonly published: Map<PartitionIndex, CommitSeq>;
  /** How customers of other partitions are asked for; undefined only while the loop is made. */
  routes: Routes | undefined;
  session: Session | undefined;
  isStopping: boolean;
  why: string;
}

export function createDecisionLoop(options: DecisionLoopOptions): DecisionLoop {
  const signal = createSignal();
  const state: LoopState = {
    options,
    asks: createAskQueue({ asksMax: options.asksMax, wake: signal.wake }),
    looks: createLookQueue({ looksMax: LIMITS.looksWaitingMax, wake: signal.wake }),
    simulations: createServedQueue({
      waitingMax: LIMITS.simulationsWaitingMax,
      what: "simulations",
      wake: signal.wake,
    }),
    signal,
    listeners: [],
    orphans: [],
    unreleased: [],
    published: new Map(),
    routes: undefined,
    session: undefined,
    isStopping: false,
    why: "starting",
  };
  return {
    engine: createEngine(state),
    run: () => run(state),
    stop: () => {
      state.isStopping = true;
      signal.wake();
    },
    journalFrom: async (partition, after, countMax) => {
      const page = await sessionOf(state).journal.commits(partition, (after + 1) as CommitSeq, countMax);
      return page.map(({ seq, payload }) => ({ partition, seq, ...decodeCommit(payload) }));
    },
    delivered: async (key, code) => {
      const partition = partitionOf(key, options.partitions);
      await sessionOf(state).journal.append(partition, encodeDelivered(key, code));
    },
    routeThrough: (routes) => {
      state.routes = routes;
    },
    release: async (record) => {
      if (state.session === undefined) return void state.unreleased.push(record);
      await release(state, state.session.journal, record).catch((error: unknown) => {
        if (!isTrouble(error)) throw error; // it is kept for the next session
      });
    },
    lastCommit: async (partition) => (await sessionOf(state).journal.head(partition)).seq,
  };
}

async function run(state: LoopState): Promise<void> {
  try {
    await runSessions(state);
  } finally {
    state.isStopping = true;
    refuseAll(state.looks.take(LIMITS.looksWaitingMax), "stopped");
    refuseAll(state.simulations.take(LIMITS.simulationsWaitingMax), "stopped");
  }
}

async function runSessions(state: LoopState): Promise<void> {
  const { log } = state.options;
  for (let failures = 0; !state.isStopping; ) {
    const startedAt = performance.now();
    try {
      await runSession(state);
    } catch (error) {
      if (error instanceof Unfit) throw error;
      if (!isTrouble(error)) throw error; // a bug: better no engine than a wrong one
      state.why = error.message;
      failures = performance.now() - startedAt > 10_000 ? 0 : failures + 1;
      if (!state.isStopping) log.warn("the session ended; recovering", { why: error.message });
      await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** failures, 2_000)));
    }
  }
}

async function runSession(state: LoopState): Promise<void> {
  const { options, signal } = state;
  let trouble: string | undefined;
  const onTrouble = (why: string): void => {
    trouble = why;
    signal.wake();
  };
  const session = await openSession({ ...options, onTrouble }, () => state.isStopping);
  const inFlight: InFlight = { commits: Promise.resolve(), telling: Promise.resolve(), failed: undefined };
  const inbox = createInbox({
    reader: session.reader,
    entriesMax: options.entriesPerStepMax * 2,
    clock: options.clock,
    wake: signal.wake,
    onTrouble,
  });
  const ticking = setInterval(signal.wake, 250);
  let stopParts = async (): Promise<void> => undefined;
  let stopTimers = (): void => undefined;
  let stopWalks = (): void => undefined;
  const stopQuotaPoll = startQuotaPoll(session, options.quotas.pollMs, onTrouble);
  let stopWatch = (): void => undefined;
  try {
    await publishMissed(state, session);
    await settleOrphans(state, session);
    const isCaughtUp = await catchUp(session, options.clock);
    stopTimers = startTimers(session, options.clock, onTrouble);
    stopWalks = startWalks(session, options.clock, onTrouble);
    for (;;) {
      if (trouble !== undefined) throw new SessionTrouble(trouble);
      if (state.isStopping) break;
      if (state.session === undefined && isCaughtUp()) {
        state.session = session;
        stopWatch = startActivationWatch(session, options.activationPollMs, options.log, onTrouble);
        stopParts = options.onSession(session);
        options.log.info("ready", { partitions: session.partitions.length });
      }
      const isBusy = await step(state, session, inbox, inFlight, false);
      if (!isBusy) await signal.wait();
    }
    await stopParts();
    stopParts = async () => undefined;
    await flush(state, session, inbox, inFlight);
  } finally {
    state.session = undefined;
    clearInterval(ticking);
    stopTimers();
    stopWalks();
    stopQuotaPoll();
    stopWatch();
    await stopParts();
    session.close();
    await inFlight.commits.catch(() => undefined); // what failed is told by `failed`; nobody may write after this
  }
}

const CATCH_UP_MS_MAX = 5_000;

/**
 * An ask right after a crash must not be decided by a profile from before it: what was in the logs when the session began is
 * folded first. Within bounds: after a long absence a late profile is better than no answer.
 */
async function catchUp(session: Session, clock: () => number): Promise<() => boolean> {
  const ends = await Promise.all(session.partitions.map(({ index }) => session.journal.lastEntry(index)));
  const giveUpAt = clock() + CATCH_UP_MS_MAX;
  return () =>
    clock() > giveUpAt ||
    session.partitions.every(({ position }, at) => comparePositions(position, ends[at] as Position) >= 0);
}

/** On a clean stop: everything written back, so that the next start has nothing to do again; leases given back. */
async function flush(state: LoopState, session: Session, inbox: Inbox, inFlight: InFlight): Promise<void> {
  for (;;) {
    const isBusy = await step(state, session, inbox, inFlight, true);
    await inFlight.commits;
    if (inFlight.failed !== undefined) throw inFlight.failed;
    if (!isBusy) break;
  }
  await inFlight.telling; // needs the session's connection
  await Promise.all(session.partitions.map(({ index, token }) => session.journal.renew(index, token, 0)));
}
