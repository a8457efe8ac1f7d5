import { expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import { type Instant, MINUTE_MS } from "../../engine/domain/time.ts";
import type { Quota } from "../../engine/rulebook/policies.ts";
import { type ActionDraft, buildRulebook, contactOf, dropOf, type InputDraft, inputFor, NOW, shown } from "./build.ts";
import { quota } from "./policies.ts";

const HOME = [{ channel: "app", placements: ["home"] }];

function book(quotas: readonly Quota[], drafts: readonly Partial<ActionDraft>[] = []) {
  const actions = ["a", "b", "c"].map((id, at) => ({ id, value: 9 - at, treatments: HOME, ...drafts[at] }));
  return buildRulebook({
    placements: [{ name: "home", channels: ["app", "email"], slots: 3, stickyMs: 10 * MINUTE_MS }],
    actions,
    parts: { quotas },
  });
}

function run(rulebook: ReturnType<typeof book>, draft: InputDraft) {
  const decision = decide(createDecider(rulebook), inputFor(rulebook, draft), []);
  return { decision, shown: shown(rulebook, decision), drop: (id: string) => dropOf(rulebook, decision.dropped, id) };
}

test.each<[string, Partial<Quota>, string]>([
  ["everything", {}, "home:"],
  ["a channel", { channel: nameHash("channel", "app") }, "home:"],
  ["another channel", { channel: nameHash("channel", "email") }, "home: a:app b:app c:app"],
  ["an issue", { issue: nameHash("issue", "sales") }, "home:"],
  ["a group", { group: nameHash("group", "loans") }, "home: a:app c:app"],
  ["an action", { action: nameHash("action", "a") }, "home: b:app c:app"],
  ["cost, where nothing costs", { unit: "cost" }, "home: a:app b:app c:app"],
])("QTA-1 with nothing left a quota of %s leaves", (_, draft, expected) => {
  const rulebook = book([quota(0, draft)], [{}, { group: "loans" }]);
  expect(run(rulebook, { quotas: { "quota-0": 0 } }).shown).toEqual([expected]);
});

test("QTA-1 a budget needs the cost, and the first quota that lacks is told", () => {
  const costs = [{ ...HOME[0], channel: "app", placements: ["home"], parts: { cost: 0.75 } }];
  const quotas = [quota(0), quota(1, { unit: "cost" }), quota(2)];
  const rulebook = book(quotas, [{ treatments: costs }]);
  const { drop, decision } = run(rulebook, { quotas: { "quota-1": 0.5, "quota-2": 0 } });
  expect(drop("a:app")).toEqual({ stage: "quota", treatment: 0, quota: 1, left: 0.5, needed: 0.75 });
  expect(drop("b:app")).toEqual({ stage: "quota", treatment: 1, quota: 2, left: 0, needed: 1 });
  expect(decision.spent).toEqual([]);
  expect(run(rulebook, { quotas: { "quota-1": 0.75 } }).shown).toEqual(["home: a:app b:app c:app"]);
});

test("QTA-2 what is placed counts at once", () => {
  const { shown: slates, drop, decision } = run(book([quota(0)]), { quotas: { "quota-0": 2 } });
  expect(slates).toEqual(["home: a:app b:app"]);
  expect(drop("c:app")).toEqual({ stage: "quota", treatment: 2, quota: 0, left: 0, needed: 1 });
  expect(decision.spent).toEqual([{ quota: 0, units: 2 }]);
});

test("QTA-3 spends for new contacts, not for what is kept", () => {
  const rulebook = book([quota(0), quota(1, { unit: "cost" })]);
  const kept = contactOf(rulebook, { of: "c:app", live: true, at: (NOW - MINUTE_MS) as Instant });
  const { shown: slates, decision } = run(rulebook, { quotas: { "quota-0": 2 }, profile: { contacts: [kept] } });
  expect(slates).toEqual(["home: c:app a:app b:app"]);
  expect(decision.spent).toEqual([{ quota: 0, units: 2 }]);
  expect(run(rulebook, { quotas: { "quota-0": 0 }, profile: { contacts: [kept] } }).shown).toEqual(["home: c:app"]);
});

test("QTA-4 an exempt action needs it, too", () => {
  const rulebook = book([quota(0)], [{ purpose: "service", exempt: true }]);
  const { shown: slates, decision } = run(rulebook, { quotas: { "quota-0": 1 } });
  expect(slates).toEqual(["home: a:app"]);
  expect(decision.spent).toEqual([{ quota: 0, units: 1 }]);
});

test("QTA-5 tells the quota rather than the floor", () => {
  const rulebook = book([quota(0)], [{ floor: 0.9 }]);
  expect(run(rulebook, { quotas: { "quota-0": 0 } }).drop("a:app")).toMatchObject({ stage: "quota" });
  expect(run(rulebook, { quotas: { "quota-0": 9 } }).drop("a:app")).toMatchObject({ stage: "propensity", floor: 0.9 });
});
