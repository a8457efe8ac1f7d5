import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { Contact } from "../../engine/domain/contact.ts";
import type { Consent } from "../../engine/domain/decision.ts";
import { DAY_MS, HOUR_MS, type Instant, NEVER } from "../../engine/domain/time.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { type BookDraft, buildRulebook, type ContactDraft, contactOf, dropOf, inputFor, NOW, shown } from "./build.ts";

const APP = [{ channel: "app", placements: ["home"] }];
const CARDS = { issue: "sales", group: "cards", treatments: APP };
const LOANS = { issue: "sales", group: "loans", treatments: APP };

function at(ms: number): Instant {
  return (NOW + ms) as Instant;
}

function run(rulebook: Rulebook, contacts: readonly ContactDraft[], consents: readonly Consent[] = [], now = 0) {
  const made = contacts.map((contact) => contactOf(rulebook, contact));
  const decider = createDecider(rulebook);
  const decision = decide(decider, inputFor(rulebook, { profile: { contacts: made, consents }, now: NOW + now }), []);
  return { decision, shown: shown(rulebook, decision), drop: (id: string) => dropOf(rulebook, decision.dropped, id) };
}

describe("consent", () => {
  function verdict(consents: readonly Consent[], draft: { default?: "granted" | "denied"; purpose?: string } = {}) {
    const rulebook = buildRulebook({
      channels: [{ name: "app", consentDefault: draft.default ?? "denied" }],
      placements: [{ name: "home", channels: ["app"] }],
      actions: [{ id: "a", purpose: draft.purpose ?? "marketing", treatments: APP }],
    });
    const drop = run(rulebook, [], consents).drop("a:app");
    return drop?.stage === "consent" ? drop.because : "granted";
  }
  const said = (granted: boolean, ts: number, channel = "app", purpose = "marketing"): Consent => ({
    channel,
    purpose,
    granted,
    ts: at(ts),
  });

  test("CNS-1 the newest record holds, of two of the same instant the refusal, in any order", () => {
    expect(verdict([said(false, -2), said(true, -1)])).toBe("granted");
    expect(verdict([said(false, -1), said(true, -2)])).toBe("denied");
    expect(verdict([said(true, -1), said(false, -1)])).toBe("denied");
    expect(verdict([said(false, -1), said(true, -1)])).toBe("denied");
    expect(verdict([said(true, -1, "app", "profiling")])).toBe("not-given");
  });

  test("CNS-2 a record of the channel goes before one of every channel", () => {
    expect(verdict([said(false, -9), said(true, -1, "*")])).toBe("denied");
    expect(verdict([said(true, -1, "*"), said(false, -9)])).toBe("denied");
    expect(verdict([said(true, -1, "*")])).toBe("granted");
    expect(verdict([said(true, -1), said(false, -1, "*")])).toBe("granted");
  });

  test("CNS-2 but a newer refusal of every channel holds for it too, until it is agreed to again", () => {
    const stop = [said(true, -9), said(false, -5, "*")];
    expect(verdict(stop)).toBe("denied");
    expect(verdict(stop.toReversed())).toBe("denied");
    expect(verdict([...stop, said(true, -3, "*")])).toBe("granted");
    expect(verdict([...stop, said(true, -3)])).toBe("granted");
  });

  test("CNS-2 what is said of every channel holds where nothing is said of one", () => {
    expect(verdict([said(true, -1, "email")])).toBe("not-given");
  });

  test("CNS-3 silence is what the channel declares", () => {
    expect(verdict([], { default: "granted" })).toBe("granted");
    expect(verdict([], { default: "denied" })).toBe("not-given");
    expect(verdict([said(false, -1)], { default: "granted" })).toBe("denied");
  });

  test("CNS-3 a channel may declare it for single purposes", () => {
    const rulebook = buildRulebook({
      channels: [{ name: "app", consentDefault: "denied", consentDefaults: new Map([["service", "granted"]]) }],
      placements: [{ name: "home", channels: ["app"], slots: 2 }],
      actions: ["marketing", "service"].map((purpose) => ({ id: purpose, purpose, treatments: APP })),
    });
    expect(run(rulebook, []).shown).toEqual(["home: service:app"]);
  });

  test("CNS-4 messages that pass limits need it as well", () => {
    expect(verdict([said(false, -1, "app", "service")], { purpose: "service" })).toBe("denied");
    expect(verdict([], { purpose: "service" })).toBe("not-given");
    expect(verdict([said(true, -1, "app", "service")], { purpose: "service" })).toBe("granted");
  });
});

describe("suppression", () => {
  const actions: BookDraft["actions"] = [
    { id: "card", ...CARDS },
    { id: "card2", ...CARDS },
    { id: "loan", ...LOANS },
    { id: "help", issue: "service", group: "help", treatments: APP },
  ];
  const coolingDown = (scope: "action" | "group" | "issue", only?: string) =>
    buildRulebook({
      actions,
      placements: [{ name: "home", channels: ["app"], slots: 4 }],
      coolDowns: [{ id: "rest", after: "declined", scope, forMs: 5 * DAY_MS, ...(only ? { only } : {}) }],
    });
  const declined: ContactDraft = { of: "card:app", outcome: "declined", outcomeAt: at(-DAY_MS) };

  test.each([
    ["action", ["card:app"]],
    ["group", ["card:app", "card2:app"]],
    ["issue", ["card:app", "card2:app", "loan:app"]],
  ] as const)("SUP-1 a cool-down of scope %s drops %j until it is over", (scope, dropped) => {
    const rulebook = coolingDown(scope);
    const { decision } = run(rulebook, [declined]);
    expect(
      [...decision.dropped].map((drop) => ("treatment" in drop ? rulebook.treatments[drop.treatment]?.id : "")),
    ).toEqual(dropped);
    expect([...decision.dropped][0]).toMatchObject({
      stage: "suppression",
      because: "cool-down",
      policy: 0,
      reopensAt: NOW + 4 * DAY_MS,
    });
    expect([...run(rulebook, [declined], [], 4 * DAY_MS - 1).decision.dropped]).toHaveLength(dropped.length);
    expect([...run(rulebook, [declined], [], 4 * DAY_MS).decision.dropped]).toEqual([]);
  });

  test("SUP-1 another outcome begins no cool-down, and old names count as they were", () => {
    const rulebook = coolingDown("group");
    expect([...run(rulebook, [{ ...declined, outcome: "accepted" }]).decision.dropped]).toEqual([]);
    const moved = { ...declined, group: contactOf(rulebook, { of: "loan:app" }).group };
    expect(run(rulebook, [moved]).drop("card:app")).toBeUndefined();
    expect(run(rulebook, [moved]).drop("loan:app")).toMatchObject({ because: "cool-down" });
  });

  test("SUP-2 only restricts it", () => {
    expect([...run(coolingDown("group", "loans"), [declined]).decision.dropped]).toEqual([]);
    expect([...run(coolingDown("group", "cards"), [declined]).decision.dropped]).toHaveLength(2);
  });

  test("SUP-3 a conversion does not end what the acceptance began", () => {
    const rulebook = buildRulebook({
      actions: [{ id: "card", ...CARDS }],
      coolDowns: [{ id: "had-it", after: "accepted", scope: "action", forMs: DAY_MS }],
    });
    for (const outcome of ["accepted", "converted"] as const) {
      expect(run(rulebook, [{ of: "card:app", outcome }]).drop("card:app")).toMatchObject({ because: "cool-down" });
    }
    expect(run(rulebook, [{ of: "card:app", outcome: "declined" }]).drop("card:app")).toBeUndefined();
  });

  test("SUP-4 later snoozes the action until the time said", () => {
    const rulebook = coolingDown("action");
    const later: ContactDraft = { of: "card:app", outcome: "later", until: at(HOUR_MS) };
    expect(run(rulebook, [later]).drop("card:app")).toEqual({
      stage: "suppression",
      treatment: rulebook.treatments.findIndex(({ id }) => id === "card:app"),
      policy: -2,
      because: "snoozed",
      reopensAt: at(HOUR_MS),
    });
    expect(run(rulebook, [later]).drop("card2:app")).toBeUndefined();
    expect(run(rulebook, [later], [], HOUR_MS).drop("card:app")).toBeUndefined();
  });

  test("SUP-5 what is live on a channel is not offered in another placement of it", () => {
    const rulebook = buildRulebook({
      actions: [{ id: "card", treatments: [{ channel: "app", placements: ["home", "hero"] }] }],
    });
    const live: ContactDraft = { of: "card:app", in: "hero", live: true, expiresAt: at(HOUR_MS) };
    expect(run(rulebook, [live]).drop("card:app")).toMatchObject({
      stage: "suppression",
      because: "already-live",
      policy: -3,
      reopensAt: at(HOUR_MS),
    });
    expect(run(rulebook, [live], [], HOUR_MS).shown).toEqual(["home: card:app"]);
    expect(run(rulebook, [{ ...live, live: false }]).shown).toEqual(["home: card:app"]);
    expect(run(rulebook, [{ ...live, in: "home" }]).shown).toEqual(["home: card:app"]);
  });

  test("SUP-6 of several the one that ends last is told", () => {
    const rulebook = coolingDown("group");
    const later: ContactDraft = { of: "card:app", outcome: "later", until: at(9 * DAY_MS) };
    expect(run(rulebook, [declined, later]).drop("card:app")).toMatchObject({ because: "snoozed" });
    const sooner = { ...later, until: at(DAY_MS) };
    expect(run(rulebook, [sooner, declined]).drop("card:app")).toMatchObject({ because: "cool-down" });
  });
});

describe("contact limits", () => {
  const one = (limit: Partial<NonNullable<BookDraft["limits"]>[number]>, rest: Partial<BookDraft> = {}) =>
    buildRulebook({
      actions: [
        { id: "card", ...CARDS, value: 3 },
        { id: "card2", ...CARDS, value: 2 },
        { id: "loan", ...LOANS },
      ],
      placements: [{ name: "home", channels: ["app"], slots: 3 }],
      limits: [{ id: "cap", max: 1, windowMs: DAY_MS, ...limit }],
      ...rest,
    });
  const contact: ContactDraft = { of: "card:app", at: at(-HOUR_MS) };

  test("CON-1 counts what is reserved or confirmed within the window", () => {
    const rulebook = one({ action: "card" });
    const refused = { stage: "contact-limit", policy: 0, counted: 1, reopensAt: at(DAY_MS - HOUR_MS) };
    expect(run(rulebook, [contact]).drop("card:app")).toMatchObject(refused);
    expect(run(rulebook, [{ ...contact, state: "reserved" }]).drop("card:app")).toMatchObject(refused);
    expect(run(rulebook, [{ ...contact, state: "released" }]).drop("card:app")).toBeUndefined();
    expect(run(rulebook, [contact], [], DAY_MS - HOUR_MS - 1).drop("card:app")).toMatchObject(refused);
    expect(run(rulebook, [contact], [], DAY_MS - HOUR_MS).drop("card:app")).toBeUndefined();
  });

  test.each([
    [{ action: "card" }, ["card:app"]],
    [{ group: "cards" }, ["card2:app", "card:app"]],
    [{ issue: "sales" }, ["card2:app", "card:app", "loan:app"]],
    [{ channel: "app" }, ["card2:app", "card:app", "loan:app"]],
    [{ channel: "email" }, []],
    [{ direction: "inbound" as const }, ["card2:app", "card:app", "loan:app"]],
    [{ direction: "outbound" as const }, []],
  ])("CON-2 the scope %j refuses %j", (scope, refused) => {
    const rulebook = one(scope);
    const { decision } = run(rulebook, [contact]);
    const ids = [...decision.dropped].map((drop) =>
      "treatment" in drop ? rulebook.treatments[drop.treatment]?.id : "",
    );
    expect(ids.sort()).toEqual([...refused].sort());
  });

  test("CON-2 a limit of the other direction counts no contact of this one", () => {
    const rulebook = one({ direction: "inbound" });
    expect(run(rulebook, [{ ...contact, inbound: false }]).shown[0]).toBe("home: card:app");
  });

  test("CON-11 a contact of another sender counts for the issue of its group", () => {
    const foreign = { ...contact, issue: 0 as never, action: 0 as never, treatment: 0 as never };
    expect(run(one({ issue: "sales" }), [foreign]).shown).toEqual(["home:"]);
    expect(run(one({ issue: "sales" }), [{ ...foreign, group: 0 as never }]).shown[0]).toBe("home: card:app");
    expect(run(one({ per: "issue" }), [foreign]).drop("loan:app")).toMatchObject({
      stage: "contact-limit",
      counted: 1,
    });
  });

  test("CON-3 per group counts each group for itself", () => {
    const { shown: slates, drop } = run(one({ per: "group" }), [contact]);
    expect(slates).toEqual(["home: loan:app"]);
    expect(drop("card2:app")).toMatchObject({ stage: "contact-limit", counted: 1 });
    expect(run(one({ per: "action" }), [contact]).shown).toEqual(["home: card2:app loan:app"]);
    expect(run(one({ per: "all" }), [contact]).shown).toEqual(["home:"]);
  });

  test("CON-4 tells when one more fits, and of several limits the one that opens last", () => {
    const rulebook = one(
      { max: 2 },
      {
        limits: [
          { id: "two", max: 2, windowMs: DAY_MS },
          { id: "week", max: 3, windowMs: 7 * DAY_MS },
        ],
      },
    );
    const contacts = [-3, -2, -1].map((hours) => ({ ...contact, at: at(hours * HOUR_MS) }));
    // Three are counted and two may be: the second oldest has to leave too.
    expect(run(rulebook, contacts.slice(0, 2)).drop("card:app")).toMatchObject({
      policy: 0,
      reopensAt: at(21 * HOUR_MS),
    });
    expect(run(rulebook, contacts).drop("card:app")).toMatchObject({ policy: 1, reopensAt: at(165 * HOUR_MS) });
    const short = one({ max: 1 });
    expect(run(short, contacts).drop("card:app")).toMatchObject({ counted: 3, reopensAt: at(23 * HOUR_MS) });
    expect(run(one({ max: 0 }), []).drop("card:app")).toMatchObject({ counted: 0, reopensAt: NEVER });
  });

  test("CON-5 what a decision offers counts at once", () => {
    const { shown: slates, drop } = run(one({ group: "cards" }), []);
    expect(slates).toEqual(["home: card:app loan:app"]);
    expect(drop("card2:app")).toMatchObject({ stage: "contact-limit", counted: 1, reopensAt: at(DAY_MS) });
  });

  test("CON-6 a kept item is not counted again", () => {
    const rulebook = one({ max: 2 }, { placements: [{ name: "home", channels: ["app"], slots: 3, stickyMs: DAY_MS }] });
    const { shown: slates, decision } = run(rulebook, [{ ...contact, of: "loan:app", live: true }]);
    expect(slates).toEqual(["home: loan:app card:app"]);
    expect(decision.kind === "act" && decision.contacts).toHaveLength(1);
  });

  test("CON-7 offers nothing new where no contact can be forgotten", () => {
    const rulebook = buildRulebook({
      actions: [
        { id: "card", ...CARDS },
        { id: "loan", ...LOANS },
      ],
      contactMemoryMs: DAY_MS,
    });
    const many = (count: number, draft: Partial<Contact> = {}) =>
      Array.from({ length: count }, (_, index) => ({ ...contact, at: at(-index - 1), ...draft }));
    expect(run(rulebook, many(127)).decision).toMatchObject({ kind: "act", contacts: { length: 1 } });
    expect(run(rulebook, many(128)).drop("card:app")).toMatchObject({
      stage: "contact-limit",
      policy: -1,
      counted: 128,
      reopensAt: at(DAY_MS - 128),
    });
    const forgotten = { outcome: "pending", state: "released" } as const;
    expect(run(rulebook, many(128, forgotten)).shown).toEqual(["home: card:app loan:app"]);
    expect(run(rulebook, many(128, { ...forgotten, live: true })).drop("card:app")).toMatchObject({ policy: -1 });
  });
});
