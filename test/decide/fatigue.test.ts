import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { Contact } from "../../engine/domain/contact.ts";
import type { Item } from "../../engine/domain/decision.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import type { Boost, Fatigue } from "../../engine/rulebook/policies.ts";
import { type ActionDraft, buildRulebook, type ContactDraft, contactOf, inputFor, NOW } from "./build.ts";
import { boost, fatigue } from "./policies.ts";

interface Given {
  readonly fatigue?: Partial<Fatigue>;
  readonly boosts?: readonly Boost[];
  readonly exponents?: { readonly boost?: number; readonly fatigue?: number };
  readonly action?: Partial<ActionDraft>;
}

const AGO = (ms: number) => ({ at: (NOW - ms) as Instant, outcomeAt: (NOW - ms) as Instant });

/** One action on app and one on e-mail, both in one placement. */
function run(given: Given, drafts: readonly ContactDraft[], change: (contact: Contact) => Contact = (same) => same) {
  const rulebook = buildRulebook({
    placements: [{ name: "home", channels: ["app", "email"], slots: 3 }],
    actions: [
      { id: "a", treatments: [{ channel: "app", placements: ["home"] }], ...given.action },
      { id: "b", group: "loans", treatments: [{ channel: "email", placements: ["home"] }] },
    ],
    exponents: given.exponents ?? {},
    parts: {
      fatigue: given.fatigue === undefined ? undefined : fatigue(given.fatigue),
      boosts: given.boosts ?? [],
    },
  });
  const contacts = drafts.map((draft) => change(contactOf(rulebook, draft)));
  const decision = decide(createDecider(rulebook), inputFor(rulebook, { profile: { contacts } }), []);
  const items = decision.slates[0]?.items as readonly Item[];
  const factorsOf = (action: number) => items.find((item) => item.action === action)?.factors;
  return { decision, app: factorsOf(0), email: factorsOf(1) };
}

describe("fatigue", () => {
  test("FTG-1 presses less with age, with an answer, and by channel", () => {
    const weights = [4, 1, 1];
    const pressure = (draft: Partial<ContactDraft>) =>
      run({ fatigue: { weights } }, [{ of: "a:app", ...AGO(0), ...draft }]).decision.pressure;
    expect(pressure({})).toBe(4);
    expect(pressure(AGO(DAY_MS))).toBe(2);
    expect(pressure(AGO(2 * DAY_MS))).toBe(1);
    expect(pressure(AGO(-HOUR_MS))).toBe(4);
    expect(pressure({ of: "b:email" })).toBe(1);
    for (const outcome of ["clicked", "accepted", "converted"] as const) expect(pressure({ outcome })).toBe(2);
    expect(pressure({ outcome: "declined" })).toBe(4);
    expect(pressure({ state: "released" })).toBe(0);
    expect(pressure({ state: "reserved" })).toBe(4);
    expect(pressure({ exempt: true })).toBe(0);
    expect(pressure({ shadow: true })).toBe(4);
    const foreign = (contact: Contact) => ({ ...contact, channel: nameHash("channel", "letter") });
    expect(run({ fatigue: { otherWeight: 7 } }, [{ of: "a:app", ...AGO(0) }], foreign).decision.pressure).toBe(7);
  });

  test("FTG-2 lowers the priority on its own channel more than on others", () => {
    const { app, email } = run({ fatigue: {} }, [
      { of: "a:app", ...AGO(0) },
      { of: "a:app", ...AGO(0) },
    ]);
    expect(app).toMatchObject({ fatigue: 0.25, priority: 0.125 });
    expect(email).toMatchObject({ fatigue: 0.5, priority: 0.25 });
    expect(run({ fatigue: { halvesAt: 2 } }, [{ of: "a:app", ...AGO(0) }]).app?.fatigue).toBe(2 ** -0.5);
  });

  test("FTG-2 leaves exempt actions alone, and everything where none is declared", () => {
    const tired: ContactDraft[] = [{ of: "b:email", ...AGO(0) }];
    const exempt = run({ fatigue: {}, action: { purpose: "legal", exempt: true } }, tired);
    expect(exempt.app).toMatchObject({ fatigue: 1, priority: 0.5 });
    expect(exempt.email?.fatigue).toBe(0.5);
    expect(run({}, tired)).toMatchObject({ decision: { pressure: 0 }, email: { fatigue: 1 } });
  });

  test("FTG-2 is switched off by its exponent, but told", () => {
    const off = run({ fatigue: {}, exponents: { fatigue: 0 } }, [{ of: "a:app", ...AGO(0) }]);
    expect(off.app).toMatchObject({ fatigue: 0.5, priority: 0.5 });
  });

  test("FTG-3 tells the pressure before this decision", () => {
    const { decision } = run({ fatigue: {} }, []);
    expect(decision).toMatchObject({ kind: "act", pressure: 0 });
    const both = run({ fatigue: {} }, [
      { of: "a:app", ...AGO(0) },
      { of: "b:email", ...AGO(DAY_MS) },
    ]);
    expect(both.decision.pressure).toBe(1.5);
  });
});

describe("boost", () => {
  const clicked: ContactDraft = { of: "a:app", outcome: "clicked", ...AGO(0) };

  test("BST-1 multiplies by the weight, which goes back to 1 with age", () => {
    const of = (...drafts: ContactDraft[]) => run({ boosts: [boost({ weight: 4 })] }, drafts).app;
    expect(of(clicked)).toMatchObject({ boost: 4, priority: 2 });
    expect(of({ ...clicked, ...AGO(DAY_MS) })).toMatchObject({ boost: 2, priority: 1 });
    expect(of(clicked, { ...clicked, ...AGO(DAY_MS) })?.boost).toBe(8);
    expect(of({ ...clicked, outcome: "declined" })?.boost).toBe(1);
    expect(of()?.boost).toBe(1);
    const two = [boost({ weight: 4 }), boost({ after: "declined", weight: 0.5, scope: "issue" })];
    const decayed = run({ boosts: two }, [clicked, { ...clicked, of: "b:email", outcome: "declined" }]);
    expect(decayed).toMatchObject({ app: { boost: 2 }, email: { boost: 0.5 } });
    expect(run({ boosts: two, exponents: { boost: 0 } }, [clicked]).app).toMatchObject({ boost: 4, priority: 0.5 });
  });

  test.each([
    ["action", [2, 1]],
    ["group", [2, 1]],
    ["issue", [2, 2]],
  ] as const)("BST-2 holds for the same %s", (scope, [app, email]) => {
    const found = run({ boosts: [boost({ scope })] }, [clicked]);
    expect(found).toMatchObject({ app: { boost: app }, email: { boost: email } });
  });

  test("BST-2 is restricted by `only`", () => {
    const only = (name: string) => run({ boosts: [boost({ only: nameHash("group", name) })] }, [clicked]).app?.boost;
    expect(only("cards")).toBe(2);
    expect(only("loans")).toBe(1);
  });

  test("BST-3 goes on with what follows", () => {
    const boosted = (cause: Boost["after"], draft: Partial<Contact>) =>
      run({ boosts: [boost({ after: cause })] }, [{ ...clicked, ...draft }]).app?.boost;
    expect(boosted("accepted", { outcome: "converted" })).toBe(2);
    expect(boosted("clicked", { outcome: "no-response", previous: "clicked" })).toBe(2);
    expect(boosted("converted", { outcome: "accepted" })).toBe(1);
  });
});
