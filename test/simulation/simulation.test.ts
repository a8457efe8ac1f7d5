// The whole engine on simulated time, network and Redis, with faults by seed: see README.md beside this file.
import { describe, expect, test } from "vitest";
import { BROKEN } from "./broken.ts";
import { type Run, runSeed } from "./run-seed.ts";
import { simulatedRules } from "./simulated-rules.ts";
import { count, newTally, tallyLines } from "./tally.ts";

const SEEDS = process.env["NBA_LONG"] === undefined ? 60 : 10_000;
/** Of these 200 the first that shows it, so as not to run those before; others do, too, should the engine send otherwise one day. */
const SHOWN_BY: Readonly<Record<string, number>> = { fencing: 31, watermark: 2, answers: 1 };
const SEEDS_OF_BROKEN = 60;
// However slow the machine: a run that were left behind would meet the next one in the same globals.
const local = await simulatedRules();

test(`S1 to S5 hold through the faults of ${SEEDS} seeds`, { timeout: 14_400_000 }, async () => {
  const tally = newTally();
  for (let seed = 1; seed <= SEEDS; seed++) count(tally, await runSeed(seed, { local }));
  const lines = tallyLines(tally);
  process.stdout.write(`${lines.join("\n")}\n`);
  expect(tally.failed, "npm run simulate -- --seeds 1 --seed S --notes 300 shows one").toEqual([]);
});

test("a run depends on its seed and on nothing else", { timeout: 600_000 }, async () => {
  const first = await runSeed(11, { local });
  const again = await runSeed(11, { local });
  const other = await runSeed(12, { local });
  expect(again.trace).toBe(first.trace);
  expect(other.trace).not.toBe(first.trace);
});

describe("a build that lacks one thing is caught", () => {
  for (const [name, build] of Object.entries(BROKEN)) {
    test(name, { timeout: 600_000 }, async () => {
      const broken = build();
      let caught: Run | undefined;
      const from = SHOWN_BY[name] ?? 1;
      for (let seed = from; seed < from + SEEDS_OF_BROKEN && caught === undefined; seed++) {
        const run = await runSeed(seed, { local, broken });
        if (run.violations.length > 0) caught = run;
      }
      process.stdout.write(`${name}: seed ${caught?.seed}: ${caught?.violations[0]}\n`);
      expect(caught).toBeDefined();
    });
  }
});
