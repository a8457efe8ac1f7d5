import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { DAY_MS, type Instant, MINUTE_MS } from "../../engine/domain/time.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import {
  type ActionDraft,
  type BookDraft,
  buildRulebook,
  type ContactDraft,
  contactOf,
  dropOf,
  type InputDraft,
  inputFor,
  NOW,
  no,
  shown,
} from "./build.ts";
import { atMost, bundle, quota } from "./policies.ts";

const BOTH = [{ channel: "app", placements: ["hero", "home"] }];

/** Actions a, b, c ... worth 9, 8, 7 ..., numbered 0, 1, 2 ... */
function book(rest: Partial<BookDraft>, drafts: readonly Partial<ActionDraft>[] = []): Rulebook {
  const actions = ["a", "b", "c", "d"].map((id, at) => ({ id, value: 9 - at, treatments: BOTH, ...drafts[at] }));
  return buildRulebook({
    placements: [
      { name: "hero", channels: ["app", "email"], slots: 1, stickyMs: 10 * MINUTE_MS },
      { name: "home", channels: ["app", "email"], slots: 3, stickyMs: 10 * MINUTE_MS },
    ],
    actions,
    ...rest,
  });
}

function run(rulebook: Rulebook, draft: InputDraft = {}, live: readonly ContactDraft[] = []) {
  const contacts = live.map((of) => contactOf(rulebook, { live: true, at: (NOW - MINUTE_MS) as Instant, ...of }));
  const decider = createDecider(rulebook);
  const decision = decide(decider, inputFor(rulebook, { profile: { contacts }, ...draft }), []);
  return { decision, shown: shown(rulebook, decision), drop: (id: string) => dropOf(rulebook, decision.dropped, id) };
}

describe("least priority", () => {
  test("ARB-8 offers nothing below it, and what is at it", () => {
    const placements = [{ name: "home", channels: ["app"], slots: 3, minPriority: 4 }];
    const { shown: slates, drop } = run(book({ placements }));
    expect(slates).toEqual(["home: a:app b:app"]);
    expect(drop("c:app")).toEqual({
      stage: "arbitration",
      treatment: 2,
      placement: 0,
      lostTo: 2,
      priority: 3.5,
      because: "below-minimum",
    });
  });

  test("ARB-8 is of one placement", () => {
    const placements = [
      { name: "hero", channels: ["app"], slots: 1, minPriority: 9 },
      { name: "home", channels: ["app"], slots: 1 },
    ];
    const { shown: slates, drop } = run(book({ placements }), { placements: ["hero", "home"] });
    expect(slates).toEqual(["hero:", "home: a:app"]);
    expect(drop("b:app")).toMatchObject({ because: "below-minimum", placement: 0 });
  });
});

describe("at most so many", () => {
  test("ARB-9 of a set in one slate", () => {
    const rulebook = book({ parts: { slateLimits: [atMost(0, 1, "slate", [0, 1])] } });
    const { shown: slates, drop } = run(rulebook);
    expect(slates).toEqual(["home: a:app c:app d:app"]);
    expect(drop("b:app")).toEqual({
      stage: "arbitration",
      treatment: 1,
      placement: 1,
      lostTo: 0,
      priority: 4,
      because: "excluded",
      policy: 0,
    });
    expect(run(rulebook, { placements: ["hero", "home"] }).shown).toEqual(["hero: a:app", "home: b:app c:app d:app"]);
  });

  test("ARB-9 of a set in one decision", () => {
    const rulebook = book({ parts: { slateLimits: [atMost(0, 1, "decision", [0, 1])] } });
    const { shown: slates, drop } = run(rulebook, { placements: ["hero", "home"] });
    expect(slates).toEqual(["hero: a:app", "home: c:app d:app"]);
    expect(drop("b:app")).toMatchObject({ because: "excluded", policy: 0, lostTo: 0 });
  });

  test("ARB-9 counts what is kept, and with 0 lets none in", () => {
    const rulebook = book({ parts: { slateLimits: [atMost(0, 1, "slate", [0, 1]), atMost(1, 0, "slate", [2])] } });
    const { shown: slates, drop } = run(rulebook, {}, [{ of: "b:app" }]);
    expect(slates).toEqual(["home: b:app d:app"]);
    expect(drop("a:app")).toMatchObject({ because: "excluded", policy: 0, lostTo: 1 });
    expect(drop("c:app")).toMatchObject({ because: "excluded", policy: 1, lostTo: 2 });
  });
});

describe("bundles", () => {
  const BUNDLE = { bundles: [bundle(0, [2, 0])] };

  test("BND-1 ranks by the lead, in its order, and lets the others not compete", () => {
    expect(run(book({ parts: BUNDLE })).shown).toEqual(["home: b:app c:app a:app"]);
    expect(run(book({ parts: BUNDLE }), { placements: ["hero"] }).shown).toEqual(["hero: b:app"]);
    const first = book({ parts: BUNDLE }, [{}, {}, { value: 20 }]);
    expect(run(first).shown).toEqual(["home: c:app a:app b:app"]);
    const min = book({ parts: BUNDLE, placements: [{ name: "home", channels: ["app"], slots: 3, minPriority: 3.5 }] });
    expect(run(min).shown).toEqual(["home: b:app c:app a:app"]);
  });

  test("BND-2 takes the best of each on the same channel", () => {
    const two = [
      { channel: "app", placements: ["home"], prior: { alpha: 1, beta: 9 } },
      { id: "a:plain", channel: "app", placements: ["home"], prior: { alpha: 1, beta: 19 } },
      { channel: "email", placements: ["home"], prior: { alpha: 9, beta: 1 } },
    ];
    const rulebook = book({ parts: BUNDLE }, [{ treatments: two }]);
    const { shown: slates, drop } = run(rulebook);
    expect(slates).toEqual(["home: b:app c:app a:app"]);
    expect(drop("a:email")).toMatchObject({ because: "same-action" });
    const missing = { title: { en: [{ read: "features.none", get: () => undefined }] } };
    const [first, ...others] = two;
    const unsaid = book({ parts: BUNDLE }, [
      { treatments: [{ ...first, channel: "app", placements: ["home"], content: missing }, ...others] },
    ]);
    expect(run(unsaid).shown).toEqual(["home: b:app c:app a:plain"]);
    expect(run(unsaid).drop("a:app")).toMatchObject({ stage: "content" });
  });

  test.each<[string, Partial<BookDraft>, Partial<ActionDraft>, object]>([
    ["fell before", {}, { eligibility: [no()] }, { stage: "eligibility" }],
    ["is capped", { limits: [{ id: "cap", max: 0, windowMs: DAY_MS, action: "a" }] }, {}, { stage: "contact-limit" }],
    [
      "is not on the channel",
      {},
      { treatments: [{ channel: "email", placements: ["home"] }] },
      { because: "bundle-incomplete" },
    ],
    ["cannot be weighed", {}, { value: -1 }, { because: "rule-error" }],
  ])("BND-3 offers nothing of it where one %s", (_, rest, draft, expected) => {
    const rulebook = book({ ...rest, parts: BUNDLE }, [draft]);
    const { shown: slates, drop } = run(rulebook);
    expect(slates).toEqual(["home: b:app d:app"]);
    expect(drop("c:app")).toMatchObject({ because: "bundle-incomplete", policy: 0 });
    expect(drop("a") ?? drop("a:app") ?? drop("a:email")).toMatchObject(expected);
  });

  test("BND-3 gives back what it had counted, and tells who was missing", () => {
    const rulebook = book({
      limits: [{ id: "cap", max: 2, windowMs: DAY_MS }],
      parts: { bundles: [bundle(0, [0, 1, 2])], quotas: [quota(0)] },
    });
    const { shown: slates, drop, decision } = run(rulebook, { quotas: { "quota-0": 1 } });
    expect(slates).toEqual(["home: d:app"]);
    expect(decision.spent).toEqual([{ quota: 0, units: 1 }]);
    expect(drop("b:app")).toMatchObject({ stage: "quota", left: 0, needed: 1 });
    expect(drop("a:app")).toMatchObject({ because: "bundle-incomplete", lostTo: 1 });
    expect(drop("c:app")).toMatchObject({ because: "bundle-incomplete", lostTo: 1 });
    const capped = run(rulebook);
    expect(capped.shown).toEqual(["home: d:app"]);
    expect(capped.drop("c:app")).toMatchObject({ stage: "contact-limit", counted: 2 });
    expect(capped.drop("a:app")).toMatchObject({ because: "bundle-incomplete", lostTo: 2 });
  });

  test("BND-4 needs as many free slots", () => {
    const rulebook = book({ parts: BUNDLE }, [{}, {}, { value: 1 }]);
    const { shown: slates, drop } = run(rulebook);
    expect(slates).toEqual(["home: b:app d:app"]);
    expect(drop("c:app")).toMatchObject({ stage: "slots", lostTo: 3 });
    expect(drop("a:app")).toMatchObject({ because: "bundle-incomplete" });
    const hero = run(book({ parts: BUNDLE }, [{}, { enabled: false }]), { placements: ["hero"] });
    expect(hero.shown).toEqual(["hero: d:app"]);
    expect(hero.drop("c:app")).toMatchObject({ because: "bundle-incomplete", lostTo: 2 });
  });

  test("BND-5 keeps it whole, or not at all", () => {
    const rulebook = book({ parts: BUNDLE }, [{}, { value: 1 }, { value: 1 }]);
    const live = [{ of: "c:app" }, { of: "a:app", rank: 2 }];
    expect(run(rulebook, {}, live).shown).toEqual(["home: c:app a:app d:app"]);
    expect(run(rulebook, {}, live).decision.contacts).toHaveLength(1);
    const half = run(rulebook, {}, [{ of: "c:app" }]);
    expect(half.decision.slates.flatMap(({ items }) => items).some(({ kept }) => kept)).toBe(false);
    expect(half.drop("c:app")).toMatchObject({ because: "bundle-incomplete" });
    const narrow = run(rulebook, { placements: [{ name: "home", limit: 1 }] }, live);
    expect(narrow.shown).toEqual(["home: d:app"]);
  });
});
