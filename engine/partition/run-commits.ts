// A step of the loop with its commits. Those of a step are sent as it ends, while those of the step before may be under way:
// Redis takes what one connection sends in its order, and refuses a commit whose predecessor it refused.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import { LIMITS } from "../limits.ts";
import { release } from "./after-session.ts";
import { notHere, redirectAsk } from "./answer-ask.ts";
import type { WaitingAsk } from "./asks.ts";
import { createBreath, HOLD } from "./breath.ts";
import type { ClosedDraft } from "./close-draft.ts";
import type { LoopState } from "./decision-loop.ts";
import type { Inbox } from "./inbox.ts";
import { see } from "./looks.ts";
import type { Partition } from "./partition.ts";
import { publish } from "./publish.ts";
import { judgeAll } from "./sendable.ts";
import { refuseAll } from "./served-queue.ts";
import type { Session } from "./session.ts";
import { simulateAll } from "./simulations.ts";
import { runStep, type StepOutput } from "./step.ts";
import { isTrouble, SessionTrouble, Unavailable, whyNotHere } from "./trouble.ts";
import { evict, writeBackOf } from "./write-back.ts";

export interface InFlight {
  /** For each step whose commits are under way, oldest first: they settle in that order. None rejects. */
  readonly commits: Promise<void>[];
  /** Settles once all steps so far have nothing under way. Never rejects. */
  settled: Promise<void>;
  /** Looks whose commits are acknowledged are told here, one after the other; no commit waits for it. Never rejects. */
  telling: Promise<void>;
  failed: Error | undefined;
  /** When all partitions were last asked whether something is to be written back. */
  roundAtMs: number;
}

/** Steps whose commits may be under way. With more of them nothing was answered sooner, and more would be in doubt at once. */
const AHEAD_MAX = 2;

/** Idle partitions write back that much later at most, and forget profiles, while others have work. */
const ROUND_EVERY_MS = 20;

/** One step; false where there was nothing to do. What its asks and looks wait for is settled, or looked up later. */
export async function step(
  state: LoopState,
  session: Session,
  inbox: Inbox,
  inFlight: InFlight,
  onStored: (partition: Partition) => void,
): Promise<boolean> {
  const { options } = state;
  // Before anything is taken: what comes meanwhile goes into the same step.
  options.meter.stages.start();
  while (inFlight.commits.length >= AHEAD_MAX) await inFlight.commits[0];
  options.meter.stages.lap("commit");
  if (inFlight.failed !== undefined) throw inFlight.failed;
  const share = Math.max(1, session.partitions.length);
  const entries = inbox.take(options.entriesPerStepMax);
  const { asks, looks, simulations, sendables } = takeQuestions(state, session);
  for (const { partition } of asks) inbox.onAsked(partition);
  const homes = new Map(asks.map((waiting) => [waiting, session.owned(waiting.partition) as Partition]));
  const isOrphan = (waiting: WaitingAsk): boolean =>
    session.isLost(homes.get(waiting) as Partition) && !waiting.isSettled();
  const abandon = (error: unknown): Error => {
    const failure = error instanceof Error ? error : new SessionTrouble(String(error));
    state.orphans.push(...asks.filter((waiting) => !waiting.isSettled()));
    refuseAll([...looks, ...simulations, ...sendables], failure.message);
    return failure;
  };
  try {
    const nowMs = options.clock();
    const isRound = isRoundDue(session, inFlight, nowMs);
    const output = await runStep(session, {
      entries,
      asks,
      looks: [...looks, ...simulations, ...sendables],
      clock: options.clock,
      isFlushing: state.isLeaving,
      isRound,
      lose: session.lose,
      stages: options.meter.stages,
      writeBack: (partition) => writeBackOf(options, share, inbox, partition, nowMs, session.isLeaving(partition)),
      // Where nobody waits it costs more than it brings: more is alive in the middle of a step, and the collector takes longer.
      breathe: asks.length > 0 ? createBreath(options.holdMs) : HOLD,
      onEntry: options.meter.onEntry,
    });
    inbox.giveBack(output.left);
    const isSound = soundness(session);
    const tellLooks = await see(looks.filter(isSound), session, options.clock);
    const tellSimulations = await simulateAll(simulations.filter(isSound), session, options.clock);
    const tellSendables = judgeAll(sendables.filter(isSound), session, options.clock);
    const tell = async (): Promise<void> => {
      tellSendables();
      tellSimulations();
      await tellLooks();
    };
    for (const { waiting, answer } of output.refused) waiting.settle(answer);
    for (const { waiting, customer } of output.redirected) void redirectAsk(state, session, waiting, customer);
    options.meter.stages.lap("commit");
    const grown = isRound ? session.partitions : output.closed.map(({ partition }) => partition);
    for (const partition of grown) evict(options, share, partition);
    tellStored(session, output, onStored);
    const before = inFlight.settled;
    const settled = commitAll(state, session, output)
      .then(() => before) // a look saw what the steps before did, too
      .then(() => {
        state.orphans.push(...asks.filter(isOrphan));
        inFlight.telling = inFlight.telling.then(tell);
      })
      .catch((error: unknown) => {
        inFlight.failed = abandon(error);
        state.signal.wake();
      });
    inFlight.settled = settled;
    if (output.closed.length > 0) {
      inFlight.commits.push(settled);
      void settled.then(() => {
        inFlight.commits.shift();
        state.signal.wake();
      });
    }
    // On a clean stop the looks that are left are refused: else new ones could put off the end for ever.
    const isLookedAt =
      !state.isStopping && state.looks.length() + state.simulations.length() + state.sendables.length() > 0;
    return entries.size > 0 || asks.length > 0 || output.closed.length > 0 || isLookedAt;
  } catch (error) {
    throw abandon(error);
  }
}

function isRoundDue(session: Session, inFlight: InFlight, nowMs: number): boolean {
  const sinceMs = nowMs - inFlight.roundAtMs;
  // A clock that was set back must not put it off.
  const isDue = sinceMs < 0 || sinceMs >= ROUND_EVERY_MS || session.partitions.some(session.isLeaving);
  if (isDue) inFlight.roundAtMs = nowMs;
  return isDue;
}

/** Those of partitions that may be asked here; the others are told so. */
function takeQuestions(state: LoopState, session: Session) {
  const isHere = ({ partition }: { readonly partition: PartitionIndex }): boolean => session.isOpen(partition);
  const asks = state.asks.take(state.options.asksPerStepMax);
  const looks = state.looks.take(LIMITS.looksPerStepMax);
  const simulations = state.simulations.take(LIMITS.simulationsPerStepMax);
  for (const waiting of asks) if (!isHere(waiting)) waiting.settle(notHere(waiting.partition));
  const sendables = state.sendables.take(LIMITS.sendablesPerStepMax);
  for (const waiting of [...looks, ...simulations, ...sendables]) {
    if (!isHere(waiting)) waiting.reject(new Unavailable(whyNotHere(waiting.partition)));
  }
  return {
    asks: asks.filter(isHere),
    looks: looks.filter(isHere),
    simulations: simulations.filter(isHere),
    sendables: sendables.filter(isHere),
  };
}

/** Nothing can be said of whose profile cannot be read: whoever asks is told so. */
function soundness(session: Session) {
  return (waiting: {
    readonly partition: PartitionIndex;
    readonly key: CustomerKey;
    readonly reject: (error: Error) => void;
  }): boolean => {
    const damage = session.owned(waiting.partition)?.damaged.get(waiting.key);
    if (damage !== undefined) waiting.reject(new Unavailable(damage));
    return damage === undefined;
  };
}

/** A leaving partition for which nothing was left to be committed. */
function tellStored(session: Session, { closed }: StepOutput, onStored: (partition: Partition) => void): void {
  const writing = new Set(closed.map(({ partition }) => partition));
  for (const partition of session.partitions) {
    const isStored = partition.committed === partition.seq && !writing.has(partition);
    if (session.isLeaving(partition) && isStored) onStored(partition);
  }
}

/** Of each partition by itself: one that is refused, or of which it is not known, is lost, and the others go on. */
async function commitAll(state: LoopState, session: Session, output: StepOutput): Promise<void> {
  const byPartition = new Map<PartitionIndex, StepOutput["answers"][number][]>();
  for (const answer of output.answers) {
    const list = byPartition.get(answer.waiting.partition);
    if (list === undefined) byPartition.set(answer.waiting.partition, [answer]);
    else list.push(answer);
  }
  const startedAt = performance.now();
  await Promise.all(
    output.closed.map(async (closed) => {
      const { partition } = closed;
      const answers = byPartition.get(partition.index) ?? [];
      try {
        // What was computed while a commit of the same partition came into doubt stands on what may not have happened.
        if (!session.isLost(partition)) await commitOne(state, session, closed, answers, startedAt);
      } catch (error) {
        if (!isTrouble(error)) throw error;
        session.lose(partition, error.message);
      }
    }),
  );
}

async function commitOne(
  state: LoopState,
  session: Session,
  closed: ClosedDraft,
  answers: readonly StepOutput["answers"][number][],
  startedAt: number,
): Promise<void> {
  const { partition, commit } = closed;
  const reply = await session.journal.commit(partition.token, commit);
  if (reply.kind !== "ok") throw new SessionTrouble(`the commit was refused: ${reply.why}`);
  // With replicas to wait for, one may be in doubt and the next one not. Whoever recovers tells of both, in their order.
  if (partition.committed !== commit.previous) throw new SessionTrouble("the commit before this one is in doubt");
  partition.committed = commit.seq;
  session.sendRelays(partition);
  state.options.meter.onCommitted(closed, (performance.now() - startedAt) / 1000);
  publish(state, toCommitted(closed));
  for (const { waiting, record } of answers) {
    const isLate = !waiting.isAwaited();
    waiting.settle({ kind: "decided", record, seq: commit.seq });
    if (isLate) await release(state, session.journal, record);
  }
  await session.quotas.committed(partition, commit.seq);
}

function toCommitted({ partition, commit, draft }: ClosedDraft): Committed {
  return {
    partition: partition.index,
    seq: commit.seq,
    decisions: draft.decisions,
    withdrawals: draft.withdrawals,
    forgot: [...draft.forgotten],
  };
}
