// A decision as it is journalled: names instead of indexes, and everything that is needed to compute it again.
import type {
  BetaCounts,
  Decision,
  DecisionInput,
  DecisionRecord,
  Item,
  ItemRecord,
  ModelScore,
  Slate,
  SlateRecord,
} from "../domain/decision.ts";
import { STAGES, type Stage } from "../domain/drop.ts";
import { STAGE_OF } from "../domain/drop-list.ts";
import type { ModelIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Quota } from "../rulebook/policies.ts";
import type { Placement } from "../rulebook/rulebook.ts";
import type { Decider } from "./decide.ts";
import { dropDigest } from "./drop-digest.ts";
import type { Prepared, PreparedTreatment } from "./prepared.ts";
import { superseded } from "./sticky.ts";

export type RecordExtra = Pick<DecisionRecord, "models" | "degraded" | "trigger" | "requestHash">;

/** Copies what a caller may use again (features, evidence). */
export function recordOf(
  decider: Decider,
  input: DecisionInput,
  decision: Decision,
  extra: RecordExtra,
): DecisionRecord {
  const { rulebook, prepared } = decider;
  const { profile, request, evidence, now, draw } = input;
  return {
    id: input.id,
    key: profile.key,
    kind: decision.kind,
    direction: request.direction,
    slates: slateRecords(prepared, decision.slates),
    now,
    rulebook: rulebook.hash,
    models: extra.models,
    degraded: extra.degraded,
    withheld: slateRecords(prepared, decision.withheld),
    arms: decision.arms,
    spent: spentByName(decider, decision),
    pressure: decision.pressure,
    contacts: decision.contacts,
    superseded: superseded(prepared, profile, decision, now),
    input: {
      profile: { ...profile, features: profile.features.slice() },
      request,
      evidence: sparse(evidence, treatmentsWeighed(decision)),
      quotas: Array.from(input.quotas),
      draw,
    },
    droppedDigest: dropDigest(prepared, decision.dropped),
    // Last: names behind a spread are written one by one, which costs more than all of them in one literal.
    ...(extra.trigger === undefined ? undefined : { trigger: extra.trigger }),
    ...(extra.requestHash === undefined ? undefined : { requestHash: extra.requestHash }),
    ...(decision.heldUntil === undefined ? undefined : { heldUntil: decision.heldUntil }),
  };
}

export function slateRecords(prepared: Prepared, slates: readonly Slate[]): readonly SlateRecord[] {
  return slates.map((slate) => slateRecord(prepared, slate));
}

export function spentByName({ rulebook }: Decider, { spent }: Decision): DecisionRecord["spent"] {
  return spent.map(({ quota, units }) => ({ quota: (rulebook.quotas[quota] as Quota).id, units }));
}

function slateRecord(prepared: Prepared, { placement, kind, because, items }: Slate): SlateRecord {
  return {
    placement: (prepared.rulebook.placements[placement] as Placement).name,
    kind,
    ...(because === undefined ? {} : { because }),
    items: items.map((item) => itemRecord(prepared, item)),
  };
}

/** Stages that a treatment can fall at after its evidence was read; those before have read none. */
const WEIGHED: ReadonlySet<Stage> = new Set(
  STAGES.slice(STAGES.indexOf("contact-limit")), // in `choose` a cap may turn down what has a priority
);

/** Every treatment whose evidence had a say, and few others. Ascending. */
function treatmentsWeighed({ slates, dropped }: Decision): readonly TreatmentIndex[] {
  const found: TreatmentIndex[] = [];
  for (const { items } of slates) for (const { treatment } of items) found.push(treatment);
  dropped.forEachPacked((drop) => {
    const treatment = dropped.rows.treatmentOf[drop.row] as TreatmentIndex;
    if (treatment >= 0 && WEIGHED.has(STAGE_OF[drop.code] ?? dropped.whole(drop).stage)) found.push(treatment);
  });
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Most treatments of a large rulebook have none. */
function sparse(
  { trials, positives }: BetaCounts,
  treatments: readonly TreatmentIndex[],
): DecisionRecord["input"]["evidence"] {
  const found: [TreatmentIndex, number, number][] = [];
  for (const treatment of treatments) {
    const tried = trials[treatment] ?? 0;
    const positive = positives[treatment] ?? 0;
    if (tried !== 0 || positive !== 0) found.push([treatment, tried, positive]);
  }
  return found;
}

function itemRecord(prepared: Prepared, item: Item): ItemRecord {
  const { treatment, action, channel } = prepared.treatments[item.treatment] as PreparedTreatment;
  const { rank, trackingCode, kept, factors, content, reasons, expiresAt } = item;
  return {
    action: action.id,
    treatment: treatment.id,
    channel: channel.name,
    rank,
    trackingCode,
    kept,
    factors,
    content,
    reasons,
    expiresAt,
  };
}

/** What `decide` was given, out of the record. */
export function inputOf({ rulebook }: Decider, record: DecisionRecord): DecisionInput {
  const { profile, request, evidence, quotas, draw } = record.input;
  const trials = new Float64Array(rulebook.treatments.length);
  const positives = new Float64Array(rulebook.treatments.length);
  for (const [treatment, tried, positive] of evidence) {
    trials[treatment] = tried;
    positives[treatment] = positive;
  }
  return {
    id: record.id,
    profile,
    request,
    evidence: { trials, positives },
    quotas: Float64Array.from(quotas),
    now: record.now,
    draw,
  };
}

export function scoresOf({ rulebook }: Decider, record: DecisionRecord): readonly ModelScore[] {
  const scores: ModelScore[] = [];
  for (const { name, value, fallback } of record.models) {
    const model: ModelIndex | undefined = rulebook.models.find((known) => known.name === name)?.index;
    if (model !== undefined) scores.push({ model, value, fallback });
  }
  return scores;
}
