import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { OpenCase } from "../../engine/domain/decision.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import type { PolicyIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, NEVER } from "../../engine/domain/time.ts";
import type { ActionSet, CaseRule, RelatedSuppression } from "../../engine/rulebook/policies.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import {
  type BookDraft,
  buildRulebook,
  type ContactDraft,
  type CoolDownDraft,
  contactOf,
  dropOf,
  inputFor,
  NOW,
  shown,
} from "./build.ts";

const APP = [{ channel: "app", placements: ["home"] }];
const PLACE = { file: "rules/test.yaml", line: 1, column: 1 };

function day(days: number): Instant {
  return (NOW + days * DAY_MS) as Instant;
}

function setOf(names: { actions?: string[]; groups?: string[]; issues?: string[] }): ActionSet {
  const hashes = (kind: "action" | "group" | "issue", list: string[] = []) =>
    new Set(list.map((name) => nameHash(kind, name)));
  return {
    actions: hashes("action", names.actions),
    groups: hashes("group", names.groups),
    issues: hashes("issue", names.issues),
  };
}

function book(draft: { coolDowns?: CoolDownDraft[]; parts?: BookDraft["parts"]; stickyMs?: number }): Rulebook {
  return buildRulebook({
    placements: [{ name: "home", channels: ["app", "email"], slots: 9, stickyMs: draft.stickyMs ?? 0 }],
    actions: [
      { id: "card", group: "cards", treatments: [...APP, { channel: "email", placements: ["home"] }] },
      { id: "loan", group: "loans", treatments: APP },
      { id: "help", issue: "care", group: "help", treatments: APP },
      { id: "fraud", issue: "care", group: "alerts", exempt: true, treatments: APP },
    ],
    coolDowns: draft.coolDowns ?? [],
    parts: draft.parts ?? {},
  });
}

function run(rulebook: Rulebook, contacts: readonly ContactDraft[], days = 0, openCases: readonly OpenCase[] = []) {
  const made = contacts.map((contact) => contactOf(rulebook, contact));
  const input = inputFor(rulebook, { profile: { contacts: made, openCases }, now: day(days) });
  const decision = decide(createDecider(rulebook), input, []);
  return {
    shown: shown(rulebook, decision).join().replace("home: ", "").replaceAll(":app", ""),
    drop: (id: string) => dropOf(rulebook, decision.dropped, id),
  };
}

const ALL = "card fraud help loan";

describe("cool-downs", () => {
  const cooling = (draft: Partial<CoolDownDraft>) =>
    book({ coolDowns: [{ id: "rest", after: "declined", scope: "action", forMs: 5 * DAY_MS, ...draft }] });
  const declined: ContactDraft = { of: "loan:app", outcome: "declined", outcomeAt: day(-1) };

  test.each([
    ["action", "card fraud help"],
    ["group", "card fraud help"],
    ["issue", "fraud help"],
    ["channel", "card:email fraud"],
    ["all", "fraud"],
  ] as const)("SUP-1 the scope %s leaves %s", (scope, left) => {
    expect(run(cooling({ scope }), [declined]).shown).toBe(left);
    expect(run(cooling({ scope }), [declined], 4).shown).toBe(ALL);
  });

  test("SUP-2 only restricts it to one channel", () => {
    expect(run(cooling({ scope: "channel", only: "email" }), [declined]).shown).toBe(ALL);
    expect(run(cooling({ scope: "channel", only: "app" }), [declined]).shown).toBe("card:email fraud");
  });

  test("SUP-3 a click goes on when an answer or none follows, from then on", () => {
    const rulebook = cooling({ after: "clicked" });
    const clicked: ContactDraft = { of: "loan:app", outcome: "clicked", outcomeAt: day(-4) };
    const silent: ContactDraft = { ...clicked, outcome: "no-response", previous: "clicked", outcomeAt: day(-1) };
    expect(run(rulebook, [clicked]).drop("loan:app")).toMatchObject({ because: "cool-down", reopensAt: day(1) });
    expect(run(rulebook, [silent]).drop("loan:app")).toMatchObject({ because: "cool-down", reopensAt: day(4) });
    expect(run(rulebook, [{ ...silent, previous: "presented" }]).shown).toBe(ALL);
  });

  describe("ignored three times in 14 days: pause 30 days", () => {
    const pause = cooling({ after: "no-response", scope: "all", times: 3, withinMs: 14 * DAY_MS, forMs: 30 * DAY_MS });
    const ignored = (...days: number[]): ContactDraft[] =>
      days.map((ago) => ({ of: "loan:app", outcome: "no-response", at: day(-ago - 1), outcomeAt: day(-ago) }));

    test.each([
      ["twice", [1, 2], undefined],
      ["three times", [1, 2, 3], day(29)],
      ["in any order", [3, 1, 2], day(29)],
      ["within just less than 14 days", [1, 7, 15 - 1e-6], day(29)],
      ["over just 14 days", [1, 7, 15], undefined],
      ["and once more much later", [1, 20, 21, 22], day(10)],
      ["and another two: the last run counts", [1, 2, 3, 20, 21, 22], day(29)],
      ["long ago", [30, 31, 32], undefined],
    ])("SUP-7 %s", (_, ago, until) => {
      const { drop, shown: left } = run(pause, ignored(...ago));
      if (until === undefined) expect(left).toBe(ALL);
      else expect(drop("card:app")).toMatchObject({ because: "cool-down", policy: 0, reopensAt: until });
    });

    test("SUP-7 each thing is counted for itself", () => {
      const perAction = cooling({ after: "no-response", times: 2, withinMs: 14 * DAY_MS });
      const help: ContactDraft = { of: "help:app", outcome: "no-response", outcomeAt: day(-1) };
      expect(run(perAction, [...ignored(1), help]).shown).toBe(ALL);
      expect(run(perAction, ignored(1, 2)).shown).toBe("card fraud help");
    });
  });

  test("SUP-8 a contact itself begins it, and is as if it had not been once released", () => {
    const rulebook = cooling({ after: "contacted", scope: "group" });
    for (const state of ["reserved", "confirmed"] as const) {
      const contact: ContactDraft = { of: "loan:app", state, at: day(-1), outcome: "pending" };
      expect(run(rulebook, [contact]).drop("loan:app")).toMatchObject({ because: "cool-down", reopensAt: day(4) });
    }
    expect(run(rulebook, [{ of: "loan:app", state: "released", at: day(-1), outcome: "pending" }]).shown).toBe(ALL);
    expect(run(rulebook, [{ of: "loan:app", shadow: true, at: day(-1), outcome: "pending" }]).shown).toBe(
      "card fraud help",
    );
  });

  test("SUP-8 what is offered side by side does not cool down", () => {
    expect(run(cooling({ after: "contacted", scope: "all" }), []).shown).toBe(ALL);
  });

  test("SUP-11 exempt actions pass, and their contacts begin none", () => {
    const rulebook = cooling({ after: "contacted", scope: "all" });
    expect(run(rulebook, [{ of: "fraud:app", exempt: true }]).shown).toBe(ALL);
    const later: ContactDraft = { of: "fraud:app", exempt: true, outcome: "later", until: day(1) };
    expect(run(rulebook, [later]).drop("fraud:app")).toMatchObject({ because: "snoozed", reopensAt: day(1) });
  });
});

describe("related suppressions", () => {
  const related = (draft: Partial<RelatedSuppression>): Rulebook => {
    const whole: RelatedSuppression = {
      index: 0 as PolicyIndex,
      id: "no-loan-after-card",
      place: PLACE,
      after: "accepted",
      of: setOf({ groups: ["cards"] }),
      suppresses: setOf({ actions: ["loan"], issues: ["care"] }),
      forMs: 5 * DAY_MS,
      ...draft,
    };
    return book({ parts: { related: [whole] } });
  };
  const accepted: ContactDraft = { of: "card:app", outcome: "accepted", outcomeAt: day(-1) };

  test("SUP-9 after a cause in one set another set is suppressed, until it is over", () => {
    const { shown: left, drop } = run(related({}), [accepted]);
    expect(left).toBe("card fraud");
    expect(drop("loan:app")).toMatchObject({ stage: "suppression", because: "related", policy: 0, reopensAt: day(4) });
    expect(run(related({}), [accepted], 4).shown).toBe(ALL);
    expect(run(related({}), [{ ...accepted, outcome: "declined" }]).shown).toBe(ALL);
    expect(run(related({}), [{ ...accepted, of: "loan:app" }]).shown).toBe(ALL);
  });

  test("SUP-9 the latest cause counts, and a contact of another sender has a group", () => {
    const older: ContactDraft = { ...accepted, outcomeAt: day(-3) };
    expect(run(related({}), [accepted, older]).drop("loan:app")).toMatchObject({ reopensAt: day(4) });
    const foreign: ContactDraft = {
      of: "card:app",
      action: 0 as never,
      issue: 0 as never,
      at: day(-1),
      outcome: "pending",
    };
    expect(run(related({ after: "contacted" }), [foreign]).shown).toBe("card fraud");
  });

  test("SUP-11 an exempt contact suppresses what is related to it", () => {
    const rulebook = related({
      after: "contacted",
      of: setOf({ groups: ["alerts"] }),
      suppresses: setOf({ issues: ["sales"] }),
    });
    expect(run(rulebook, [{ of: "fraud:app", exempt: true }]).shown).toBe("fraud help");
  });

  test("SUP-6 of several the one that ends last is told, of equals the first declared", () => {
    const one = { index: 1 as PolicyIndex, id: "one", place: PLACE, after: "accepted", forMs: 5 * DAY_MS } as const;
    const sets = { of: setOf({ groups: ["cards"] }), suppresses: setOf({ issues: ["sales"] }) };
    const rulebook = book({
      coolDowns: [{ id: "rest", after: "accepted", scope: "action", forMs: 5 * DAY_MS }],
      parts: {
        related: [
          { ...one, ...sets },
          { ...one, ...sets, index: 2 as PolicyIndex, forMs: 6 * DAY_MS },
        ],
      },
    });
    expect(run(rulebook, [accepted]).drop("card:app")).toMatchObject({ because: "related", policy: 2 });
    const equal = book({
      coolDowns: [{ id: "rest", after: "accepted", scope: "action", forMs: 5 * DAY_MS }],
      parts: { related: [{ ...one, ...sets }] },
    });
    expect(run(equal, [accepted]).drop("card:app")).toMatchObject({ because: "cool-down", policy: 0 });
  });
});

describe("open cases", () => {
  const ruled = (draft: Partial<CaseRule> = {}, stickyMs = 0) => {
    const rule = {
      index: 0 as PolicyIndex,
      id: "complaint",
      place: PLACE,
      kinds: ["complaint"],
      suppresses: undefined,
    };
    return book({ parts: { caseRules: [{ ...rule, ...draft }] }, stickyMs });
  };
  const open = (kind: string): OpenCase[] => [{ caseId: "c-1", kind, openedAt: day(-1) }];

  test("SUP-10 everything that is not exempt waits until the complaint is closed", () => {
    const { shown: left, drop } = run(ruled(), [], 0, open("complaint"));
    expect(left).toBe("fraud");
    expect(drop("card:app")).toMatchObject({ because: "open-case", policy: 0, reopensAt: NEVER });
    expect(run(ruled(), []).shown).toBe(ALL);
  });

  test("SUP-10 of the kinds and the set that it names", () => {
    expect(run(ruled(), [], 0, open("question")).shown).toBe(ALL);
    expect(run(ruled({ kinds: [] }), [], 0, open("question")).shown).toBe("fraud");
    expect(run(ruled({ suppresses: setOf({ groups: ["loans"] }) }), [], 0, open("complaint")).shown).toBe(
      "card fraud help",
    );
  });

  test("SUP-10 what is kept falls too", () => {
    const rulebook = ruled({ suppresses: setOf({ issues: ["sales"] }) }, DAY_MS);
    const live: ContactDraft = { of: "card:app", live: true, at: (NOW - HOUR_MS) as Instant };
    expect(run(rulebook, [live]).shown).toContain("card");
    const { shown: left, drop } = run(rulebook, [live], 0, open("complaint"));
    expect(left).toBe("fraud help");
    expect(drop("card:app")).toMatchObject({ stage: "suppression", because: "open-case" });
  });
});
