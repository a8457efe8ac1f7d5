// The whole engine on simulated time, network and Redis, with faults by seed: see README.md beside this file.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BROKEN } from "./broken.ts";
import type { Run } from "./run-seed.ts";
import type { Share } from "./simulation-child.ts";
import { type SimulationThread, startSimulationThread } from "./simulation-thread.ts";
import { count, newTally, tallyLines } from "./tally.ts";

const isShort = process.env["NBA_LONG"] === undefined;
const SEEDS = isShort ? 200 : 1_000;
/** Seeds that found something, kept however few are run above. */
const ONCE_BAD = [101, 111, 392, 509];
/** A build that lacks something shows it within so many, under the very faults that the whole one has to stand. */
const SEEDS_OF_BROKEN = 200;
/** No limit to what a slow machine may take: a seed ends by itself, in simulated time. */
const TIMEOUT_MS = 14_400_000;

let thread: SimulationThread;

beforeAll(() => {
  thread = startSimulationThread();
});

afterAll(async () => {
  await thread?.end();
});

test(`S1 to S5 hold through the faults of ${SEEDS} seeds`, { timeout: TIMEOUT_MS }, async () => {
  const tally = newTally();
  await thread.run({ seeds: upTo(SEEDS), isShort }, (run) => count(tally, run));
  process.stdout.write(`${tallyLines(tally).join("\n")}\n`);
  expect(
    tally.failed,
    `npm run simulate -- --seeds 1 --seed S --notes 300${isShort ? " --short" : ""} shows one`,
  ).toEqual([]);
  expect(tally.seeds).toBe(SEEDS);
});

test("seeds that were bad once", { timeout: TIMEOUT_MS }, async () => {
  const runs = await runsOf({ seeds: ONCE_BAD });
  expect(runs.map(({ seed, violations }) => ({ seed, violations }))).toEqual(
    ONCE_BAD.map((seed) => ({ seed, violations: [] })),
  );
});

test("a run depends on its seed and on nothing else", { timeout: TIMEOUT_MS }, async () => {
  const [first, again, other] = await runsOf({ seeds: [11, 11, 12], isShort: true });
  expect(again?.trace).toBe(first?.trace);
  expect(other?.trace).not.toBe(first?.trace);
});

describe("a build that lacks one thing is caught", () => {
  test.each(Object.keys(BROKEN))("%s", { timeout: TIMEOUT_MS }, async (broken) => {
    const runs = await runsOf({ seeds: upTo(SEEDS_OF_BROKEN), broken, isForOne: true });
    const last = runs.at(-1);
    process.stdout.write(`${broken}: seed ${last?.seed}: ${last?.violations[0]}\n`);
    expect(last?.violations).not.toEqual([]);
  });
});

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

async function runsOf(share: Share): Promise<readonly Run[]> {
  const runs: Run[] = [];
  await thread.run(share, (run) => runs.push(run));
  return runs;
}
