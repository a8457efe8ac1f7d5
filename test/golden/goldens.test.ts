import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Decider } from "../../engine/decide/decide.ts";
import { replay } from "../../engine/decide/replay.ts";
import { STAGES } from "../../engine/domain/drop.ts";
import { decidersOf, GOLDEN_FILE, goldenRulebook, readGolden, saying, writeGolden } from "./golden-file.ts";

const CHANGED = `If decisions were meant to change: say what and why under "Decisions changed" in CHANGELOG.md, then make the
goldens anew as test/golden/make-goldens.ts says. Else this is a fault.`;

const deciders = decidersOf(await goldenRulebook());
const goldens = readFileSync(GOLDEN_FILE, "utf8").trimEnd().split("\n").map(readGolden);

describe("golden decisions", () => {
  test("the rules that they were made under have not changed", () => {
    const unknown = new Set(goldens.map(({ record }) => record.rulebook).filter((hash) => !deciders.has(hash)));
    expect([...unknown], `test/fixtures/rules-full was edited. ${CHANGED}`).toEqual([]);
  });

  test("all 500 are computed again bit for bit", () => {
    expect(goldens).toHaveLength(500);
    const changed = goldens.flatMap(({ says, record }) => {
      const { differences } = replay(deciders.get(record.rulebook) as Decider, record);
      const now = saying(record);
      if (now !== says) return [`${says}\n  its record says ${now}`];
      return differences.length === 0 ? [] : [`${says}\n  ${differences.slice(0, 5).join("\n  ")}`];
    });
    expect(changed.slice(0, 10), `${changed.length} of ${goldens.length} decisions changed. ${CHANGED}`).toEqual([]);
  });

  test("they show every stage, every kind of arm and every way out", () => {
    const seen = new Set<string>();
    const note = (...words: readonly string[]) => seen.add(words.join(" "));
    for (const { record } of goldens) {
      const { decision } = replay(deciders.get(record.rulebook) as Decider, record);
      for (const drop of decision?.dropped ?? []) note(drop.stage, "because" in drop ? drop.because : "");
      for (const { experiment, arm } of record.arms) note("arm", experiment, arm);
      for (const slate of record.slates) note("slate", slate.because ?? slate.kind);
      for (const { quota } of record.spent) note("spent", quota);
      if (record.heldUntil !== undefined) note("held");
      if (record.withheld.length > 0) note("withheld");
      if (record.slates.some(({ items }) => items.some(({ kept }) => kept))) note("kept");
      if (record.slates.some(({ items }) => items.some(({ factors }) => factors.boost !== 1))) note("boosted");
      if (record.slates.some(({ items }) => items.some(({ factors }) => factors.fatigue !== 1))) note("tired");
    }
    const stages = new Set([...seen].map((words) => words.split(" ")[0]));
    expect(STAGES.filter((stage) => !stages.has(stage))).toEqual([]);
    expect([...seen].sort()).toMatchInlineSnapshot(`
      [
        "applicability false",
        "applicability rule-error",
        "arbitration below-minimum",
        "arbitration bundle-incomplete",
        "arbitration excluded",
        "arbitration same-action",
        "arm cards-first control",
        "arm cards-first loud",
        "arm whole-book base",
        "arm whole-book bold",
        "arm wording a",
        "arm wording b",
        "availability arm",
        "availability no-longer",
        "availability no-treatment",
        "availability switched-off",
        "boosted",
        "consent denied",
        "consent not-given",
        "contact-limit ",
        "content ",
        "eligibility false",
        "eligibility rule-error",
        "held",
        "holdout ",
        "kept",
        "propensity ",
        "quiet-hours no-time-zone",
        "quiet-hours quiet",
        "quota ",
        "slate act",
        "slate all-dropped",
        "slate holdout",
        "slots ",
        "spent desk-budget",
        "spent gold-cards",
        "spent mails",
        "suitability false",
        "suppression already-live",
        "suppression cool-down",
        "suppression open-case",
        "suppression related",
        "suppression snoozed",
        "tired",
        "withheld",
      ]
    `);
  });

  test("are written as they were read", () => {
    const lines = readFileSync(GOLDEN_FILE, "utf8").trimEnd().split("\n");
    const again = readGolden(writeGolden(readGolden(lines[0] as string)));
    expect(again).toEqual(goldens[0]);
  });
});
