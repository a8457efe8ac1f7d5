// A wave: at most one decision for each customer, over all partitions of the process. Qualify everything, ask each model
// once, choose, and apply each decision to its profile, so that the next wave sees the contacts that this one reserved.

import { variantOf } from "../decide/experiments.ts";
import type { Qualified } from "../decide/qualify.ts";
import { recordOf } from "../decide/record.ts";
import type { DecisionInput, DecisionRecord, DecisionRequest, ModelScore, ProfileView } from "../domain/decision.ts";
import type { Stage } from "../domain/drop.ts";
import { drawOf } from "../domain/hash.ts";
import type { CustomerKey, DecisionId, QuotaIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { WaveStage } from "../observe/metrics.ts";
import { applyDecision } from "../profile/apply-decision.ts";
import type { ScoreRequest } from "../score/scorer.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { type Breathe, HOLD } from "./breath.ts";
import { featureRow } from "./feature-rows.ts";
import { type Partition, touch } from "./partition.ts";
import { placeOfError } from "./poison.ts";
import type { QuotaDemand, QuotaExchange } from "./quota-exchange.ts";
import { quotaView, spend } from "./quota-ledger.ts";
import { quotaNeeds } from "./quota-needs.ts";

export interface Question {
  readonly partition: Partition;
  readonly key: CustomerKey;
  readonly id: DecisionId;
  readonly request: DecisionRequest;
  /** Copied as the triggering event was folded; undefined: as of now. */
  readonly features: Float64Array | undefined;
  readonly trigger: DecisionRecord["trigger"];
  readonly requestHash: string | undefined;
}

/** Where the time of a step goes, and where candidates fall. */
export interface WaveMeter {
  /** What went by since the last lap belongs to this stage. */
  readonly lap: (stage: WaveStage) => void;
  readonly onDropped: (stage: Stage, drops: number, errors: number) => void;
}

/** Decides all of them, in waves; answers in their order. Undefined where a customer's decision fails: that one alone. */
export async function decideAll(
  questions: readonly Question[],
  quotas: Pick<QuotaExchange, "prepare">,
  meter: WaveMeter,
  breathe: Breathe = HOLD,
): Promise<readonly (DecisionRecord | undefined)[]> {
  const records = new Map<Question, DecisionRecord>();
  let waiting = questions;
  while (waiting.length > 0) {
    const { wave, rest } = splitWave(waiting);
    await decideWave(wave, records, { quotas, meter, breathe });
    waiting = rest;
  }
  return questions.map((question) => records.get(question));
}

/** `features`: those of another moment; else they are read, as of now. */
export function viewOf(
  partition: Partition,
  active: ActiveRulebook,
  key: CustomerKey,
  now: Instant,
  features: Float64Array = featuresOf(partition, active, key, now),
): ProfileView {
  const { attributes, contacts, consents, openCases } = partition.store.state(key);
  return { key, features, attributes, contacts, consents, openCases };
}

function featuresOf({ store }: Partition, { rulebook }: ActiveRulebook, key: CustomerKey, now: Instant): Float64Array {
  const features = featureRow(rulebook.features.length);
  store.features(key, now, features);
  return features;
}

function splitWave(questions: readonly Question[]): { wave: readonly Question[]; rest: readonly Question[] } {
  if (questions.length === 1) return { wave: questions, rest: [] };
  const wave: Question[] = [];
  const rest: Question[] = [];
  const asked = new Set<CustomerKey>();
  for (const question of questions) {
    if (asked.has(question.key)) rest.push(question);
    else {
      asked.add(question.key);
      wave.push(question);
    }
  }
  return { wave, rest };
}

interface Deciding {
  readonly quotas: Pick<QuotaExchange, "prepare">;
  readonly meter: WaveMeter;
  readonly breathe: Breathe;
}

interface Undecided {
  readonly question: Question;
  readonly active: ActiveRulebook;
  readonly input: DecisionInput;
  readonly qualified: Qualified;
}

async function decideWave(
  wave: readonly Question[],
  records: Map<Question, DecisionRecord>,
  { quotas, meter, breathe }: Deciding,
): Promise<void> {
  const undecided: Undecided[] = [];
  for (const question of wave) {
    const qualified = orIsolate(question, () => qualify(question));
    if (qualified !== undefined) undecided.push(qualified);
    const turn = breathe();
    if (turn !== undefined) await turn;
  }
  const demands = demandsOf(undecided);
  meter.lap("qualify");
  const [scores] = await Promise.all([scoreWave(undecided), demands.length > 0 ? quotas.prepare(demands) : undefined]);
  meter.lap("score");
  for (const [index, item] of undecided.entries()) {
    const record = orIsolate(item.question, () => chooseOne(item, scores[index] as readonly ModelScore[], meter));
    if (record === undefined) continue;
    records.set(item.question, record);
    apply(item.question.partition, record);
    const turn = breathe();
    if (turn !== undefined) await turn;
  }
  meter.lap("choose");
}

/** A decision that throws has changed nothing yet. What asked for it becomes a dead letter; whoever asks gets the fallback. */
function orIsolate<T>(question: Question, decide: () => T): T | undefined {
  try {
    return decide();
  } catch (error) {
    const { partition, key, trigger } = question;
    const what = trigger === undefined ? "an ask" : `what trigger "${trigger.id}" asked for`;
    partition.draft.dead.push({
      position: partition.position,
      reason: "poison",
      detail: `${what} could not be decided: ${placeOfError(error)}`,
      source: "$decide",
      bytes: Buffer.from(JSON.stringify({ customer: key, trigger, context: question.request.context })),
    });
    return undefined;
  }
}

function qualify(question: Question): Undecided {
  const { partition, key, id, request } = question;
  const now = partition.lastNow;
  const active = deciding(partition.active, key, now);
  const profile = viewOf(partition, active, key, now, question.features);
  const { trials, positives } = active.evidence;
  const input: DecisionInput = {
    id,
    profile,
    request,
    evidence: { trials, positives },
    quotas: new Float64Array(active.rulebook.quotas.length),
    now,
    draw: drawOf(id),
  };
  return { question, active, input, qualified: active.decider.qualify(input) };
}

/** The active rulebook, or the variant of it that the customer's arm has. */
export function deciding(active: ActiveRulebook, key: CustomerKey, now: Instant): ActiveRulebook {
  const name = variantOf(active.rulebook, key, now);
  if (name === undefined) return active;
  const variant = active.variants.get(name);
  if (variant === undefined)
    throw new Error(`an arm names variant "${name}", which rulebook ${active.hash} does not have`);
  return variant;
}

/** One ONNX call for each model and rulebook: normally there is one rulebook. */
async function scoreWave(undecided: readonly Undecided[]): Promise<readonly (readonly ModelScore[])[]> {
  const scores: ModelScore[][] = undecided.map(() => []);
  const byRulebook = new Map<ActiveRulebook, { requests: ScoreRequest[]; owners: number[] }>();
  for (const [owner, { active, input, qualified }] of undecided.entries()) {
    for (const model of qualified.needsModels) {
      const group = byRulebook.get(active) ?? { requests: [], owners: [] };
      byRulebook.set(active, group);
      group.requests.push({ model, row: input.profile.features });
      group.owners.push(owner);
    }
  }
  for (const [active, { requests, owners }] of byRulebook) {
    const answers = await active.scorer.scoreAll(requests);
    for (const [index, answer] of answers.entries()) scores[owners[index] as number]?.push(answer);
  }
  return scores;
}

/** What the candidates of the wave could take of each quota, by partition. */
function demandsOf(undecided: readonly Undecided[]): readonly QuotaDemand[] {
  const demands = new Map<Partition, Map<QuotaIndex, QuotaDemand>>();
  for (const { question, active, qualified } of undecided) {
    if (active.rulebook.quotas.length === 0) continue;
    const { partition } = question;
    const own = demands.get(partition) ?? new Map<QuotaIndex, QuotaDemand>();
    demands.set(partition, own);
    for (const [index, { quota, least, need, wish }] of quotaNeeds(active.decider, qualified)) {
      const before = own.get(index);
      own.set(index, {
        partition,
        quota,
        least: Math.min(least, before?.least ?? least),
        need: Math.max(need, before?.need ?? 0),
        wish: wish + (before?.wish ?? 0),
      });
    }
  }
  return [...demands.values()].flatMap((own) => [...own.values()]);
}

function chooseOne(
  { question, active, input: qualifiedInput, qualified }: Undecided,
  scores: readonly ModelScore[],
  meter: WaveMeter,
): DecisionRecord {
  const { partition } = question;
  // As of this very moment: the decisions of this wave before it have spent, too.
  const quotas = quotaView(partition.quotas, active.rulebook.quotas, qualifiedInput.now);
  const input = { ...qualifiedInput, quotas };
  const decision = active.decider.choose(input, qualified, scores);
  decision.dropped.forEachStage(meter.onDropped);
  const models = scores.map(({ model, value, fallback }) => {
    const file = active.scorer.models[model];
    if (file === undefined) throw new Error(`rulebook ${active.hash} has a model ${model} that is not loaded`);
    return { name: file.name, sha256: file.sha256, value, fallback };
  });
  const degraded = models.filter((model) => model.fallback).map((model) => `model:${model.name}`);
  return recordOf(active.decider, input, decision, {
    models,
    degraded,
    ...(question.trigger === undefined ? {} : { trigger: question.trigger }),
    ...(question.requestHash === undefined ? {} : { requestHash: question.requestHash }),
  });
}

/** By the base, whichever variant decided: as recovery does. */
function apply(partition: Partition, record: DecisionRecord): void {
  const { store, draft } = partition;
  const { rulebook } = partition.active;
  draft.decisions.push(record);
  spend(partition.quotas, rulebook.quotas, record.now, record.spent);
  partition.ordinal++; // so that asks without events bring write-backs and checkpoints about, too
  const applied = applyDecision(store.state(record.key), record, rulebook);
  if (!applied.isChanged) return;
  store.setState(record.key, applied.state);
  draft.withdrawals.push(...applied.withdrawals);
  draft.rearm.add(record.key);
  touch(partition, record.key);
}
