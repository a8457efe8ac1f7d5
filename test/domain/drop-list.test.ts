import { expect, test } from "vitest";
import type { Drop, Stage } from "../../engine/domain/drop.ts";
import { type Cause, DROPPED, DropWriter, hasCause, hasNumber } from "../../engine/domain/drop-list.ts";

const ROWS = { actionOf: Int32Array.of(0, 0), treatmentOf: Int32Array.of(-1, 0), floorOf: Float64Array.of(0.5, 0.5) };
const TREATMENT = 1;
const OTHERS = [
  { stage: "holdout", treatment: 0, placement: 0, priority: 1 },
  { stage: "eligibility", treatment: 0, rule: 3, because: "rule-error" },
] as unknown as readonly Drop[];

test("stages are counted as the drops themselves tell them", () => {
  const writer = new DropWriter();
  writer.open(40);
  for (let code = DROPPED.switchedOff; code < DROPPED.other; code++) {
    for (let times = code % 3; times >= 0; times--) {
      if (hasCause(code)) writer.addCause(TREATMENT, code, { policy: 0, reopensAt: 1 } as unknown as Cause);
      else if (hasNumber(code)) writer.addNumber(TREATMENT, code, 0, 0.25);
      else writer.add(TREATMENT, code, 0);
    }
  }
  for (const drop of OTHERS) writer.addCause(TREATMENT, DROPPED.other, drop);
  const list = writer.take(ROWS);
  const expected = new Map<Stage, [number, number]>();
  for (const drop of list) {
    const [drops, errors] = expected.get(drop.stage) ?? [0, 0];
    const isError = "because" in drop && drop.because === "rule-error";
    expected.set(drop.stage, [drops + 1, errors + (isError ? 1 : 0)]);
  }
  expect(expected.size).toBeGreaterThan(8);
  for (let round = 0; round < 2; round++) {
    const counted = new Map<Stage, [number, number]>();
    list.forEachStage((stage, drops, errors) => counted.set(stage, [drops, errors]));
    expect(counted).toEqual(expected);
  }
});
