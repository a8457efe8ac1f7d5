// More asks than can be decided, on simulated time: a loop that takes so many at a time and so long for each.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { customerKey, type DecisionId, type PartitionIndex } from "../../engine/domain/ids.ts";
import type { AskAnswer } from "../../engine/engine.ts";
import { type AskQueue, createAskQueue } from "../../engine/partition/asks.ts";

const DEADLINE_MS = 25;
const PER_STEP_MAX = 512;
const DECIDED = {
  kind: "unavailable",
  why: "stands for a decision: the queue does not look",
  retryAfterMs: 0,
} as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Answers of so many asks each millisecond, by kind; each takes `costMs` of the loop, each step one more. */
async function offered(
  perMs: number,
  ms: number,
  costMs: () => number,
  countedFromMs = 0,
): Promise<Record<string, number>> {
  const queue = createAskQueue({ asksMax: 4_096, wake: () => undefined });
  const counts: Record<string, number> = { served: 0, late: 0, overloaded: 0 };
  const count = (answer: AskAnswer): void => {
    const kind = answer === DECIDED ? "served" : answer.kind === "fallback" ? "late" : answer.kind;
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  const loop = serve(queue, costMs);
  for (let n = 0; n < perMs * ms; n++) {
    const place = { partition: 0 as PartitionIndex, id: `d-${n}` as DecisionId };
    const isCounted = n >= perMs * countedFromMs;
    void queue.add(askOf(n), place, async () => undefined).then((answer) => isCounted && count(answer));
    if (n % perMs === perMs - 1) await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(1_000);
  loop.stop();
  return counts;
}

function serve(queue: AskQueue, costMs: () => number): { readonly stop: () => void } {
  const state = { stopped: false };
  const step = (): void => {
    if (state.stopped) return;
    const taken = queue.take(PER_STEP_MAX);
    setTimeout(
      () => {
        for (const waiting of taken) waiting.settle(DECIDED);
        step();
      },
      1 + taken.length * costMs(),
    );
  };
  step();
  return { stop: () => (state.stopped = true) };
}

const askOf = (n: number) => ({
  key: customerKey(`c-${n}`),
  channel: "app",
  placements: [{ name: "app-home" }],
  context: {},
  deadlineMs: DEADLINE_MS,
});

describe("asks beyond capacity", () => {
  it("within capacity nobody is turned away and nobody is late", async () => {
    expect(await offered(8, 1_000, () => 0.1)).toEqual({ served: 8_000, late: 0, overloaded: 0 });
  });

  it("at three times the capacity the rest is turned away at once, and who is let in is served in time", async () => {
    const { served = 0, late = 0, overloaded = 0 } = await offered(30, 1_000, () => 0.1);
    expect(served + late + overloaded).toBe(30_000);
    expect(served).toBeGreaterThan(8_000);
    // At the beginning, before anything was measured.
    expect(late).toBeLessThan(30_000 / 50);
  });

  it("when the loop is fast again nobody is turned away any more", async () => {
    let steps = 0;
    const slowAtFirst = (): number => (steps++ < 6 ? 1 : 0.02);
    expect(await offered(20, 1_200, slowAtFirst, 1_000)).toEqual({ served: 4_000, late: 0, overloaded: 0 });
    expect(steps).toBeGreaterThan(50);
  });
});
