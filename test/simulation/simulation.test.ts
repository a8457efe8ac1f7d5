// The whole engine on simulated time, network and Redis, with faults by seed: see README.md beside this file.
import { describe, expect, test } from "vitest";
import { BROKEN } from "./broken.ts";
import { type Run, runSeed } from "./run-seed.ts";
import { simulatedRules } from "./simulated-rules.ts";
import { count, newTally, tallyLines } from "./tally.ts";

const SEEDS = process.env["NBA_LONG"] === undefined ? 200 : 10_000;
const SEEDS_OF_BROKEN = 60;
const local = await simulatedRules();

test(`S1 to S5 hold through the faults of ${SEEDS} seeds`, { timeout: 14_400_000 }, async () => {
  const tally = newTally();
  for (let seed = 1; seed <= SEEDS; seed++) count(tally, await runSeed(seed, { local }));
  const lines = tallyLines(tally);
  process.stdout.write(`${lines.join("\n")}\n`);
  expect(tally.failed, "npm run simulate -- --seeds 1 --seed S --notes 300 shows one").toEqual([]);
});

test("a run depends on its seed and on nothing else", async () => {
  const first = await runSeed(11, { local });
  const again = await runSeed(11, { local });
  const other = await runSeed(12, { local });
  expect(again.trace).toBe(first.trace);
  expect(other.trace).not.toBe(first.trace);
});

describe("a build that lacks one thing is caught", () => {
  for (const [name, build] of Object.entries(BROKEN)) {
    test(name, { timeout: 300_000 }, async () => {
      const broken = build();
      let caught: Run | undefined;
      for (let seed = 1; seed <= SEEDS_OF_BROKEN && caught === undefined; seed++) {
        const run = await runSeed(seed, { local, broken });
        if (run.violations.length > 0) caught = run;
      }
      process.stdout.write(`${name}: seed ${caught?.seed}: ${caught?.violations[0]}\n`);
      expect(caught).toBeDefined();
    });
  }
});
