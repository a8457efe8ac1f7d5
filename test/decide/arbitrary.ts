// Random rulebooks, customers and requests.
import fc from "fast-check";
import { OUTCOMES } from "../../engine/domain/contact.ts";
import type { Consent, DecisionInput, ModelScore } from "../../engine/domain/decision.ts";
import type { ModelIndex } from "../../engine/domain/ids.ts";
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

export const RUNS = process.env["NBA_LONG"] === "1" ? 5_000 : 60;

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
    purpose: fc.constantFrom("marketing", "service"),
    treatments: fc.uniqueArray(
      fc.record({
        channel: fc.constantFrom(...CHANNELS),
        placements: fc.uniqueArray(fc.constantFrom(...PLACEMENTS), { minLength: 2 }),
        prior: fc.constantFrom({ alpha: 1, beta: 1 }, { alpha: 1, beta: 4 }),
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

export const bookDraft: fc.Arbitrary<BookDraft> = fc
  .record({
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
  .map(({ actions, limits: caps, coolDowns, slots, sticky, countsAt, exponents }) => ({
    models: ["m0", "m1"],
    features: ["f0", "f1"],
    attributes: ["name"],
    channels: CHANNELS.map((name) => ({ name, countsAt: name === "push" ? ("decided" as const) : countsAt })),
    placements: PLACEMENTS.map((name, index) => ({
      name,
      channels: index === 0 ? CHANNELS : ["app", "push"],
      slots: slots[index] as number,
      stickyMs: index < 2 ? sticky : 0,
    })),
    actions,
    limits: caps.map((limit, index) => ({ id: `limit-${index}`, ...limit })),
    coolDowns: coolDowns.map((coolDown, index) => ({ id: `rest-${index}`, ...coolDown })),
    exponents,
  }));

const anyNumber = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 0.4, 0.7, 2, Number.NaN) },
  { weight: 1, arbitrary: fc.double() },
);

export interface AskDraft extends InputDraft {
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
    },
    { requiredKeys: ["placements", "direction", "locale", "features", "values"] },
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
    const made: ContactDraft = { of: treatment.id, ...rest, at: (NOW - ago) as Instant, until: until as Instant };
    return [contactOf(rulebook, made)];
  });
  return inputFor(rulebook, { ...draft, profile: { contacts, consents: given } });
}
