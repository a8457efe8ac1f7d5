import { describe, expect, it } from "vitest";
import { tellFall } from "../../engine/cli/tell-why.ts";
import type { Fall } from "../../engine/decide/explain-drop.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";

const at = Date.UTC(2026, 2, 1, 9) as Instant;
const rule = {
  id: "loans/good-payer",
  stage: "suitability",
  text: "attributes.arrears == false",
  place: { file: "actions/loans.yaml", line: 3, column: 5 },
  verdict: "false",
  values: { "attributes.arrears": true, "features.spend": null },
} as const;

describe("tellFall", () => {
  it.each<[Fall, string]>([
    [{ stage: "availability", because: "switched-off" }, "availability: switched-off"],
    [
      { stage: "suitability", because: "false", rule },
      "suitability loans/good-payer is false: attributes.arrears == false, where attributes.arrears = true, features.spend = nothing",
    ],
    [
      { stage: "suitability", because: "rule-error", rule: { ...rule, values: {} } },
      "suitability loans/good-payer cannot be told: attributes.arrears == false",
    ],
    [{ stage: "consent", because: "not-given" }, "consent: not-given"],
    [
      { stage: "suppression", policy: "rest", because: "cool-down", reopensAt: at },
      "suppression rest: cool-down, again at 2026-03-01T09:00:00.000Z",
    ],
    [{ stage: "suppression", policy: "complaint", because: "open-case" }, "suppression complaint: open-case"],
    [
      { stage: "quiet-hours", policy: "night", because: "quiet", reopensAt: at },
      "quiet-hours night: quiet, again at 2026-03-01T09:00:00.000Z",
    ],
    [
      { stage: "contact-limit", policy: "credit-per-month", counted: 6, max: 6, windowMs: 30 * DAY_MS, reopensAt: at },
      "contact-limit credit-per-month: 6 of 6 in 30 days, room again at 2026-03-01T09:00:00.000Z",
    ],
    [
      { stage: "contact-limit", policy: "sms", counted: 1, max: 1, windowMs: 36 * HOUR_MS },
      "contact-limit sms: 1 of 1 in 36 h",
    ],
    [
      { stage: "contact-limit", policy: "day", counted: 2, max: 2, windowMs: 25 * HOUR_MS, calendarDays: 1 },
      "contact-limit day: 2 of 2 on this day",
    ],
    [
      { stage: "contact-limit", policy: "day", counted: 1, heldFor: "save" },
      "contact-limit day: the last room is held for save",
    ],
    [{ stage: "quota", policy: "budget", left: 0.5, needed: 2 }, "quota budget: 0.5 left, 2 needed"],
    [{ stage: "propensity", propensity: 0.0123456, floor: 0.05 }, "propensity 0.01235 is below the floor 0.05"],
    [
      { stage: "arbitration", because: "same-action", lostTo: "a:app", placement: "home", priority: 3 },
      "arbitration: same-action, lost to a:app in home with priority 3",
    ],
    [
      { stage: "arbitration", because: "below-minimum", placement: "home", priority: 3, floor: 4 },
      "arbitration: below-minimum, priority 3 below 4 in home",
    ],
    [{ stage: "content", missing: "attributes.name" }, "content: attributes.name has no value"],
    [
      { stage: "slots", lostTo: "a:app", placement: "home", priority: 3 },
      "slots: lost to a:app in home with priority 3",
    ],
    [{ stage: "holdout", placement: "home", priority: 3 }, "holdout: it won its place in home and was withheld"],
  ])("%j", (fall, sentence) => {
    expect(tellFall(fall)).toBe(sentence);
  });
});
