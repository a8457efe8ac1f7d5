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
import type { ModelIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Placement } from "../rulebook/rulebook.ts";
import type { Decider } from "./decide.ts";
import { dropDigest } from "./drop-digest.ts";
import type { Prepared, PreparedTreatment } from "./prepared.ts";
import { superseded } from "./sticky.ts";

export type RecordExtra = Pick<DecisionRecord, "models" | "degraded" | "trigger" | "requestHash">;

/** Copies what a caller may use again (features, evidence). */
export function recordOf(
  { rulebook, prepared }: Decider,
  input: DecisionInput,
  decision: Decision,
  extra: RecordExtra,
): DecisionRecord {
  const { profile, request, evidence, now, draw } = input;
  return {
    id: input.id,
    key: profile.key,
    kind: decision.kind,
    direction: request.direction,
    slates: slateRecords(prepared, decision),
    now,
    rulebook: rulebook.hash,
    ...extra,
    withheld: decision.withheld.map((slate) => slateRecord(prepared, slate)),
    arms: decision.arms,
    spent: decision.spent.map(({ quota, units }) => ({ quota: rulebook.quotas[quota]?.id ?? "", units })),
    pressure: decision.pressure,
    ...(decision.heldUntil === undefined ? {} : { heldUntil: decision.heldUntil }),
    contacts: decision.contacts,
    superseded: superseded(prepared, profile, decision, now),
    input: {
      profile: { ...profile, features: profile.features.slice() },
      request,
      evidence: sparse(evidence),
      quotas: Array.from(input.quotas),
      draw,
    },
    droppedDigest: dropDigest(prepared, decision.dropped),
  };
}

export function slateRecords(prepared: Prepared, decision: Decision): readonly SlateRecord[] {
  return decision.slates.map((slate) => slateRecord(prepared, slate));
}

export function slateRecord(prepared: Prepared, { placement, kind, because, items }: Slate): SlateRecord {
  return {
    placement: (prepared.rulebook.placements[placement] as Placement).name,
    kind,
    ...(because === undefined ? {} : { because }),
    items: items.map((item) => itemRecord(prepared, item)),
  };
}

/** Most treatments of a large rulebook have none. */
function sparse({ trials, positives }: BetaCounts): DecisionRecord["input"]["evidence"] {
  const found: [TreatmentIndex, number, number][] = [];
  for (let at = 0; at < Math.max(trials.length, positives.length); at++) {
    const tried = trials[at] ?? 0;
    const positive = positives[at] ?? 0;
    if (tried !== 0 || positive !== 0) found.push([at as TreatmentIndex, tried, positive]);
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
