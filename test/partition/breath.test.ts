import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createBreath, HOLD } from "../../engine/partition/breath.ts";

// Time goes on only where a test says so.
beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

it("lets everything else have its turn once the thread was held for long, and not before", async () => {
  const breathe = createBreath(4);
  vi.advanceTimersByTime(3);
  expect(breathe()).toBeUndefined();
  let turns = 0;
  setImmediate(() => turns++);
  vi.advanceTimersByTime(1);
  const turn = breathe();
  expect(turn).toBeDefined();
  expect(turns).toBe(0);
  await turn;
  expect(turns).toBe(1);
  vi.advanceTimersByTime(3);
  expect(breathe()).toBeUndefined();
});

it("lets go whenever it is asked where nothing may be held", async () => {
  const breathe = createBreath(0);
  for (let time = 0; time < 3; time++) {
    const turn = breathe();
    expect(turn).toBeDefined();
    await turn;
  }
});

it("HOLD never does", () => {
  vi.advanceTimersByTime(60_000);
  expect(HOLD()).toBeUndefined();
});
