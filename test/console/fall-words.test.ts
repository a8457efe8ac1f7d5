// Why a candidate fell, as the desk and the inspector say it: every stage names what failed, by its values.
import { expect, test } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";

const { fallWords } = (await import(`${repositoryRoot}/engine/console/fall-words.js`)) as {
  readonly fallWords: (fell: object) => string | undefined;
};

const DAY_MS = 86_400_000;
const NOON = Date.parse("2026-03-02T12:00:00Z");

test.each([
  [{ stage: "eligibility", because: "false", rule: {} }, undefined],
  [{ stage: "eligibility", because: "rule-error", rule: {} }, "The rule could not be computed"],
  [
    { stage: "contact-limit", policy: "per-week", counted: 5, max: 5, windowMs: 7 * DAY_MS },
    "Limit “Per week”: 5 of 5 in 7 days",
  ],
  [
    { stage: "contact-limit", policy: "today", counted: 2, max: 2, windowMs: DAY_MS + 3_600_000, calendarDays: 1 },
    "Limit “Today”: 2 of 2 on this day",
  ],
  [
    { stage: "contact-limit", policy: "per-week", counted: 4, max: 5, windowMs: 7 * DAY_MS, heldFor: "gold-card" },
    "The last room under “Per week” is held for Gold card",
  ],
  [{ stage: "quota", policy: "letters", left: 0.5, needed: 2 }, "Quota “Letters”: 0.5 left, 2 needed"],
  [{ stage: "content", missing: "first_name" }, "No value for first_name"],
  [{ stage: "propensity", propensity: 0.02, floor: 0.1 }, "Chance of a yes 2.0 %, at least 10 % wanted"],
  [
    { stage: "arbitration", because: "below-minimum", placement: "app-home", priority: 1.5, floor: 4 },
    "Priority 1.5 in app-home, at least 4 wanted",
  ],
  [
    {
      stage: "arbitration",
      because: "excluded",
      policy: "one-credit",
      placement: "app-home",
      lostTo: "loan:app",
      priority: 3,
    },
    "Behind loan:app in app-home (excluded “One credit”), with priority 3",
  ],
  [
    { stage: "slots", placement: "app-home", lostTo: "loan:app", priority: 3 },
    "Behind loan:app in app-home, with priority 3",
  ],
  [{ stage: "availability", because: "no-treatment" }, "Not made for this placement and channel"],
  [{ stage: "suppression", because: "open-case", policy: "selling-waits" }, "Open case “Selling waits”"],
  [{ stage: "holdout", placement: "app-home", priority: 3 }, "It won its place in app-home and was withheld"],
])("%o", (fell, words) => {
  expect(fallWords(fell)).toBe(words);
});

test("tells when it is open again", () => {
  const fell = { stage: "quiet-hours", because: "quiet", policy: "night", reopensAt: NOON };
  expect(fallWords(fell)).toMatch(/^Quiet “Night”, again from .*2.*Mar/);
});
