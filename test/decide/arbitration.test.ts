import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { DecisionInput, Item } from "../../engine/domain/decision.ts";
import type { Rulebook, Template } from "../../engine/rulebook/rulebook.ts";
import { broken, buildRulebook, dropOf, inputFor, no, shown, yes } from "./build.ts";

const HOME = [{ channel: "app", placements: ["home"] }];
const HERO_AND_HOME = [{ channel: "app", placements: ["hero", "home"] }];

function run(rulebook: Rulebook, input: DecisionInput = inputFor(rulebook)) {
  const decision = decide(createDecider(rulebook), input, []);
  return {
    decision,
    shown: shown(rulebook, decision),
    drop: (id: string) => dropOf(rulebook, decision.dropped, id),
    item: (position = 0) => decision.slates[0]?.items[position] as Item,
  };
}

const reads = (read: string): Template[number] => ({
  read,
  get: ({ features, attributes }) => (read === "features.n" ? features[0] : attributes[0]),
});

describe("propensity", () => {
  test("PRO-1 is the posterior mean of prior and evidence", () => {
    const rulebook = buildRulebook({
      actions: [
        { id: "a", treatments: [{ ...HOME[0], channel: "app", placements: ["home"], prior: { alpha: 2, beta: 8 } }] },
      ],
    });
    expect(run(rulebook).item().factors).toMatchObject({ raw: Number.NaN, propensity: 0.2 });
    const tried = run(rulebook, inputFor(rulebook, { trials: { "a:app": [10, 4] } }));
    expect(tried.item().factors).toMatchObject({ raw: 0.4, propensity: 6 / 20 });
  });

  test("PRO-1 lets two actions of equal worth change their order as acceptance differs", () => {
    const rulebook = buildRulebook({
      actions: [
        { id: "a", treatments: HOME },
        { id: "b", treatments: HOME },
      ],
    });
    const learnt = (a: readonly [number, number], b: readonly [number, number]) =>
      run(rulebook, inputFor(rulebook, { trials: { "a:app": a, "b:app": b } })).shown;
    expect(learnt([100, 40], [100, 10])).toEqual(["home: a:app b:app"]);
    expect(learnt([100, 10], [100, 40])).toEqual(["home: b:app a:app"]);
  });

  test("PRO-2 drops below the floor, not at it", () => {
    const at = (floor: number) => buildRulebook({ actions: [{ id: "a", floor, treatments: HOME }] });
    expect(run(at(0.5)).shown).toEqual(["home: a:app"]);
    expect(run(at(0.51)).drop("a:app")).toEqual({ stage: "propensity", treatment: 0, propensity: 0.5, floor: 0.51 });
  });
});

describe("priority", () => {
  const action = {
    id: "a",
    context: [
      { when: yes(), weight: 3 },
      { when: no(), weight: 100 },
      { when: yes("other"), weight: 2 },
    ],
    value: 5,
    lever: 4,
    treatments: HOME,
  };

  test("ARB-1 is P^a x C^b x V^c x L^d", () => {
    const plain = run(buildRulebook({ actions: [action] })).item().factors;
    expect(plain).toEqual({
      raw: Number.NaN,
      propensity: 0.5,
      context: 6,
      value: 5,
      lever: 4,
      boost: 1,
      fatigue: 1,
      priority: 60,
    });
    const exponents = { propensity: 2, context: 0.5, value: 3, lever: -1 };
    const powers = run(buildRulebook({ actions: [action], exponents })).item().factors;
    expect(powers.priority).toBeCloseTo(0.25 * Math.sqrt(6) * 125 * 0.25, 12);
  });

  test("ARB-2 an exponent of 0 switches its factor off", () => {
    const exponents = { propensity: 0, context: 0, lever: 0 };
    expect(run(buildRulebook({ actions: [action], exponents })).item().factors.priority).toBe(5);
  });

  test.each([
    ["a negative value", { value: () => -1 }],
    ["a value that misses", { value: () => Number.NaN }],
    ["an infinite value", { value: () => Number.POSITIVE_INFINITY }],
    ["a context rule that fails", { context: [{ when: broken(), weight: 1 }] }],
    ["a priority beyond all numbers", { value: 1e200, lever: 1e200 }],
  ])("ARB-3 drops where the priority cannot be computed: %s", (_, draft) => {
    const rulebook = buildRulebook({
      actions: [
        { id: "a", treatments: HOME, ...draft },
        { id: "b", treatments: HOME },
      ],
    });
    const { shown: slates, drop } = run(rulebook);
    expect(slates).toEqual(["home: b:app"]);
    expect(drop("a:app")).toEqual({
      stage: "arbitration",
      treatment: 0,
      placement: 1,
      lostTo: 0,
      priority: Number.NaN,
      because: "rule-error",
    });
  });

  test("ARB-4 tries by priority, ties by treatment id, then by placement", () => {
    const rulebook = buildRulebook({
      actions: [
        { id: "c", treatments: HERO_AND_HOME, value: 9 },
        { id: "b", treatments: HERO_AND_HOME },
        { id: "a", treatments: HERO_AND_HOME },
      ],
    });
    const both = inputFor(rulebook, { placements: ["home", "hero"] });
    expect(run(rulebook, both).shown).toEqual(["home: a:app b:app", "hero: c:app"]);
  });

  test("ARB-5 offers an action once", () => {
    const rulebook = buildRulebook({
      actions: [
        {
          id: "a",
          treatments: [
            { id: "a1", ...HOME[0], channel: "app", placements: ["home"] },
            { id: "a2", channel: "app", placements: ["home", "hero"] },
          ],
        },
      ],
    });
    const { shown: slates, drop } = run(rulebook, inputFor(rulebook, { placements: ["home", "hero"] }));
    expect(slates).toEqual(["home: a1", "hero:"]);
    expect(drop("a2")).toEqual({
      stage: "arbitration",
      treatment: 1,
      placement: 0,
      lostTo: 0,
      priority: 0.5,
      because: "same-action",
    });
  });

  test("ARB-6 gives one drop to a treatment that was not offered, none to one that was", () => {
    const missing = { title: { en: [reads("attributes.name")] } };
    const rulebook = buildRulebook({
      attributes: ["name"],
      actions: [
        { id: "a", value: 9, treatments: HERO_AND_HOME },
        { id: "b", value: 8, treatments: [{ channel: "app", placements: ["hero", "home"], content: missing }] },
        { id: "c", value: 7, treatments: HERO_AND_HOME },
        { id: "d", value: 6, treatments: HERO_AND_HOME },
      ],
      placements: [
        { name: "hero", channels: ["app"] },
        { name: "home", channels: ["app"] },
      ],
    });
    const { shown: slates, decision } = run(rulebook, inputFor(rulebook, { placements: ["hero", "home"] }));
    expect(slates).toEqual(["hero: a:app", "home: c:app"]);
    expect([...decision.dropped]).toEqual([
      { stage: "content", treatment: 1, placement: 1, missing: "attributes.name", priority: 4 },
      { stage: "slots", treatment: 3, placement: 0, lostTo: 0, priority: 3 },
    ]);
  });
});

describe("content", () => {
  const text = { en: ["hello"], de: ["hallo"] };
  const withContent = (content: Record<string, Record<string, Template | readonly Template[]>>, defaultLocale = "en") =>
    buildRulebook({
      defaultLocale,
      features: ["n"],
      attributes: ["name"],
      actions: [
        { id: "a", value: 9, treatments: [{ channel: "app", placements: ["home"], content }] },
        { id: "b", treatments: HOME },
      ],
    });

  test.each([
    ["de", "hallo"],
    ["de-AT", "hallo"],
    ["fr", "hello"],
    ["constructor", "hello"],
    ["", "hello"],
  ])("CNT-1 in locale %j says %j", (locale, expected) => {
    const rulebook = withContent({ title: text });
    expect(run(rulebook, inputFor(rulebook, { locale })).item().content).toEqual({ title: expected });
  });

  test.each([
    ["en", "de", "hello"],
    ["fr", "de", "hallo"],
    ["constructor", "de", "hallo"],
    ["fr", "de-AT", "hallo"],
    ["fr", "es", "hello"],
  ])("CNT-1 in locale %j where the rulebook's is %j says %j", (locale, defaultLocale, expected) => {
    const rulebook = withContent({ title: text }, defaultLocale);
    expect(run(rulebook, inputFor(rulebook, { locale })).item().content).toEqual({ title: expected });
  });

  test("CNT-2 a placeholder without a value drops the treatment and the next takes the slot", () => {
    const rulebook = withContent({ title: text, points: { en: [["fine"], ["for ", reads("attributes.name")]] } });
    const nameless = run(rulebook, inputFor(rulebook, { placements: [{ name: "home", limit: 1 }] }));
    expect(nameless.shown).toEqual(["home: b:app"]);
    expect(nameless.drop("a:app")).toMatchObject({ stage: "content", missing: "attributes.name" });
    const named = run(rulebook, inputFor(rulebook, { profile: { attributes: ["Ana"] } }));
    expect(named.item().content).toEqual({ title: "hello", points: ["fine", "for Ana"] });
    const unknownNumber = withContent({ title: { en: [reads("features.n")] } });
    expect(run(unknownNumber).drop("a:app")).toMatchObject({ stage: "content", missing: "features.n" });
  });

  test.each([
    [3, "3"],
    [-0, "0"],
    [1e21, "1000000000000000000000"],
    [2.5, "2.5"],
    [2.345_678, "2.35"],
    [9.999, "10"],
    [-0.001, "0"],
    [true, "true"],
    [["gold", "<b>"], "gold, <b>"],
  ])("CNT-3 writes %j as %j", (value, expected) => {
    const rulebook = withContent({ title: { en: [reads("attributes.name")] } });
    expect(run(rulebook, inputFor(rulebook, { profile: { attributes: [value] } })).item().content).toEqual({
      title: expected,
    });
  });

  test("CNT-4 gives up to 4 true reasons, without those that cannot be said", () => {
    const rulebook = buildRulebook({
      attributes: ["name"],
      actions: [
        {
          id: "a",
          treatments: HOME,
          reasons: [
            { when: no(), text: { en: ["never"] } },
            { when: broken(), text: { en: ["unclear"] } },
            { text: { en: ["dear ", reads("attributes.name")] } },
            { when: yes(), text: { en: ["one"], de: ["eins"] } },
            ...["two", "three", "four", "five"].map((word) => ({ text: { en: [word] } })),
          ],
        },
      ],
    });
    expect(run(rulebook).item().reasons).toEqual(["one", "two", "three", "four"]);
    const named = inputFor(rulebook, { profile: { attributes: ["Ana"] }, locale: "de" });
    expect(run(rulebook, named).item().reasons).toEqual(["dear Ana", "eins", "two", "three"]);
  });
});

describe("slots", () => {
  const rulebook = buildRulebook({
    actions: ["a", "b", "c"].map((id) => ({ id, treatments: HOME })),
  });

  test("SLT-1 shows what was asked for, at most what the placement has", () => {
    const asked = (limit: number) => run(rulebook, inputFor(rulebook, { placements: [{ name: "home", limit }] }));
    expect(asked(1).shown).toEqual(["home: a:app"]);
    expect(asked(1).drop("c:app")).toEqual({ stage: "slots", treatment: 2, placement: 1, lostTo: 0, priority: 0.5 });
    expect(asked(9).shown).toEqual(["home: a:app b:app"]);
    expect(asked(9).drop("c:app")).toMatchObject({ stage: "slots", lostTo: 1 });
    expect(asked(9).item(1).rank).toBe(2);
  });

  test("SLT-2 a placement asked twice has one slate with the larger limit", () => {
    const twice = inputFor(rulebook, {
      placements: [
        { name: "home", limit: 1 },
        { name: "home", limit: 2 },
      ],
    });
    expect(run(rulebook, twice).shown).toEqual(["home: a:app b:app"]);
  });

  test("SLT-3 an empty slate says why", () => {
    const some = run(rulebook, inputFor(rulebook, { placements: ["home", "hero"] }));
    expect(some.decision).toMatchObject({
      kind: "act",
      slates: [{ kind: "act" }, { kind: "none", because: "no-treatment" }],
    });
    const other = run(rulebook, inputFor(rulebook, { placements: ["hero", "outreach"] }));
    expect(other.decision).toMatchObject({ kind: "none", because: "no-treatment" });
    const none = buildRulebook({ actions: [{ id: "a", eligibility: [no()], treatments: HOME }] });
    expect(run(none).decision).toMatchObject({
      kind: "none",
      because: "all-dropped",
      slates: [{ because: "all-dropped" }],
    });
  });
});
