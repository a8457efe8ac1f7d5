// Random rulebooks, customers and requests.
import fc from "fast-check";
import { OUTCOMES } from "../../engine/domain/contact.ts";
import type { Consent, DecisionInput, ModelScore } from "../../engine/domain/decision.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import { customerKey, type ModelIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import {
  type ActionDraft,
  type BookDraft,
  type ContactDraft,
  contactOf,
  type InputDraft,
  inputFor,
  NOW,
  type RuleDraft,
} from "./build.ts";
import { atMost, boost, bundle, experiment, fatigue, PLACE, quota } from "./policies.ts";

const isLong = process.env["NBA_LONG"] === "1";
export const RUNS = isLong ? 5_000 : 60;
/** Of the property that holds everything together: one decision each. */
export const DECISIONS = isLong ? 100_000 : 300;

const CHANNELS = ["app", "email", "push"];
const PLACEMENTS = ["desk", "hero", "home"];
const GROUPS = ["cards", "loans", "help"];
const ISSUES = ["sales", "service"];
const SPANS = [HOUR_MS, DAY_MS, 7 * DAY_MS];

const rule: fc.Arbitrary<RuleDraft> = fc
  .record({ source: fc.constantFrom("feature", "model"), at: fc.nat(1), above: fc.constantFrom(-1, -1, -1, 0.5) })
  .map(({ source, at, above }) => ({
    id: `${source}-${at}-above-${above}`,
    needs: source === "model" ? [`m${at}`] : [],
    reads: [source === "model" ? `model.m${at}` : `features.f${at}`],
    test: ({ features, models }) => {
      const value = (source === "model" ? models : features)[at] as number;
      return Number.isNaN(value) ? "error" : value > above;
    },
  }));

const rules = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(rule, { maxLength: 2 }) },
);

function action(id: string): fc.Arbitrary<ActionDraft> {
  return fc.record({
    id: fc.constant(id),
    issue: fc.constantFrom(...ISSUES),
    group: fc.constantFrom(...GROUPS),
    enabled: fc.nat(9).map((n) => n > 0),
    eligibility: rules,
    applicability: rules,
    suitability: rules,
    context: fc.array(fc.record({ when: rule, weight: fc.constantFrom(0, 0.5, 2) }), { maxLength: 2 }),
    value: fc.constantFrom(1, 2, 3, ({ features }: { features: Float64Array }) => features[0] as number),
    lever: fc.constantFrom(0.5, 1, 2),
    floor: fc.constantFrom(0, 0.3),
    purpose: fc.constantFrom("marketing", "marketing", "service"),
    treatments: fc.uniqueArray(
      fc.record({
        channel: fc.constantFrom(...CHANNELS),
        placements: fc.uniqueArray(fc.constantFrom(...PLACEMENTS), { minLength: 2 }),
        prior: fc.constantFrom({ alpha: 1, beta: 1 }, { alpha: 1, beta: 4 }),
        context: fc.array(fc.record({ when: rule, weight: fc.constantFrom(0.5, 2) }), { maxLength: 1 }),
        parts: fc.record({ cost: fc.constantFrom(0, 0.5, 1), lever: fc.constantFrom(1, 1, 3) }),
        content: fc.constantFrom(
          { title: { en: ["hello"] } },
          {
            title: {
              en: [
                "you have ",
                { read: "features.f1", get: ({ features }: { features: Float64Array }) => features[1] },
              ],
            },
          },
        ),
      }),
      { minLength: 1, selector: ({ channel }) => channel },
    ),
  });
}

const limits = fc.array(
  fc.record(
    {
      max: fc.constantFrom(0, 1, 1, 2, 3),
      windowMs: fc.constantFrom(...SPANS),
      channel: fc.constantFrom(...CHANNELS),
      issue: fc.constantFrom(...ISSUES),
      group: fc.constantFrom(...GROUPS),
      direction: fc.constantFrom("inbound" as const, "outbound" as const, "both" as const),
      per: fc.constantFrom("all" as const, "channel" as const, "issue" as const, "group" as const, "action" as const),
    },
    { requiredKeys: ["max", "windowMs"] },
  ),
  { maxLength: 4 },
);

const hash = (kind: "channel" | "group" | "issue", names: readonly string[]) =>
  fc.constantFrom(undefined, undefined, ...names.map((name) => nameHash(kind, name)));

/** Everything that ranks, limits and withholds, each switched on in some of the rulebooks. */
const ranking = fc.record({
  fatigue: fc.option(
    fc.record({
      halfLifeMs: fc.constantFrom(...SPANS),
      weights: fc.tuple(fc.constantFrom(0, 1, 3), fc.constantFrom(0.5, 1), fc.constantFrom(1, 2)),
      answered: fc.constantFrom(0, 0.5),
      otherChannels: fc.constantFrom(0, 0.5, 1),
      halvesAt: fc.constantFrom(0.5, 6),
    }),
    { nil: undefined },
  ),
  boosts: fc.array(
    fc.record({
      after: fc.constantFrom("clicked" as const, "accepted" as const, "declined" as const, "no-response" as const),
      scope: fc.constantFrom("action" as const, "group" as const, "issue" as const),
      weight: fc.constantFrom(0.25, 0.9, 1.5, 3),
      halfLifeMs: fc.constantFrom(...SPANS),
    }),
    { maxLength: 2 },
  ),
  quotas: fc.array(
    fc.record({
      unit: fc.constantFrom("contacts" as const, "cost" as const),
      channel: hash("channel", CHANNELS),
      group: hash("group", GROUPS),
      issue: hash("issue", ISSUES),
    }),
    { maxLength: 2 },
  ),
  slateLimits: fc.array(
    fc.record({
      max: fc.constantFrom(0, 1, 1, 2),
      per: fc.constantFrom("decision" as const, "slate" as const),
      actions: fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 5 }),
    }),
    { maxLength: 2 },
  ),
  bundle: fc.option(fc.uniqueArray(fc.nat(7), { minLength: 2, maxLength: 3 }), { nil: undefined }),
  share: fc.constantFrom(0, 0, 0.5, 1),
  experiments: fc.array(
    fc.record({
      levers: fc.dictionary(fc.constantFrom("0", "1", "2"), fc.constantFrom(0.5, 4), { maxKeys: 2 }),
      off: fc.array(fc.nat(3), { maxLength: 1 }),
      lastBucket: fc.constantFrom(49, 99),
    }),
    { maxLength: 2 },
  ),
});

type Ranking = typeof ranking extends fc.Arbitrary<infer Value> ? Value : never;

/** Indexes beyond what the rulebook has are left out, and so is a bundle of fewer than two. */
function partsOf(drawn: Ranking, actions: number): NonNullable<BookDraft["parts"]> {
  const known = (indexes: readonly number[]) => indexes.filter((index) => index < actions);
  const together = known(drawn.bundle ?? []);
  return {
    fatigue: drawn.fatigue === undefined ? undefined : fatigue(drawn.fatigue),
    boosts: drawn.boosts.map((each, index) => boost({ id: `boost-${index}`, ...each })),
    quotas: drawn.quotas.map((each, index) => quota(index, each)),
    slateLimits: drawn.slateLimits.map((each, index) => atMost(index, each.max, each.per, known(each.actions))),
    bundles: together.length < 2 ? [] : [bundle(drawn.slateLimits.length, together)],
    holdout: drawn.share === 0 ? undefined : { share: drawn.share, salt: "test", place: PLACE },
    experiments: drawn.experiments.map(({ levers, off, lastBucket }, index) =>
      experiment(
        `x${index}`,
        [
          { id: "control", upTo: 0.5 },
          {
            id: "new",
            upTo: 1,
            levers: Object.fromEntries(Object.entries(levers).filter(([at]) => Number(at) < actions)),
            off,
          },
        ],
        { layer: `layer-${index}`, lastBucket },
      ),
    ),
  };
}

export const bookDraft: fc.Arbitrary<BookDraft> = fc
  .record({
    drawn: ranking,
    minPriority: fc.constantFrom(0, 0, 0.4, 2),
    format: fc.constantFrom("text" as const, "html" as const),
    actions: fc
      .integer({ min: 1, max: 8 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => action(`a${index}`)))),
    limits,
    coolDowns: fc.array(
      fc.record({
        after: fc.constantFrom("accepted" as const, "declined" as const, "no-response" as const),
        scope: fc.constantFrom("action" as const, "group" as const, "issue" as const),
        forMs: fc.constantFrom(...SPANS),
      }),
      { maxLength: 2 },
    ),
    slots: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    sticky: fc.constantFrom(0, HOUR_MS),
    countsAt: fc.constantFrom("decided" as const, "delivered" as const, "presented" as const),
    exponents: fc.record({ propensity: fc.constantFrom(0, 1, 0.5), value: fc.constantFrom(0, 1, 2) }),
  })
  .map(({ actions, limits: caps, coolDowns, slots, sticky, countsAt, exponents, drawn, minPriority, format }) => ({
    parts: partsOf(drawn, actions.length),
    models: ["m0", "m1"],
    features: ["f0", "f1"],
    attributes: ["name"],
    channels: CHANNELS.map((name) => ({
      name,
      countsAt: name === "push" ? ("decided" as const) : countsAt,
      format: name === "email" ? format : ("text" as const),
    })),
    placements: PLACEMENTS.map((name, index) => ({
      name,
      channels: index === 0 ? CHANNELS : ["app", "push"],
      slots: slots[index] as number,
      stickyMs: index < 2 ? sticky : 0,
      minPriority: index === 2 ? minPriority : 0,
    })),
    actions: actions.map((each) => ({ ...each, exempt: each.purpose === "service" })),
    limits: caps.map((limit, index) => ({ id: `limit-${index}`, ...limit })),
    coolDowns: coolDowns.map((coolDown, index) => ({ id: `rest-${index}`, ...coolDown })),
    exponents,
  }));

const anyNumber = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 0.4, 0.7, 2, Number.NaN) },
  { weight: 1, arbitrary: fc.double() },
);

const anyLeft = fc.constantFrom(0, 0.5, 1, 2, Number.POSITIVE_INFINITY);

export interface AskDraft extends InputDraft {
  readonly customer: number;
  readonly scores: readonly ModelScore[];
}

export const ask: fc.Arbitrary<AskDraft> = fc
  .record(
    {
      placements: fc.array(fc.record({ name: fc.constantFrom(...PLACEMENTS), limit: fc.integer({ min: 1, max: 4 }) }), {
        minLength: 1,
        maxLength: 4,
      }),
      channel: fc.constantFrom(...CHANNELS),
      direction: fc.constantFrom("inbound" as const, "outbound" as const),
      locale: fc.oneof(fc.constantFrom("en", "de-AT"), fc.string()),
      features: fc.tuple(anyNumber, anyNumber),
      values: fc.tuple(anyNumber, anyNumber),
      quotas: fc.record({ "quota-0": anyLeft, "quota-1": anyLeft }),
      customer: fc.nat(20),
    },
    { requiredKeys: ["placements", "direction", "locale", "features", "values", "quotas", "customer"] },
  )
  .map(({ values, ...rest }) => ({
    ...rest,
    scores: values.map((value, index) => ({ model: index as ModelIndex, value: value + 0, fallback: false })),
  }));

/** Drafts of earlier contacts: `pick` chooses among the treatments of whatever rulebook is drawn. */
export const past = fc.array(
  fc.record({
    pick: fc.nat(),
    in: fc.constantFrom(...PLACEMENTS),
    ago: fc.oneof(fc.integer({ min: 0, max: HOUR_MS }), fc.integer({ min: 0, max: 8 * DAY_MS })),
    state: fc.constantFrom("reserved" as const, "confirmed" as const, "released" as const),
    outcome: fc.oneof(fc.constantFrom("pending" as const, "presented" as const), fc.constantFrom(...OUTCOMES)),
    live: fc.boolean(),
    until: fc.constantFrom(0, NOW + HOUR_MS),
    inbound: fc.boolean(),
    exempt: fc.nat(5).map((n) => n === 0),
    shadow: fc.nat(3).map((n) => n === 0),
    rank: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 12 },
);

export type Past = typeof past extends fc.Arbitrary<infer Value> ? Value : never;

export const consents = fc.array(
  fc.record({
    channel: fc.constantFrom("*", ...CHANNELS),
    purpose: fc.constantFrom("marketing", "service"),
    granted: fc.boolean(),
    ts: fc.integer({ min: 0, max: 3 }).map((ts) => ts as Instant),
  }),
  { maxLength: 5 },
);

export function inputOf(rulebook: Rulebook, draft: AskDraft, history: Past, given: readonly Consent[]): DecisionInput {
  const contacts = history.flatMap(({ pick, ago, until, ...rest }) => {
    const treatment = rulebook.treatments[pick % Math.max(1, rulebook.treatments.length)];
    if (treatment === undefined) return [];
    const untouched = rest.shadow ? ({ state: "confirmed", outcome: "pending" } as const) : {};
    const made: ContactDraft = {
      of: treatment.id,
      ...rest,
      ...untouched,
      at: (NOW - ago) as Instant,
      until: until as Instant,
    };
    return [contactOf(rulebook, made)];
  });
  return inputFor(rulebook, {
    ...draft,
    profile: { key: customerKey(`c-${draft.customer}`), contacts, consents: given },
  });
}
