// A decision as it is journalled: names instead of indexes, and everything that is needed to compute it again.
import type {
  Decision,
  DecisionInput,
  DecisionRecord,
  Item,
  ItemRecord,
  ModelScore,
  SlateRecord,
} from "../domain/decision.ts";
import type { ModelIndex } from "../domain/ids.ts";
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
    contacts: decision.kind === "act" ? decision.contacts : [],
    superseded: superseded(prepared, profile, decision, now),
    input: {
      profile: { ...profile, features: profile.features.slice() },
      request,
      trials: Array.from(evidence.trials),
      positives: Array.from(evidence.positives),
      draw,
    },
    droppedDigest: dropDigest(prepared, decision.dropped),
  };
}

export function slateRecords(prepared: Prepared, decision: Decision): readonly SlateRecord[] {
  return decision.slates.map(({ placement, kind, because, items }) => ({
    placement: (prepared.rulebook.placements[placement] as Placement).name,
    kind,
    ...(because === undefined ? {} : { because }),
    items: items.map((item) => itemRecord(prepared, item)),
  }));
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
export function inputOf(record: DecisionRecord): DecisionInput {
  const { profile, request, trials, positives, draw } = record.input;
  return {
    id: record.id,
    profile,
    request,
    evidence: { trials: Float64Array.from(trials), positives: Float64Array.from(positives) },
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
