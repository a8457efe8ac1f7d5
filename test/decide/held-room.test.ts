import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { Consent, ModelScore } from "../../engine/domain/decision.ts";
import type { ModelIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, NEVER } from "../../engine/domain/time.ts";
import type { Rulebook, RuleScope } from "../../engine/rulebook/rulebook.ts";
import {
  type ActionDraft,
  type BookDraft,
  broken,
  buildRulebook,
  type ContactDraft,
  contactOf,
  dropOf,
  inputFor,
  NOW,
  no,
  shown,
  yes,
} from "./build.ts";

const EMAIL = { channel: "email", placements: ["outreach"] };

/** `small` is asked for in the app; `big` is due by e-mail, and worth more. */
function book(big: Partial<ActionDraft> = {}, draft: Partial<BookDraft> = {}): Rulebook {
  return buildRulebook({
    actions: [
      { id: "small", value: 1, treatments: [{ channel: "app", placements: ["home"] }] },
      { id: "tiny", value: 0.5, treatments: [{ channel: "app", placements: ["home"] }] },
      { id: "big", value: 5, holdsRoom: yes("due"), treatments: [EMAIL], ...big },
      { id: "alert", value: 0.1, exempt: true, treatments: [{ channel: "app", placements: ["hero"] }] },
    ],
    limits: [{ id: "cap", max: 2, windowMs: 7 * DAY_MS }],
    ...draft,
  });
}

interface Given {
  readonly contacts?: readonly ContactDraft[];
  readonly consents?: readonly Consent[];
  readonly scores?: readonly ModelScore[];
  readonly placements?: readonly string[];
}

function run(rulebook: Rulebook, { contacts = [], consents = [], scores = [], placements = ["home"] }: Given = {}) {
  const made = contacts.map((contact) => contactOf(rulebook, contact));
  const input = inputFor(rulebook, { placements, profile: { contacts: made, consents } });
  const decision = decide(createDecider(rulebook), input, scores);
  const drop = (id: string) => dropOf(rulebook, decision.dropped, id);
  return {
    shown: shown(rulebook, decision),
    drop,
    index: (id: string) => rulebook.actions.findIndex((a) => a.id === id),
  };
}

const EARLIER: ContactDraft = { of: "tiny:app", at: (NOW - DAY_MS) as Instant };
const FREE = ["home: small:app tiny:app"];
const HELD = ["home: small:app"];

describe("held room", () => {
  test("CON-9 the last place is held for what is due and worth more", () => {
    const { shown: slates, drop, index } = run(book());
    expect(slates).toEqual(HELD);
    expect(drop("tiny:app")).toEqual({
      stage: "contact-limit",
      treatment: 3,
      policy: 0,
      counted: 1,
      reopensAt: NOW + 7 * DAY_MS,
      heldFor: index("big"),
    });
    expect(run(book(), { contacts: [EARLIER] }).shown).toEqual(["home:"]);
    expect(run(book(), { contacts: [EARLIER] }).drop("small:app")).toMatchObject({
      heldFor: index("big"),
      reopensAt: NOW + 6 * DAY_MS,
    });
  });

  test("CON-9 where there is room for one only, it never has room for both", () => {
    const rulebook = book({}, { limits: [{ id: "cap", max: 1, windowMs: DAY_MS }] });
    expect(run(rulebook).drop("small:app")).toMatchObject({ counted: 0, reopensAt: NEVER });
  });

  test("CON-9 a limit that is reached already is told as such", () => {
    const drop = run(book(), { contacts: [EARLIER, EARLIER] }).drop("small:app");
    expect(drop).toMatchObject({ stage: "contact-limit", counted: 2 });
    expect(drop).not.toHaveProperty("heldFor");
  });

  test.each([
    ["is not due", { holdsRoom: no() }],
    ["cannot be told to be due", { holdsRoom: broken() }],
    ["is worth less", { value: 0.5 }],
    ["is worth less by its lever", { lever: 0.1 }],
    ["has no worth that can be told", { value: () => Number.NaN }],
  ] satisfies [string, Partial<ActionDraft>][])("CON-9 nothing is held for what %s", (_, big) => {
    expect(run(book(big)).shown).toEqual(FREE);
  });

  test("CON-9 the worth may read a model, which is asked for", () => {
    const rulebook = book(
      { value: ({ models }) => models[0] as number, eligibility: [{ id: "any", needs: ["worth"], test: () => true }] },
      { models: ["worth"] },
    );
    const score = (value: number) => ({ scores: [{ model: 0 as ModelIndex, value, fallback: false }] });
    expect(createDecider(rulebook).qualify(inputFor(rulebook)).needsModels).toEqual([0]);
    expect(run(rulebook, score(9)).shown).toEqual(HELD);
    expect(run(rulebook, score(0.1)).shown).toEqual(FREE);
  });

  test("CON-9 only in a limit that both need", () => {
    const limit = { id: "cap", max: 2, windowMs: 7 * DAY_MS };
    expect(run(book({}, { limits: [{ ...limit, channel: "app" }] })).shown).toEqual(FREE);
    expect(run(book({}, { limits: [{ ...limit, direction: "each" }] })).shown).toEqual(FREE);
    expect(run(book({}, { limits: [{ ...limit, direction: "outbound" }] })).shown).toEqual(FREE);
    expect(
      run(
        book({ treatments: [{ channel: "app", placements: ["hero"] }] }, { limits: [{ ...limit, direction: "each" }] }),
      ).shown,
    ).toEqual(HELD);
    expect(run(book({ group: "loans" }, { limits: [{ ...limit, per: "group" }] })).shown).toEqual(FREE);
  });

  test("CON-9 what is suppressed until the contact would have left holds nothing", () => {
    const snoozed = (days: number): ContactDraft => ({
      of: "big:email",
      outcome: "later",
      at: (NOW - 8 * DAY_MS) as Instant,
      until: (NOW + days * DAY_MS) as Instant,
    });
    expect(run(book(), { contacts: [snoozed(6)] }).shown).toEqual(HELD);
    expect(run(book(), { contacts: [snoozed(7)] }).shown).toEqual(FREE);
  });

  test("CON-9 what a limit of its own keeps out until the contact would have left holds nothing", () => {
    const own = (windowMs: number) => ({
      limits: [
        { id: "cap", max: 2, windowMs: 7 * DAY_MS },
        { id: "own", max: 1, windowMs, action: "big" },
      ],
    });
    const before: ContactDraft = { of: "big:email", at: (NOW - 8 * DAY_MS) as Instant };
    expect(run(book({}, own(14 * DAY_MS)), { contacts: [before] }).shown).toEqual(HELD);
    expect(run(book({}, own(15 * DAY_MS)), { contacts: [before] }).shown).toEqual(FREE);
    const never = [...own(DAY_MS).limits, { id: "none", max: 0, windowMs: DAY_MS, action: "big" }];
    expect(run(book({}, { limits: never })).shown).toEqual(FREE);
  });

  test("CON-10 nothing is held for what fails a rule that reads a model", () => {
    const likely = { id: "likely", needs: ["m"], test: ({ models }: RuleScope) => (models[0] as number) > 0.5 };
    const score = (value: number) => ({ scores: [{ model: 0 as ModelIndex, value, fallback: false }] });
    const ofAction = book({ eligibility: [likely] }, { models: ["m"] });
    expect(run(ofAction, score(0.9)).shown).toEqual(HELD);
    expect(run(ofAction, score(0.1)).shown).toEqual(FREE);
    const ofTreatment = book({ treatments: [{ ...EMAIL, eligibility: [likely] }] }, { models: ["m"] });
    expect(run(ofTreatment, score(0.9)).shown).toEqual(HELD);
    expect(run(ofTreatment, score(0.1)).shown).toEqual(FREE);
  });

  test.each([
    ["is not on offer", { enabled: false }],
    ["is not on offer yet", { from: NOW + HOUR_MS }],
    ["fails a rule", { eligibility: [no()] }],
    ["has no treatment on offer", { treatments: [{ ...EMAIL, parts: { enabled: false } }] }],
    ["has no treatment that passes its rules", { treatments: [{ ...EMAIL, suitability: [no()] }] }],
  ] satisfies [string, Partial<ActionDraft>][])("CON-10 nothing is held for what %s", (_, big) => {
    expect(run(book(big)).shown).toEqual(FREE);
  });

  test("CON-10 nothing is held without consent, nor for what is live or offered by this decision", () => {
    const denied: Consent = { channel: "email", purpose: "marketing", granted: false, ts: NOW };
    expect(run(book(), { consents: [denied] }).shown).toEqual(FREE);
    const live: ContactDraft = {
      of: "big:email",
      in: "outreach",
      live: true,
      at: (NOW - 8 * DAY_MS) as Instant,
      expiresAt: NEVER,
    };
    expect(run(book(), { contacts: [live] }).shown).toEqual(FREE);
    expect(run(book(), { placements: ["outreach", "home"] }).shown).toEqual(["outreach: big:email", "home: small:app"]);
  });

  test("CON-10 nothing is held against exempt actions", () => {
    const rulebook = book({}, { limits: [{ id: "cap", max: 1, windowMs: DAY_MS }] });
    expect(run(rulebook, { placements: ["hero", "home"] }).shown).toEqual(["hero: alert:app", "home:"]);
  });
});
