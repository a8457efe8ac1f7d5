// The loop of a process over its partitions: read, fold, decide, commit, publish; and again. One commit of each partition
// is under way while the next step is computed. Whatever is in doubt ends the session, and the next one recovers.
import type { CommitSeq, CustomerKey, PartitionIndex, TrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Committed, Engine } from "../engine.ts";
import { encodeDelivered } from "../ingest/log-entry.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import { type AskQueue, createAskQueue } from "./asks.ts";
import type { ClosedDraft, WriteBack } from "./close-draft.ts";
import { createEngine, sessionOf } from "./create-engine.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { createLookQueue, type LookQueue } from "./looks.ts";
import type { LoopMeter } from "./loop-meter.ts";
import { appendNotDelivered } from "./not-delivered.ts";
import type { Partition } from "./partition.ts";
import type { WaitingAsk } from "./questions.ts";
import type { LocalRulebook } from "./rulebook-library.ts";
import { openSession, type Session, type SessionOptions, Unfit } from "./session.ts";
import { createSignal, type Signal } from "./signal.ts";
import { runStep, type StepOutput } from "./step.ts";
import { startTimers } from "./timers.ts";

export interface DecisionLoopOptions extends Omit<SessionOptions, "onTrouble"> {
  /** Reads and checks RULES_DIR and MODELS_DIR again, for a reload. */
  readonly readLocal: () => Promise<LocalRulebook>;
  readonly meter: LoopMeter;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly asksMax: number;
  readonly asksPerStepMax: number;
  readonly entriesPerStepMax: number;
  /** Profiles of this process in memory. */
  readonly profilesMax: number;
  /** Entries to fold again after a kill, over all partitions. */
  readonly recoveryEntriesMax: number;
  readonly profilesPerCommitMax: number;
  /** A partition without entries for this long writes back what is left. */
  readonly idleMs: number;
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
}

/** What outlives a session. */
export interface LoopState {
  readonly options: DecisionLoopOptions;
  readonly asks: AskQueue;
  readonly looks: LookQueue;
  readonly signal: Signal;
  readonly listeners: ((committed: Committed) => void)[];
  /** Asks whose commit was under way when a session ended: looked up by the next one. */
  orphans: WaitingAsk[];
  /** Last commit told to the listeners, by partition. */
  readonly published: Map<PartitionIndex, CommitSeq>;
  session: Session | undefined;
  isStopping: boolean;
  why: string;
}

export function createDecisionLoop(options: DecisionLoopOptions): DecisionLoop {
  const signal = createSignal();
  const state: LoopState = {
    options,
    asks: createAskQueue({ asksMax: options.asksMax, wake: signal.wake }),
    looks: createLookQueue(signal.wake),
    signal,
    listeners: [],
    orphans: [],
    published: new Map(),
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
  };
}

async function run(state: LoopState): Promise<void> {
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

/** Trouble of the surroundings, as opposed to a bug. */
class SessionTrouble extends Error {
  override readonly name = "SessionTrouble";
}

function isTrouble(error: unknown): error is Error {
  // Redis refusing a command (LOADING, READONLY, OOM ...) is its trouble, not ours.
  const isServerError = error instanceof Error && error.constructor.name === "SimpleError";
  return error instanceof Error && (isServerError || ["SessionTrouble", "RedisTrouble"].includes(error.name));
}

async function runSession(state: LoopState): Promise<void> {
  const { options, signal } = state;
  let trouble: string | undefined;
  const onTrouble = (why: string): void => {
    trouble = why;
    signal.wake();
  };
  const session = await openSession({ ...options, onTrouble }, () => state.isStopping);
  const inFlight: InFlight = { commits: Promise.resolve(), failed: undefined };
  const inbox = createInbox(session.reader, options.entriesPerStepMax * 2, signal.wake, onTrouble);
  const ticking = setInterval(signal.wake, 250);
  let stopParts = async (): Promise<void> => undefined;
  let stopTimers = (): void => undefined;
  try {
    await publishMissed(state, session);
    await settleOrphans(state, session);
    state.session = session;
    stopParts = options.onSession(session);
    stopTimers = startTimers(session, options.clock, onTrouble);
    options.log.info("ready", { partitions: session.partitions.length });
    for (;;) {
      if (trouble !== undefined) throw new SessionTrouble(trouble);
      if (state.isStopping) break;
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
    await stopParts();
    session.close();
    await inFlight.commits.catch(() => undefined); // what failed is told by `failed`; nobody may write after this
  }
}

interface InFlight {
  commits: Promise<void>;
  failed: Error | undefined;
}

/** One step; false where there was nothing to do. */
async function step(
  state: LoopState,
  session: Session,
  inbox: Inbox,
  inFlight: InFlight,
  isFlushing: boolean,
): Promise<boolean> {
  const { options } = state;
  if (inFlight.failed !== undefined) throw inFlight.failed;
  const entries = isFlushing ? new Map() : inbox.take(options.entriesPerStepMax);
  const asks = state.asks.take(options.asksPerStepMax);
  const looks = state.looks.take();
  const nowMs = options.clock();
  options.meter.stages.start();
  const output = await runStep(session, {
    entries,
    asks,
    looks,
    clock: options.clock,
    stages: options.meter.stages,
    writeBack: (partition) => writeBackOf(options, session, inbox, partition, nowMs, isFlushing),
    onEntry: options.meter.onEntry,
  });
  const seen = await state.looks.see(looks, session, options.clock);
  for (const { waiting, answer } of output.refused) waiting.answer(answer);
  await inFlight.commits; // one commit under way: this one may only go once the last is acknowledged
  if (inFlight.failed !== undefined) {
    state.orphans.push(...output.answers.map(({ waiting }) => waiting));
    throw inFlight.failed;
  }
  options.meter.stages.lap("commit");
  for (const partition of session.partitions) evict(options, session, partition);
  inFlight.commits = commitAll(state, session, output)
    .then(seen)
    .catch((error: unknown) => {
      inFlight.failed = error instanceof Error ? error : new SessionTrouble(String(error));
      state.orphans.push(...output.answers.map(({ waiting }) => waiting));
      state.signal.wake();
    });
  return entries.size > 0 || asks.length > 0 || output.closed.length > 0;
}

async function commitAll(state: LoopState, session: Session, output: StepOutput): Promise<void> {
  const { meter } = state.options;
  const byPartition = new Map<PartitionIndex, StepOutput["answers"][number][]>();
  for (const answer of output.answers) {
    const list = byPartition.get(answer.waiting.partition);
    if (list === undefined) byPartition.set(answer.waiting.partition, [answer]);
    else list.push(answer);
  }
  const startedAt = performance.now();
  await Promise.all(
    output.closed.map(async (closed) => {
      const { partition, commit } = closed;
      const reply = await session.journal.commit(partition.token, commit);
      if (reply.kind !== "ok")
        throw new SessionTrouble(`partition ${partition.index}: the commit was refused: ${reply.why}`);
      partition.committed = commit.seq;
      meter.onCommitted(closed, (performance.now() - startedAt) / 1000);
      publish(state, { ...toCommitted(closed) });
      for (const { waiting, record } of byPartition.get(partition.index) ?? []) {
        if (waiting.isAnswered) await appendNotDelivered(session.journal, record);
        else waiting.answer({ kind: "decided", record, seq: commit.seq });
      }
    }),
  );
}

function toCommitted({ partition, commit, draft }: ClosedDraft): Committed {
  return {
    partition: partition.index,
    seq: commit.seq,
    decisions: draft.decisions,
    withdrawals: draft.withdrawals,
  };
}

function publish(state: LoopState, committed: Committed): void {
  state.published.set(committed.partition, committed.seq);
  for (const listener of state.listeners) listener(committed);
}

/** What was committed as the last session ended, but not told any more. */
async function publishMissed(state: LoopState, session: Session): Promise<void> {
  for (const partition of session.partitions) {
    const told = state.published.get(partition.index) ?? partition.seq;
    state.published.set(partition.index, partition.seq);
    if (told >= partition.seq) continue;
    const page = await session.journal.commits(partition.index, (told + 1) as CommitSeq, partition.seq - told);
    for (const { seq, payload } of page) {
      const { decisions, withdrawals } = decodeCommit(payload);
      publish(state, { partition: partition.index, seq, decisions, withdrawals });
    }
  }
}

/** Whoever still waits for a decision whose commit was in doubt gets it, or is told to ask again. */
async function settleOrphans(state: LoopState, session: Session): Promise<void> {
  const orphans = state.orphans;
  state.orphans = [];
  for (const waiting of orphans) {
    const found = await session.journal.findDecision(waiting.partition, waiting.id);
    if (found === undefined) {
      waiting.answer({ kind: "unavailable", why: "the decision could not be committed", retryAfterMs: 100 });
      continue;
    }
    const [page] = await session.journal.commits(waiting.partition, found.seq, 1);
    const record = page && decodeCommit(page.payload).decisions.find(({ id }) => id === waiting.id);
    if (record === undefined)
      throw new Error(`decision ${waiting.id} is indexed at commit ${found.seq}, which lacks it`);
    if (waiting.isAnswered) await appendNotDelivered(session.journal, record);
    else waiting.answer({ kind: "decided", record, seq: found.seq });
  }
}

/** On a clean stop: everything written back, so that the next start has nothing to do again; leases given back. */
async function flush(state: LoopState, session: Session, inbox: Inbox, inFlight: InFlight): Promise<void> {
  for (;;) {
    const isBusy = await step(state, session, inbox, inFlight, true);
    await inFlight.commits;
    if (inFlight.failed !== undefined) throw inFlight.failed;
    if (!isBusy) break;
  }
  await Promise.all(session.partitions.map(({ index, token }) => session.journal.renew(index, token, 0)));
}

const PARTITION_ENTRIES_MAX = 16_000; // the ring of seen events must still hold what came since the last checkpoint

function writeBackOf(
  options: DecisionLoopOptions,
  session: Session,
  inbox: Inbox,
  partition: Partition,
  nowMs: number,
  isFlushing: boolean,
): WriteBack {
  const share = session.partitions.length;
  const isIdle = nowMs - inbox.lastEntryAt(partition.index) > options.idleMs;
  const isFull = partition.store.size > options.profilesMax / share && partition.dirty.size > 0;
  return {
    entriesMax: Math.min(PARTITION_ENTRIES_MAX, Math.ceil(options.recoveryEntriesMax / share)),
    profilesMax: options.profilesPerCommitMax,
    flush: isFlushing || isIdle || isFull,
  };
}

/** Forgets profiles that were not touched for longest and are stored as they are, while there are too many. */
function evict(options: DecisionLoopOptions, session: Session, partition: Partition): void {
  const { store, dirty, committed } = partition;
  const excess = Math.floor(store.size - options.profilesMax / session.partitions.length);
  if (excess <= 0) return;
  for (const key of store.oldest(Math.min(excess, 256))) {
    if (!dirty.has(key) && store.reflects(key) <= committed) store.evict(key);
  }
}
