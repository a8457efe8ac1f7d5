import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { superseded } from "../../engine/decide/sticky.ts";
import type { Contact } from "../../engine/domain/contact.ts";
import type { Item } from "../../engine/domain/decision.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS, NEVER } from "../../engine/domain/time.ts";
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
  newDecisionId,
  no,
  shown,
} from "./build.ts";

const DESK = [{ channel: "app", placements: ["desk"] }];
const PLACEMENTS: NonNullable<BookDraft["placements"]> = [
  { name: "desk", channels: ["app", "email"], slots: 2, stickyMs: 10 * MINUTE_MS },
  { name: "page", channels: ["app"], slots: 2 },
];

function book(drafts: readonly Partial<ActionDraft>[] = [], rest: Partial<BookDraft> = {}): Rulebook {
  const actions = ["a", "b", "c"].map((id, index) => ({ id, treatments: DESK, ...drafts[index] }));
  return buildRulebook({ placements: PLACEMENTS, actions, ...rest });
}

/** Live on the desk since a minute. */
const LIVE: ContactDraft = { of: "c:app", in: "desk", live: true, at: (NOW - MINUTE_MS) as Instant };

function run(rulebook: Rulebook, drafts: readonly ContactDraft[], draft: InputDraft = {}) {
  const contacts = drafts.map((contact) => contactOf(rulebook, contact));
  const input = inputFor(rulebook, { placements: ["desk"], ...draft, profile: { contacts, ...draft.profile } });
  const decider = createDecider(rulebook);
  const decision = decide(decider, input, []);
  return {
    contacts,
    decision,
    shown: shown(rulebook, decision),
    items: decision.slates[0]?.items as readonly Item[],
    made: decision.kind === "act" ? decision.contacts : [],
    drop: (id: string) => dropOf(rulebook, decision.dropped, id),
    superseded: superseded(decider.prepared, input.profile, decision, input.now),
  };
}

describe("sticky", () => {
  test("STK-1 keeps live contacts first, under their codes, and fills up by arbitration", () => {
    const result = run(book(), [LIVE]);
    expect(result.shown).toEqual(["desk: c:app a:app"]);
    expect(result.items[0]).toMatchObject({
      kept: true,
      rank: 1,
      trackingCode: result.contacts[0]?.trackingCode,
      expiresAt: result.contacts[0]?.expiresAt,
    });
    expect(result.items[1]).toMatchObject({ kept: false, rank: 2 });
    expect(result.made.map(({ trackingCode }) => trackingCode)).toEqual([result.items[1]?.trackingCode]);
  });

  test("STK-1 keeps the order in which they were offered", () => {
    const rank = (of: string, at: number): ContactDraft => ({ ...LIVE, of, rank: at });
    expect(run(book(), [rank("a:app", 2), rank("c:app", 1)]).shown).toEqual(["desk: c:app a:app"]);
    const older = { ...LIVE, of: "b:app", at: (NOW - 2 * MINUTE_MS) as Instant, rank: 2 };
    expect(run(book(), [LIVE, older]).shown).toEqual(["desk: b:app c:app"]);
    const third = run(book(), [LIVE, older, { ...LIVE, of: "a:app", rank: 2 }]);
    expect(third.shown).toEqual(["desk: b:app c:app"]);
    expect(third.drop("a:app")).toMatchObject({ stage: "slots" });
  });

  test.each<[string, Partial<Contact> & { in?: string }]>([
    ["shown too long ago", { at: (NOW - 10 * MINUTE_MS) as Instant }],
    ["answered", { outcome: "declined", live: false }],
    ["expired", { expiresAt: NOW }],
    ["withdrawn", { live: false }],
    ["of a placement that is not sticky", { in: "page" }],
  ])("STK-1 does not keep what was %s", (_, draft) => {
    const result = run(book(), [{ ...LIVE, ...draft }], { placements: ["desk", "page"] });
    expect(result.decision.slates.flatMap(({ items }) => items).some(({ kept }) => kept)).toBe(false);
  });

  test.each<[string, Partial<ActionDraft>, InputDraft, string]>([
    ["availability", { enabled: false }, {}, "c"],
    ["engagement policy", { suitability: [no()] }, {}, "c"],
    [
      "consent",
      {},
      { profile: { consents: [{ channel: "app", purpose: "marketing", granted: false, ts: NOW }] } },
      "c:app",
    ],
    ["the channel asked", {}, { channel: "email" }, "c"],
  ])("STK-2 drops what no longer passes %s", (_, draft, input, dropped) => {
    const result = run(book([{}, {}, draft]), [LIVE], input);
    expect(result.items.some(({ kept }) => kept)).toBe(false);
    expect(result.drop(dropped)).toBeDefined();
  });

  test("STK-2 tests neither suppression nor limits nor floor again", () => {
    const rulebook = book([{}, {}, { floor: 0.99 }], {
      limits: [{ id: "cap", max: 1, windowMs: DAY_MS, action: "c" }],
      coolDowns: [{ id: "rest", after: "declined", scope: "action", forMs: DAY_MS }],
    });
    const declined: ContactDraft = { of: "c:app", outcome: "declined", at: (NOW - HOUR_MS) as Instant };
    expect(run(rulebook, [declined, LIVE]).shown).toEqual(["desk: c:app a:app"]);
    expect(run(rulebook, [declined]).drop("c:app")).toMatchObject({ stage: "suppression" });
  });

  test("STK-2 drops what the outcome of another has suppressed since", () => {
    const since: ContactDraft = { of: "a:app", at: LIVE.at as Instant, outcome: "declined", outcomeAt: NOW };
    const cooling = (scope: "action" | "group" | "all") =>
      book([], { coolDowns: [{ id: "rest", after: "declined", scope, forMs: DAY_MS }] });
    expect(run(cooling("group"), [since, LIVE]).drop("c:app")).toMatchObject({
      stage: "suppression",
      because: "cool-down",
      reopensAt: NOW + DAY_MS,
    });
    expect(run(cooling("all"), [since, LIVE]).shown).toEqual(["desk:"]);
    expect(run(cooling("action"), [since, LIVE]).shown).toEqual(["desk: c:app b:app"]);
    expect(run(cooling("group"), [{ ...since, outcomeAt: LIVE.at as Instant }, LIVE]).shown).toEqual(["desk: c:app"]);
    const clicked = book([], { coolDowns: [{ id: "rest", after: "clicked", scope: "group", forMs: DAY_MS }] });
    expect(run(clicked, [{ ...LIVE, outcome: "clicked", outcomeAt: NOW }]).shown).toEqual(["desk: c:app"]);
  });

  test("STK-3 renders again, and drops what cannot be said or weighed", () => {
    const content = {
      title: { en: [{ read: "attributes.name", get: ({ attributes }) => attributes[0] }] },
    } as const satisfies NonNullable<ActionDraft["treatments"][number]["content"]>;
    const named = book([{}, {}, { treatments: [{ channel: "app", placements: ["desk"], content }] }], {
      attributes: ["name"],
    });
    expect(run(named, [LIVE], { profile: { attributes: ["Ana"] } }).items[0]?.content).toEqual({ title: "Ana" });
    expect(run(named, [LIVE]).drop("c:app")).toMatchObject({ stage: "content", missing: "attributes.name" });
    expect(run(book([{}, {}, { value: -1 }]), [LIVE]).drop("c:app")).toMatchObject({ because: "rule-error" });
    const learnt = run(book(), [LIVE], { trials: { "c:app": [8, 8] } });
    expect(learnt.items[0]).toMatchObject({ kept: true, factors: { raw: 1, propensity: 0.9 } });
  });

  test("STK-4 offers anew what was released", () => {
    const result = run(book([{}, {}, { value: 9 }]), [{ ...LIVE, state: "released", outcome: "pending" }]);
    expect(result.shown).toEqual(["desk: c:app a:app"]);
    expect(result.items[0]?.kept).toBe(false);
  });

  test("STK-5 what is offered anew or no longer shown is superseded", () => {
    const code = (result: ReturnType<typeof run>, position = 0) => result.contacts[position]?.trackingCode;
    const kept = run(book(), [LIVE]);
    expect(kept.superseded).toEqual([]);
    const fell = run(book([{}, {}, { suitability: [no()] }]), [LIVE]);
    expect(fell.superseded).toEqual([code(fell)]);
    const old = { ...LIVE, of: "a:app", at: (NOW - HOUR_MS) as Instant };
    const anew = run(book(), [old, { ...old, of: "c:app" }, { ...old, live: false }]);
    expect(anew.shown).toEqual(["desk: a:app b:app"]);
    expect(anew.superseded).toEqual([code(anew)]);
  });
});

describe("reservation", () => {
  const rulebook = buildRulebook({
    channels: [
      { name: "app", countsAt: "presented", reserveForMs: 5 * MINUTE_MS },
      { name: "email", countsAt: "decided" },
    ],
    placements: [
      { name: "desk", channels: ["app", "email"], slots: 2 },
      { name: "mail", channels: ["email"], slots: 1, direction: "outbound" },
    ],
    actions: [
      { id: "a", treatments: DESK, expiresAfterMs: HOUR_MS, responseWindowMs: DAY_MS },
      { id: "b", treatments: [{ channel: "email", placements: ["mail"] }] },
    ],
  });
  const id = newDecisionId();
  const { made, items } = run(rulebook, [], { placements: ["desk", "mail"], id, direction: "outbound" });

  test("RSV-1 makes one contact for each new item, numbered over the decision", () => {
    expect(made.map(({ trackingCode }) => trackingCode)).toEqual([`${id}.0`, `${id}.1`]);
    expect(items[0]?.trackingCode).toBe(`${id}.0`);
    expect(made[0]).toMatchObject({
      decision: id,
      action: rulebook.actions[0]?.hash,
      treatment: rulebook.treatments[0]?.hash,
      channel: rulebook.channels[0]?.hash,
      placement: rulebook.placements[0]?.hash,
      inbound: false,
      at: NOW,
      outcome: "pending",
      live: true,
      tried: false,
      rank: 1,
    });
  });

  test("RSV-2 reserves, or confirms where the channel counts at the decision", () => {
    expect(made[0]).toMatchObject({ state: "reserved", reservedUntil: NOW + 5 * MINUTE_MS, countsAt: "presented" });
    expect(made[1]).toMatchObject({ state: "confirmed", reservedUntil: NEVER, countsAt: "decided" });
  });

  test("RSV-3 expires, and waits for an answer from then on", () => {
    expect(made[0]).toMatchObject({ expiresAt: NOW + HOUR_MS, respondBy: NOW + HOUR_MS + DAY_MS });
    expect(items[0]?.expiresAt).toBe(NOW + HOUR_MS);
  });
});
