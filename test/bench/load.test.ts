// The load of the benchmarks is what they say it is, and their peers do the same work.
import { beforeAll, describe, expect, it } from "vitest";
import { createOfferRules } from "../../bench/baseline/offer-rules.ts";
import { createWindows, type Tracks } from "../../bench/baseline/panes.ts";
import { bankFiles, drawOffers } from "../../bench/load/bank-rules.ts";
import { compileRules, deliveredFiles, type Rules } from "../../bench/load/delivered-rules.ts";
import { makeBatch } from "../../bench/load/events.ts";
import { person } from "../../bench/load/population.ts";
import { makeInputs } from "../../bench/load/profiles.ts";
import { figureOf } from "../../bench/load/rounds.ts";
import { decide } from "../../engine/decide/decide.ts";
import type { DecisionInput } from "../../engine/domain/decision.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { customerKey, type PlacementIndex } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { decodeEventBytes } from "../../engine/ingest/decode-event.ts";
import { createProfileStore } from "../../engine/profile/store.ts";

const CUSTOMERS = 200;
const offers = drawOffers(100, 1);
const now = (Date.now() + 1_000) as Instant;
let rules: Rules;
let events: readonly CustomerEvent[];
let inputs: readonly DecisionInput[];

/** As after five events each, of which none is a contact. */
beforeAll(async () => {
  rules = compileRules(bankFiles(offers, await deliveredFiles()));
  const { rulebook, layout } = rules;
  events = makeBatch("load", CUSTOMERS * 5, CUSTOMERS, 1).events.map(
    ({ json }) => decodeEventBytes(Buffer.from(json), "clickstream") as CustomerEvent,
  );
  const store = createProfileStore({ layout });
  for (const event of events) {
    if (!store.has(event.key)) store.load(event.key, undefined);
    store.fold(event.key, event, event.ts);
  }
  const placement = rulebook.placements.findIndex(({ name }) => name === "outreach") as PlacementIndex;
  const placements = [{ placement, limit: 1 }];
  const request = { direction: "outbound", placements, context: {}, locale: "en" } as const;
  inputs = makeInputs(rules, { count: CUSTOMERS, seed: 1, contacts: 0, now, request }).map((input, index) => {
    const { customer, attributes } = person(index);
    const key = customerKey(customer);
    if (!store.has(key)) store.load(key, undefined);
    const features = new Float64Array(rulebook.features.length);
    store.features(key, now, features);
    const profile = {
      ...input.profile,
      key,
      features,
      attributes: rulebook.attributes.map(({ name }) => attributes[name]),
    };
    return { ...input, profile };
  });
});

const scoresOf = () => rules.rulebook.models.map(({ index }) => ({ model: index, value: 0.4, fallback: false }));

describe("the load of a bank", () => {
  it("has 40 of 100 actions past engagement policy and 10 in arbitration at the median, and 30 % of customers at the cap", () => {
    const engagement = new Set(["eligibility", "applicability", "suitability"]);
    const passed = inputs.map((input) => {
      const dropped = [...decide(rules.decider, input, scoresOf()).dropped];
      const fell = dropped.filter(({ stage }) => engagement.has(stage)).length;
      const refused = dropped.filter(({ stage }) => stage === "consent").length;
      return { engagement: 100 - fell, arbitration: 100 - fell - refused };
    });
    expect(figureOf(passed.map((one) => one.engagement)).median).toBeGreaterThan(34);
    expect(figureOf(passed.map((one) => one.engagement)).median).toBeLessThan(46);
    expect(figureOf(passed.map((one) => one.arbitration)).median).toBeGreaterThan(7);
    expect(figureOf(passed.map((one) => one.arbitration)).median).toBeLessThan(13);
    const capped = Array.from({ length: 1_000 }, (_, index) => person(index)).filter(({ contacts }) => contacts > 0);
    expect(capped.length).toBeGreaterThan(280);
    expect(capped.length).toBeLessThan(320);
  });

  it("has features of which 30 are windowed", () => {
    const windowed = rules.rulebook.features.filter(
      ({ windowMs, ratio }) => windowMs !== undefined || ratio !== undefined,
    );
    expect(windowed).toHaveLength(30);
  });
});

describe("the baseline", () => {
  it("computes the features of the engine, but for how many are distinct, which the engine estimates", () => {
    const { features } = rules.rulebook;
    const windows = createWindows(features);
    for (const { profile } of inputs) {
      const fields = new Map<string, Tracks>();
      for (const event of events.filter(({ key }) => key === profile.key)) {
        const tracks = fields.get(event.type) ?? {};
        fields.set(event.type, tracks);
        windows.add(tracks, event);
      }
      const row = windows.read(fields, now);
      for (const { name, index, aggregate } of features) {
        const within = aggregate === "distinct" ? 0.5 : 1e-6;
        const [own, engines] = [row[index] as number, profile.features[index] as number];
        if (Number.isNaN(engines)) expect(own, `${profile.key} ${name}`).toBeNaN();
        else
          expect(Math.abs(own - engines), `${profile.key} ${name}`).toBeLessThanOrEqual(within * Math.max(1, engines));
      }
    }
  });

  it("chooses what the engine chooses", async () => {
    const baseline = createOfferRules(offers);
    const { rulebook, decider } = rules;
    let acts = 0;
    for (const [index, input] of inputs.slice(0, 60).entries()) {
      const facts = Object.fromEntries(
        rulebook.features.map(({ name, index: at }) => [name, input.profile.features[at] as number]),
      );
      const scores = { churn: 0.4, propensity: 0.4 };
      const [choice] = await baseline.choose(person(index).attributes, facts, scores, "outbound", 1);
      const item = decide(decider, input, scoresOf()).slates.flatMap(({ items }) => items)[0];
      expect(choice?.offer).toBe(item === undefined ? undefined : rulebook.actions[item.action]?.id);
      if (choice !== undefined) acts++;
    }
    expect(acts).toBeGreaterThan(40);
  });
});
