import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { bucketOf, variantOf } from "../../engine/decide/experiments.ts";
import { type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, plus } from "../../engine/domain/time.ts";
import type { Experiment } from "../../engine/rulebook/experiments.ts";
import {
  type ActionDraft,
  broken,
  buildRulebook,
  dropOf,
  type InputDraft,
  inputFor,
  NOW,
  no,
  shown,
  yes,
} from "./build.ts";
import { type ArmDraft, experiment } from "./policies.ts";

const HALVES: readonly ArmDraft[] = [
  { id: "control", upTo: 0.5 },
  { id: "new", upTo: 1 },
];
const KEYS = Array.from({ length: 10_000 }, (_, n) => customerKey(`c-${n}`));

function book(experiments: readonly Experiment[], draft: Partial<ActionDraft> = {}) {
  return buildRulebook({
    placements: [{ name: "home", channels: ["app", "email"], slots: 1 }],
    actions: ["a", "b"].map((id) => ({ id, treatments: [{ channel: "app", placements: ["home"] }], ...draft })),
    parts: { experiments },
  });
}

function run(rulebook: ReturnType<typeof book>, draft: InputDraft = {}) {
  const decision = decide(createDecider(rulebook), inputFor(rulebook, draft), []);
  return { decision, shown: shown(rulebook, decision), drop: (id: string) => dropOf(rulebook, decision.dropped, id) };
}

/** Compiling a rulebook takes longer than thousands of decisions. */
const deciders = new WeakMap<ReturnType<typeof book>, ReturnType<typeof createDecider>>();

function armsOf(rulebook: ReturnType<typeof book>, key: CustomerKey): string {
  const decider = deciders.get(rulebook) ?? createDecider(rulebook);
  deciders.set(rulebook, decider);
  const { arms } = decider.choose(inputFor(rulebook), decider.qualify(inputFor(rulebook, { profile: { key } })), []);
  return arms.map(({ experiment: id, arm }) => `${id} ${arm}`).join(", ");
}

/** Chi-squared of counts against shares; 1 degree of freedom less than there are counts. */
function chiSquared(counts: readonly number[], shares: readonly number[]): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count, at) => {
    const expected = all * (shares[at] as number);
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}

describe("experiments", () => {
  test("XPR-1 shares customers out by their keys, for ever", () => {
    const rulebook = book([
      experiment("x", [
        { id: "one", upTo: 0.2 },
        { id: "two", upTo: 0.5 },
        { id: "three", upTo: 1 },
      ]),
    ]);
    const found = KEYS.map((key) => armsOf(rulebook, key));
    const counts = ["x one", "x two", "x three"].map((arm) => found.filter((each) => each === arm).length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(KEYS.length);
    expect(chiSquared(counts, [0.2, 0.3, 0.5])).toBeLessThan(13.8); // p = 0.001 with 2 degrees of freedom
    // A key never changes its arm: what these were when this was written.
    expect(KEYS.slice(0, 6).map((key) => armsOf(rulebook, key))).toMatchInlineSnapshot(`
      [
        "x two",
        "x three",
        "x three",
        "x two",
        "x one",
        "x two",
      ]
    `);
  });

  test("XPR-1 experiments of one layer share no customer, those of two are independent", () => {
    const rulebook = book([
      experiment("x", HALVES, { firstBucket: 0, lastBucket: 29 }),
      experiment("y", HALVES, { firstBucket: 30, lastBucket: 99 }),
      experiment("z", HALVES, { layer: "other" }),
    ]);
    const counts = new Map<string, number>();
    for (const key of KEYS) {
      const arms = armsOf(rulebook, key);
      counts.set(arms, (counts.get(arms) ?? 0) + 1);
    }
    const arms = ["control", "new"];
    const expected = ["x", "y"].flatMap((id) => arms.flatMap((arm) => arms.map((other) => `${id} ${arm}, z ${other}`)));
    expect([...counts.keys()].sort()).toEqual(expected);
    const shares = expected.map((name) => (name.startsWith("x") ? 0.075 : 0.175));
    const found = expected.map((name) => counts.get(name) as number);
    expect(chiSquared(found, shares)).toBeLessThan(24.3); // p = 0.001 with 7 degrees of freedom
  });

  test("XPR-1 the same salt means something else for a layer, an arm and the holdout", () => {
    const kinds = ["layer", "arm", "holdout"] as const;
    const draws = KEYS.map((key) => kinds.map((kind) => bucketOf(kind, "same", key) < 0.5));
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      const cells = [0, 1, 2, 3].map(
        (cell) => draws.filter((draw) => Number(draw[a]) * 2 + Number(draw[b]) === cell).length,
      );
      expect(chiSquared(cells, [0.25, 0.25, 0.25, 0.25])).toBeLessThan(16.3);
    }
  });

  test.each([
    ["has not begun", { from: plus(NOW, 1) }, ""],
    ["begins now", { from: NOW }, "x control"],
    ["ends now", { to: NOW }, ""],
    ["goes on", { from: plus(NOW, -DAY_MS), to: plus(NOW, 1) }, "x control"],
  ])("XPR-1 an experiment that %s", (_, draft: { from?: Instant; to?: Instant }, expected) => {
    expect(armsOf(book([experiment("x", [{ id: "control", upTo: 1 }], draft)]), customerKey("c-1"))).toBe(expected);
  });

  test.each([
    ["true", yes(), "x one"],
    ["false", no(), ""],
    ["an error", broken(), ""],
  ])("XPR-2 a condition that is %s", (_, rule, expected) => {
    // The first rule of the rulebook is rule 0.
    const rulebook = book([experiment("x", [{ id: "one", upTo: 1 }], { when: 0 })], {
      context: [{ when: rule, weight: 1 }],
    });
    expect(armsOf(rulebook, customerKey("c-1"))).toBe(expected);
  });

  test("XPR-3 levers of all arms multiply", () => {
    const one = (id: string, levers: Record<number, number>) =>
      experiment(id, [{ id: "one", upTo: 1, levers }], { layer: id });
    const rulebook = book([one("x", { 1: 3 }), one("y", { 1: 2, 0: 0.5 })]);
    const { shown: slates, decision, drop } = run(rulebook);
    expect(slates).toEqual(["home: b:app"]);
    expect(decision.slates[0]?.items[0]?.factors).toMatchObject({ lever: 6, priority: 3 });
    expect(drop("a:app")).toMatchObject({ stage: "slots", priority: 0.25 });
  });

  test("XPR-4 switches a treatment off", () => {
    const rulebook = book([experiment("x", [{ id: "one", upTo: 1, off: [0] }])]);
    const { shown: slates, drop } = run(rulebook);
    expect(slates).toEqual(["home: b:app"]);
    expect(drop("a:app")).toEqual({ stage: "availability", treatment: 0, because: "arm" });
  });

  test("XPR-5 tells every arm, also where nothing is offered", () => {
    const experiments = ["y", "x"].map((id) => experiment(id, [{ id: "one", upTo: 1 }], { layer: id }));
    const expected = [
      { experiment: "y", arm: "one" },
      { experiment: "x", arm: "one" },
    ];
    expect(run(book(experiments)).decision).toMatchObject({ kind: "act", arms: expected });
    expect(run(book(experiments, { enabled: false })).decision).toMatchObject({ kind: "none", arms: expected });
  });

  test("XPR-6 names the rulebook of the first arm that has one", () => {
    const variant = (id: string, name: string | undefined) =>
      experiment(id, [{ id: "one", upTo: 1, ...(name === undefined ? {} : { variant: name }) }], { layer: id });
    const key = customerKey("c-1");
    expect(variantOf(book([]), key, NOW)).toBeUndefined();
    expect(variantOf(book([variant("x", undefined), variant("y", "bold"), variant("z", "calm")]), key, NOW)).toBe(
      "bold",
    );
    const half = book([
      experiment("x", [
        { id: "base", upTo: 0.5 },
        { id: "bold", upTo: 1, variant: "bold" },
      ]),
    ]);
    for (const each of KEYS.slice(0, 100)) {
      const arm = armsOf(half, each).slice(2);
      expect(variantOf(half, each, NOW)).toBe(arm === "bold" ? "bold" : undefined);
    }
    const later = book([experiment("x", [{ id: "bold", upTo: 1, variant: "bold" }], { from: plus(NOW, HOUR_MS) })]);
    expect(variantOf(later, key, NOW)).toBeUndefined();
  });
});
