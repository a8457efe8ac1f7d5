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
import { type Drop, STAGES, type Stage } from "../domain/drop.ts";
import { DROPPED, STAGE_OF, WORDS_PER_DROP } from "../domain/drop-list.ts";
import type { ModelIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Quota } from "../rulebook/policies.ts";
import type { Placement } from "../rulebook/rulebook.ts";
import type { Decider } from "./decide.ts";
import { dropDigest } from "./drop-digest.ts";
import type { Prepared, PreparedTreatment } from "./prepared.ts";
import { superseded } from "./sticky.ts";

export type RecordExtra = Pick<DecisionRecord, "models" | "degraded" | "trigger" | "requestHash">;

/** `Array.from` walks a typed array by its iterator: not for nothing. */
const NO_QUOTAS: readonly number[] = [];

/** Holds on to the profile and its features: who writes to them again gives a copy. Evidence and quotas are copied. */
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
      profile,
      request,
      evidence: evidenceRead(decision, evidence),
      quotas: input.quotas.length === 0 ? NO_QUOTAS : Array.from(input.quotas),
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
  const { name } = prepared.rulebook.placements[placement] as Placement;
  const records = items.map((item) => itemRecord(prepared, item));
  return because === undefined
    ? { placement: name, kind, items: records }
    : { placement: name, kind, because, items: records };
}

/** By code of a drop: can a treatment fall by it after its evidence was read? */
const WEIGHED = Uint8Array.from(STAGE_OF, (stage) => (stage !== undefined && isWeighed(stage) ? 1 : 0));

/** In `choose` a cap may turn down what has a priority. */
function isWeighed(stage: Stage): boolean {
  return STAGES.indexOf(stage) >= STAGES.indexOf("contact-limit");
}

/** Of every treatment whose evidence had a say, and few others; ascending. Most treatments of a large rulebook have none. */
function evidenceRead(
  { slates, dropped }: Decision,
  { trials, positives }: BetaCounts,
): DecisionRecord["input"]["evidence"] {
  const found: [TreatmentIndex, number, number][] = [];
  const read = (treatment: TreatmentIndex): void => {
    const tried = trials[treatment] ?? 0;
    const positive = positives[treatment] ?? 0;
    if (tried !== 0 || positive !== 0) found.push([treatment, tried, positive]);
  };
  for (const { items } of slates) for (const { treatment } of items) read(treatment);
  const { words, causes, rows } = dropped;
  for (let at = 0; at < words.length; at += WORDS_PER_DROP) {
    const code = (words[at + 1] as number) & 0xff;
    if (code === DROPPED.other) {
      if (!isWeighed((causes[words[at + 2] as number] as Drop).stage)) continue;
    } else if (WEIGHED[code] === 0) continue;
    const treatment = rows.treatmentOf[words[at] as number] as TreatmentIndex;
    if (treatment >= 0) read(treatment);
  }
  if (found.length > 1) found.sort(([a], [b]) => a - b);
  return found.filter(([treatment], at) => at === 0 || treatment !== found[at - 1]?.[0]);
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
