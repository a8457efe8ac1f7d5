import { expect, it } from "vitest";
import { createBreath, HOLD } from "../../engine/partition/breath.ts";

function busy(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

it("lets everything else have its turn once the thread was held for long, and not before", async () => {
  const breathe = createBreath(4);
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

it("lets go whenever it is asked where nothing may be held", async () => {
  const breathe = createBreath(0);
  for (let time = 0; time < 3; time++) {
    const turn = breathe();
    expect(turn).toBeDefined();
    await turn;
  }
});

it("HOLD never does", () => {
  busy(6);
  expect(HOLD()).toBeUndefined();
});
