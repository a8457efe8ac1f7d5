import { expect, it } from "vitest";
import { createBreath, HOLD } from "../../engine/partition/breath.ts";

function busy(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

it("lets everything else have its turn once the thread was held for long, and not before", async () => {
  const breathe = createBreath();
  expect(breathe()).toBeUndefined();
  let turns = 0;
  setImmediate(() => turns++);
  busy(6);
  const turn = breathe();
  expect(turn).toBeDefined();
  expect(turns).toBe(0);
  await turn;
  expect(turns).toBe(1);
  expect(breathe()).toBeUndefined();
});

it("HOLD never does", () => {
  busy(6);
  expect(HOLD()).toBeUndefined();
});
