// The loop of a process over the partitions that it holds: read, fold, decide, commit, publish; and again. Commits of one step
// are under way while the next one is computed and sent. A partition in doubt is dropped and recovered, and where all of
// them are in doubt the session ends, and the next one begins.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, CustomerKey, PartitionIndex, TrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Instant } from "../domain/time.ts";
import type { Committed, Engine } from "../engine.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import { createPageSizes, type PageSizes } from "../journal/page-size.ts";
import { LIMITS } from "../limits.ts";
import { release } from "./after-session.ts";
import { type AskQueue, createAskQueue, type WaitingAsk } from "./asks.ts";
import { createEngine, sessionOf } from "./create-engine.ts";
import type { Archived } from "./erase-archive.ts";
import type { LookQueue } from "./looks.ts";
import type { LoopMeter } from "./loop-meter.ts";
import { appendDelivered, appendReport } from "./not-delivered.ts";
import type { Partition } from "./partition.ts";
import { createRandomBits, type RandomBits } from "./random-bits.ts";
import { nowOf } from "./recover.ts";
import type { Routes } from "./routes.ts";
import type { LocalRulebook } from "./rulebook-library.ts";
import { runSession } from "./run-session.ts";
import { type Sendable, type SendableQueue, sendable } from "./sendable.ts";
import { createServedQueue } from "./served-queue.ts";
import { type Session, type SessionOptions, Unfit } from "./session.ts";
import { createSignal, type Signal } from "./signal.ts";
import type { SimulationQueue } from "./simulations.ts";
import type { Tenure } from "./tenure.ts";
import { isTrouble, Unavailable, whyNotHere } from "./trouble.ts";
import type { WriteBackBounds } from "./write-back.ts";

export interface DecisionLoopOptions extends Omit<SessionOptions, "onTrouble" | "wake" | "pageSizes">, WriteBackBounds {
  /** Reads and checks RULES_DIR and MODELS_DIR again, for a reload. */
  readonly readLocal: () => Promise<LocalRulebook>;
  readonly meter: LoopMeter;
  /** How often it is looked whether every partition runs the rulebook that was activated last. */
  readonly activationPollMs: number;
  /** The files that hold what retention has let go; left out or undefined: there are none. */
  readonly archived?: (place: Pick<Session["context"], "seed" | "partitions">) => Archived | undefined;
  /** How often it is looked whether somebody is to be erased. */
  readonly erasurePollMs: number;
  readonly asksMax: number;
  readonly asksPerStepMax: number;
  readonly entriesPerStepMax: number;
  /** How long a step may hold the thread, ms. */
  readonly holdMs: number;
  /**
   * Starts what lives as long as a session, whatever partitions it holds: the front door. Returns how to stop it; where Redis is
   * in doubt, nothing that was sent to it should be waited for.
   */
  readonly onSession: (session: Session) => (isInDoubt: boolean) => Promise<void>;
  /** A partition has been recovered; it waits for this before it is folded on. Rejects where it cannot be had now. */
  readonly onTaken: (partition: Pick<Partition, "index" | "token">) => Promise<void>;
  /** It is held no more, or was taken in vain; its lease is given back after this. Never rejects. */
  readonly onGone: (partition: PartitionIndex) => Promise<void>;
}

export interface DecisionLoop {
  readonly engine: Engine;
  /** Resolves when stopped cleanly; rejects with Unfit where no retry can help. */
  readonly run: () => Promise<void>;
  /**
   * Not ready any more: stores and gives back every partition, takes none, and lets other engines move what the front door
   * brings. Settles when that is done, at most `waitMs` later; what needs no partition is answered on.
   */
  readonly leave: (waitMs: number) => Promise<void>;
  /** Leaves, and ends. */
  readonly stop: () => void;
  /** Commits of a partition with seq > after, oldest first. Rejects where no session is open. */
  readonly journalFrom: (
    partition: PartitionIndex,
    after: CommitSeq,
    countMax: number,
  ) => Promise<readonly Committed[]>;
  /** Notes in the input log that a channel took over an item; settles when durable. */
  readonly delivered: (key: CustomerKey, code: TrackingCode) => Promise<void>;
  /** Notes in the input log that a message was not sent, which gives back what it had reserved; settles when durable. */
  readonly notDelivered: (report: Parameters<typeof appendReport>[2]) => Promise<void>;
  /** Writes a field of a partition's checkpoint, unless another engine has taken it: then it rejects. */
  readonly note: (partition: PartitionIndex, fields: Readonly<Record<string, string>>) => Promise<void>;
  /** The time of this customer's partition; throws Unavailable where it is not owned here. */
  readonly now: (key: CustomerKey) => Instant;
  /** May this message still be sent? As of the last commit. Rejects with Overloaded or Unavailable, as a look does. */
  readonly sendable: (key: CustomerKey, code: TrackingCode) => Promise<Sendable>;
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
  readonly sendables: SendableQueue;
  readonly signal: Signal;
  readonly random: RandomBits;
  readonly pageSizes: PageSizes;
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
  tenure: Tenure | undefined;
  /** This engine has taken its share. */
  isReady: boolean;
  /** Gives back all that it holds. */
  isLeaving: boolean;
  isStopping: boolean;
  why: string;
  /** Sessions that ended before they were ready, in a row. */
  failures: number;
}

const AGAIN_MS_MAX = 500;

export function createDecisionLoop(options: DecisionLoopOptions): DecisionLoop {
  const signal = createSignal();
  const served = { withinMs: LIMITS.servedWithinMs, wake: signal.wake };
  const state: LoopState = {
    options,
    asks: createAskQueue({ asksMax: options.asksMax, wake: signal.wake }),
    looks: createServedQueue({ ...served, waitingMax: LIMITS.looksWaitingMax, what: "looks at customers" }),
    simulations: createServedQueue({ ...served, waitingMax: LIMITS.simulationsWaitingMax, what: "simulations" }),
    sendables: createServedQueue({ ...served, waitingMax: LIMITS.sendablesWaitingMax, what: "messages to be sent" }),
    signal,
    random: createRandomBits(),
    pageSizes: createPageSizes(),
    listeners: [],
    orphans: [],
    unreleased: [],
    published: new Map(),
    routes: undefined,
    session: undefined,
    tenure: undefined,
    isReady: false,
    isLeaving: false,
    isStopping: false,
    why: "starting",
    failures: 0,
  };
  return {
    engine: createEngine(state),
    run: () => run(state),
    leave: (waitMs) => leave(state, waitMs),
    stop: () => {
      state.isLeaving = true;
      state.isStopping = true;
      signal.wake();
    },
    journalFrom: async (partition, after, countMax) => {
      const page = await sessionOf(state).journal.commits(partition, (after + 1) as CommitSeq, countMax);
      return page.map(({ seq, payload }) => ({ partition, seq, ...decodeCommit(payload) }));
    },
    delivered: async (key, code) => {
      const partition = partitionOf(key, options.partitions);
      await appendDelivered(sessionOf(state).journal, partition, key, code);
    },
    note: async (index, fields) => {
      const token = sessionOf(state).owned(index)?.token;
      if (token === undefined || !(await sessionOf(state).journal.note(index, token, fields)))
        throw new Unavailable(whyNotHere(index));
    },
    now: (key) => {
      const index = partitionOf(key, options.partitions);
      const partition = state.session?.owned(index);
      if (partition === undefined) throw new Unavailable(whyNotHere(index));
      return nowOf(partition, options.clock);
    },
    notDelivered: async (report) => {
      await appendReport(sessionOf(state).journal, partitionOf(report.key, options.partitions), report);
    },
    sendable: async (key, code) => await sendable(state, key, code),
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

async function leave(state: LoopState, waitMs: number): Promise<void> {
  state.isLeaving = true;
  state.signal.wake();
  const giveUpAt = performance.now() + waitMs;
  while (state.tenure?.isEmpty() === false && performance.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function run(state: LoopState): Promise<void> {
  try {
    await runSessions(state);
  } finally {
    state.isStopping = true;
  }
}

async function runSessions(state: LoopState): Promise<void> {
  const { log } = state.options;
  while (!state.isStopping) {
    try {
      await runSession(state);
    } catch (error) {
      if (error instanceof Unfit) throw error;
      if (!isTrouble(error)) throw error; // a bug: better no engine than a wrong one
      state.why = error.message;
      if (!state.isStopping) log.warn("the session ended; recovering", { why: error.message });
      // Who was ready and fell into doubt tries at once: everybody waits for it.
      await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** state.failures++, AGAIN_MS_MAX)));
    }
  }
}
