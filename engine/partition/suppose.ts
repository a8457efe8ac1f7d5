// A decision that is only supposed: on a copy of what a partition knows of a customer, changed as told, by the rulebook that
// would decide. Nothing of the partition is written, so it leaves no trace.
import { recordOf } from "../decide/record.ts";
import type { DecisionInput, DecisionRecord, ModelScore, ProfileView } from "../domain/decision.ts";
import { drawOf } from "../domain/hash.ts";
import type { ModelIndex } from "../domain/ids.ts";
import { DAY_MS, type Instant } from "../domain/time.ts";
import type { Simulated, Simulation, Supposition } from "../engine.ts";
import { valueFault } from "../profile/layout.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import type { Partition } from "./partition.ts";
import { randomId, requestOf } from "./questions.ts";
import { deciding, viewOf } from "./wave.ts";

export interface Supposed {
  readonly active: ActiveRulebook;
  readonly input: DecisionInput;
  /** Outputs of models that are given, so that these are not asked. */
  readonly outputs: ReadonlyMap<ModelIndex, number>;
}

type Refused = Extract<Simulated, { kind: "refused" }>;

const AHEAD_MS_MAX = 366 * DAY_MS;

/**
 * `present` is the time of the partition, and that of the decision where none is supposed; `quotas`, what it may spend. The
 * profile must be in memory.
 */
export function suppose(
  partition: Partition,
  simulation: Simulation,
  present: Instant,
  quotas: Float64Array,
): Supposed | Refused {
  const { key, suppose: told } = simulation;
  const now = told.now ?? present;
  const active = deciding(partition.active, key, now);
  const fault = timeFault(now, present) ?? namesFault(active.rulebook, told);
  if (fault !== undefined) return fault;
  const locale = simulation.locale ?? told.attributes["locale"];
  const asked = { ...simulation, ...(typeof locale === "string" ? { locale } : {}) };
  const request = requestOf(partition, asked, simulation.direction);
  if ("kind" in request) return request;
  const id = randomId(partition.index);
  const { trials, positives } = active.evidence;
  const input: DecisionInput = {
    id,
    profile: changed(viewOf(partition, active, key, now), active.rulebook, told, now),
    request,
    evidence: { trials, positives },
    quotas,
    now,
    draw: drawOf(id),
  };
  const { models } = active.rulebook;
  const outputs = models.flatMap(({ name, index }): (readonly [ModelIndex, number])[] => {
    const value = told.models[name];
    return value === undefined ? [] : [[index, value]];
  });
  return { active, input, outputs: new Map(outputs) };
}

/** As a wave decides, for one customer; the record is in no journal. An output that was given has no sha256. */
export async function decideSupposed({ active, input, outputs }: Supposed): Promise<DecisionRecord> {
  const { decider, scorer } = active;
  const qualified = decider.qualify(input);
  const asked = qualified.needsModels.filter((model) => !outputs.has(model));
  const row = input.profile.features;
  const answers = await scorer.scoreAll(asked.map((model) => ({ model, row })));
  const given = qualified.needsModels.flatMap((model): ModelScore[] => {
    const value = outputs.get(model);
    return value === undefined ? [] : [{ model, value, fallback: false }];
  });
  const scores = [...answers, ...given].sort((a, b) => a.model - b.model);
  const models = scores.map(({ model, value, fallback }) => ({
    name: active.rulebook.models[model]?.name ?? String(model),
    sha256: outputs.has(model) ? "" : (scorer.models[model]?.sha256 ?? ""),
    value,
    fallback,
  }));
  const degraded = models.filter(({ fallback }) => fallback).map(({ name }) => `model:${name}`);
  return recordOf(decider, input, decider.choose(input, qualified, scores), { models, degraded });
}

function timeFault(now: Instant, present: Instant): Refused | undefined {
  if (now >= present && now <= present + AHEAD_MS_MAX) return undefined;
  const shown = new Date(present).toISOString();
  return refused(
    "now",
    `must be from the present of this customer, ${shown}, to 366 days later; nba why --at tells of the past`,
  );
}

function namesFault({ attributes, features, models, channels }: Rulebook, told: Supposition): Refused | undefined {
  for (const [name, value] of Object.entries(told.attributes)) {
    const spec = attributes.find((known) => known.name === name);
    if (spec === undefined) return unknown("attributes", name, attributes);
    const fault = value === null ? undefined : valueFault(spec, value);
    if (fault !== undefined) return refused(`attributes/${name}`, fault);
  }
  for (const name of Object.keys(told.features)) {
    if (!features.some((known) => known.name === name)) return unknown("features", name, features);
  }
  for (const name of Object.keys(told.models)) {
    if (!models.some((known) => known.name === name)) return unknown("models", name, models);
  }
  for (const [at, { channel }] of told.consents.entries()) {
    if (channel !== "*" && !channels.some((known) => known.name === channel)) {
      return unknown("consents", channel, channels, `consents/${at}/channel`);
    }
  }
  return undefined;
}

function unknown(
  kind: string,
  name: string,
  known: readonly { readonly name: string }[],
  at = `${kind}/${name}`,
): Refused {
  const names = known.map((one) => one.name).join(", ") || "none";
  return refused(at, `the rulebook has no "${name}" there; it has: ${names}`);
}

function refused(path: string, why: string): Refused {
  return { kind: "refused", pointer: `/overrides/${path}`, why };
}

function changed(view: ProfileView, rulebook: Rulebook, told: Supposition, now: Instant): ProfileView {
  const features = view.features.slice();
  for (const { name, index } of rulebook.features) {
    if (Object.hasOwn(told.features, name)) features[index] = told.features[name] ?? Number.NaN;
  }
  const attributes = rulebook.attributes.map(({ name, index }) =>
    Object.hasOwn(told.attributes, name) ? (told.attributes[name] ?? undefined) : view.attributes[index],
  );
  const isTold = ({ channel, purpose }: { readonly channel: string; readonly purpose: string }): boolean =>
    told.consents.some((consent) => consent.channel === channel && consent.purpose === purpose);
  return {
    key: view.key,
    features,
    attributes,
    contacts: told.contacts === "none" ? [] : view.contacts,
    consents: [
      ...view.consents.filter((consent) => !isTold(consent)),
      ...told.consents.map((consent) => ({ ...consent, ts: now })),
    ],
    openCases:
      told.openCases?.map(({ kind }, at) => ({ caseId: `supposed-${at}`, kind, openedAt: now })) ?? view.openCases,
  };
}
