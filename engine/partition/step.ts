// One step of the loop over all partitions of the process: fold what the logs brought, decide the triggers and the asks
// that wait, close one commit for each partition that needs it. Memory then runs ahead of Redis by this one step.
import type { DecisionRecord } from "../domain/decision.ts";
import type { LogEntry } from "../domain/event.ts";
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { positionMs } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import type { AskAnswer } from "../engine.ts";
import type { RawEntry } from "../journal/journal.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { armTimers } from "./arm-timers.ts";
import type { WaitingAsk } from "./asks.ts";
import { type Breathe, HOLD } from "./breath.ts";
import { type ClosedDraft, closeDraft, isWriteBackDue, nextSeq, type WriteBack } from "./close-draft.ts";
import type { EntryResult } from "./fold-entry.ts";
import { foldAllOrLose, whyIsolated } from "./fold-or-lose.ts";
import { loadProfiles } from "./load-profiles.ts";
import { addKey, addMissing, decodeInto } from "./log-cursor.ts";
import { mustCommit, type Partition } from "./partition.ts";
import { askQuestion, triggerQuestion } from "./questions.ts";
import { compiled, learnLayouts, nowOf } from "./recover.ts";
import type { Session } from "./session.ts";
import { decideAll, type Question, type WaveMeter } from "./wave.ts";

export interface StepInput {
  readonly entries: ReadonlyMap<PartitionIndex, readonly RawEntry[]>;
  readonly asks: readonly WaitingAsk[];
  /** Customers to be looked at after the fold. */
  readonly looks: readonly { readonly partition: PartitionIndex; readonly key: CustomerKey }[];
  readonly clock: () => number;
  /** What is held of quotas is given back: nothing more is decided here. */
  readonly isFlushing: boolean;
  /** A partition whose profiles cannot be had: it takes no part in this step, and none in the next. Left out: the step rejects. */
  readonly lose?: (partition: Partition, why: string) => void;
  readonly stages: WaveMeter;
  readonly writeBack: (partition: Partition) => WriteBack;
  /** Those without work are asked as well whether something is to be written back. */
  readonly isRound: boolean;
  /** Left out: as the journal keeps it. */
  readonly encode?: Parameters<typeof closeDraft>[3];
  /** Left out: it holds the thread until it ends. */
  readonly breathe?: Breathe;
  readonly onEntry: (partition: Partition, entry: LogEntry, result: EntryResult) => void;
}

export interface StepOutput {
  readonly closed: readonly ClosedDraft[];
  readonly answers: readonly { readonly waiting: WaitingAsk; readonly record: DecisionRecord }[];
  readonly refused: readonly { readonly waiting: WaitingAsk; readonly answer: AskAnswer }[];
  /** Asks under an anonymous key that is joined to this customer. */
  readonly redirected: readonly { readonly waiting: WaitingAsk; readonly customer: CustomerKey }[];
  /** Entries that must wait for the next step. */
  readonly left: ReadonlyMap<PartitionIndex, readonly RawEntry[]>;
}

/** What a step needs of a session: the sandbox steps without Redis. */
export type Stepping = Pick<Session, "context" | "partitions" | "owned" | "quotas" | "isLost"> & {
  readonly library: Pick<Session["library"], "all">;
};

const FAILED: AskAnswer = { kind: "fallback", why: "failed" };

export async function runStep(session: Stepping, input: StepInput): Promise<StepOutput> {
  const { breathe = HOLD } = input;
  const { touched, left } = await foldAll(session, input);
  input.stages.lap("fold");
  const { questions, asked, refused, redirected } = collectQuestions(session, input, touched);
  for (const partition of touched) partition.lastNow = nowOf(partition, input.clock);
  const records = questions.length === 0 ? [] : await decideAll(questions, session.quotas, input.stages, input.breathe);
  const answers = asked.flatMap(({ waiting, at }) => {
    const record = records[at];
    if (record === undefined) refused.push({ waiting, answer: FAILED });
    return record === undefined ? [] : [{ waiting, record }];
  });
  session.quotas.giveBack(session.partitions, input.isFlushing);
  const learn = learner(session);
  const closed: ClosedDraft[] = [];
  for (const partition of [...session.partitions]) {
    if (session.isLost(partition)) continue;
    // A step for one event must not cost what looking at every partition costs.
    if (!input.isRound && !touched.has(partition) && !mayHaveWork(partition)) continue;
    const writeBack = input.writeBack(partition);
    armTimers(partition);
    partition.isWritingBack = isWriteBackDue(partition, writeBack);
    if (mustCommit(partition) || partition.isWritingBack)
      closed.push(closeDraft(partition, writeBack, learn, input.encode));
    partition.store.forgetStates();
    const turn = breathe();
    if (turn !== undefined) await turn;
  }
  return { closed, answers, refused, redirected, left };
}

function mayHaveWork(partition: Partition): boolean {
  return partition.isWritingBack || partition.isBaseWanted || mustCommit(partition);
}

/** Decodes, loads the profiles concerned, folds. Returns the partitions that have something to decide or were folded. */
async function foldAll(
  session: Stepping,
  input: StepInput,
): Promise<{ readonly touched: Set<Partition>; readonly left: StepOutput["left"] }> {
  const { breathe = HOLD } = input;
  const decoded = new Map<Partition, readonly LogEntry[]>();
  const left = new Map<PartitionIndex, readonly RawEntry[]>();
  const needed = new Map<Partition, Set<CustomerKey>>();
  const keysOf = (partition: Partition): Set<CustomerKey> => {
    const keys = needed.get(partition) ?? new Set();
    needed.set(partition, keys);
    return keys;
  };
  for (const [index, raws] of input.entries) {
    const partition = session.owned(index) as Partition;
    const entries = decodeStep(partition, raws, session.context.partitions);
    if (entries.length < raws.length) left.set(index, raws.slice(entries.length));
    decoded.set(partition, entries);
    const keys = keysOf(partition);
    for (const entry of entries) addMissing(keys, partition, entry);
    const turn = breathe();
    if (turn !== undefined) await turn;
  }
  for (const { partition, ask } of input.asks) keysOf(session.owned(partition) as Partition).add(ask.key);
  for (const { partition, key } of input.looks) keysOf(session.owned(partition) as Partition).add(key);
  await Promise.all(
    [...needed].map(([partition, keys]) =>
      loadOrLose(input, partition, () => loadProfiles(session.context, partition, keys)),
    ),
  );
  const counted = new Set<ActiveRulebook>();
  for (const [partition, entries] of decoded) {
    if (session.isLost(partition)) continue;
    const rulebooks = needsMore(entries)
      ? await loadOrLose(input, partition, async () => {
          await learnLayouts(session.context, partition, entries);
          return await compiled(session.context, entries);
        })
      : NO_RULEBOOKS;
    if (rulebooks === undefined) continue;
    if (entries[0]?.kind === "activation") recount(session, counted);
    const { seed, partitions } = session.context;
    const { poison } = session.context;
    const isolated = (entry: LogEntry) => whyIsolated(partition, entry, poison);
    const context = { seed, partitions, rulebooks, seq: nextSeq(partition), isReflected: () => false, isolated };
    foldAllOrLose(input, partition, entries, context, poison);
    for (const entry of entries) partition.lastNow = Math.max(partition.lastNow, drivenTo(entry)) as Instant;
    const turn = breathe();
    if (turn !== undefined) await turn;
  }
  // A look changes nothing, nor the time: else one before a replay would hold the clock in the present.
  const asked = input.asks.map(({ partition }) => session.owned(partition) as Partition);
  const touched = [...decoded.keys(), ...asked].filter((partition) => !session.isLost(partition));
  return { touched: new Set(touched), left };
}

/**
 * Streams that are replayed side by side may be days apart. Whatever was folded is past, so the time of deciding does not go
 * back behind it. Entries that nobody drives do not count: a clock of Redis that once was wrong would hold the time for ever.
 */
function drivenTo({ arrivedAt, movesClock, position }: LogEntry): Instant {
  return movesClock && arrivedAt < positionMs(position) ? arrivedAt : LONG_AGO;
}

const NO_RULEBOOKS = (): undefined => undefined;

/** Hardly any entry brings a profile along or activates a rulebook: no turn is waited for where none does. */
function needsMore(entries: readonly LogEntry[]): boolean {
  return entries.some(({ kind }) => kind === "merge" || kind === "activation");
}

/** What one partition needs from Redis. Where it cannot be had the others go on. */
async function loadOrLose<T>(
  { lose }: StepInput,
  partition: Partition,
  load: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await load();
  } catch (error) {
    if (lose === undefined) throw error;
    lose(partition, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/**
 * Up to the next entry that begins a step. An activation does: what was triggered before it is decided by the rulebook that
 * triggered it, whose numbers of features and placements mean nothing to the next one. So does a seal behind entries of the
 * same key: what they trigger is decided, and counted, before the profile is sent away.
 */
function decodeStep(partition: Partition, raws: readonly RawEntry[], partitions: number): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  const keys = new Set<CustomerKey>();
  let known = 0;
  const isBehindOwn = (key: CustomerKey): boolean => {
    for (; known < entries.length; known++) addKey(keys, entries[known] as LogEntry);
    return keys.has(key);
  };
  for (const raw of raws) {
    const { skewMs } = partition;
    const entry = decodeInto(partition, raw, partitions);
    const begins = entry.kind === "seal" ? isBehindOwn(entry.anonymous) : entry.kind === "activation";
    if (begins && entries.length > 0) {
      partition.skewMs = skewMs;
      break;
    }
    entries.push(entry);
  }
  return entries;
}

function collectQuestions(session: Stepping, input: StepInput, touched: Set<Partition>) {
  const questions: Question[] = [];
  const asked: { waiting: WaitingAsk; at: number }[] = [];
  const refused: { waiting: WaitingAsk; answer: AskAnswer }[] = [];
  const redirected: { waiting: WaitingAsk; customer: CustomerKey }[] = [];
  for (const partition of touched) {
    for (const triggered of partition.draft.triggered) {
      const question = triggerQuestion(partition, triggered);
      partition.draft.takenMs.set(question.id, triggered.takenMs);
      questions.push(question);
    }
    partition.draft.triggered.length = 0;
  }
  for (const waiting of input.asks) {
    const partition = session.owned(waiting.partition) as Partition;
    if (session.isLost(partition)) continue;
    if (partition.damaged.has(waiting.ask.key)) {
      refused.push({ waiting, answer: FAILED });
      continue;
    }
    const { sealedTo, joining } = partition.store.state(waiting.ask.key);
    if (sealedTo !== undefined) {
      if (waiting.ask.joined === "tell") refused.push({ waiting, answer: { kind: "joined", customer: sealedTo } });
      else redirected.push({ waiting, customer: sealedTo });
      continue;
    }
    const question: Question | AskAnswer =
      joining > 0 ? { kind: "fallback", why: "joining" } : askQuestion(partition, waiting);
    if ("kind" in question) refused.push({ waiting, answer: question });
    else asked.push({ waiting, at: questions.push(question) - 1 });
  }
  return { questions, asked, refused, redirected };
}

function learner(session: Stepping): Parameters<typeof closeDraft>[2] {
  const rulebooks = session.library.all();
  return (treatment, trials, positives) => {
    for (const active of rulebooks) active.evidence.learn(treatment, trials, positives);
  };
}

/** A rulebook that begins to decide here starts from what all partitions have learned so far, whoever compiled it. */
function recount(session: Stepping, counted: Set<ActiveRulebook>): void {
  for (const active of session.library.all()) {
    if (counted.has(active)) continue; // nothing is learned in the middle of a step, however many partitions activate it
    counted.add(active);
    active.evidence.recount(session.partitions.map((partition) => partition.evidence));
  }
}
