import fc from "fast-check";
import { expect, test } from "vitest";
import type { CustomerKey } from "../../engine/domain/ids.ts";
import { type Instant, NEVER } from "../../engine/domain/time.ts";
import { createTimerQueue } from "../../engine/sandbox/timer-queue.ts";

const RUNS = Number(process.env["NBA_RUNS"] ?? 300);

test("tells who is due as a sorted list of what is armed would, however they were moved", () => {
  const step = fc.tuple(fc.constantFrom("a", "b", "c", "d", "e"), fc.constantFrom(1, 2, 3, 4, NEVER));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 5 }), (steps, now) => {
      const queue = createTimerQueue();
      const plain = new Map<string, number>();
      for (const [name, due] of steps) {
        queue.arm(name as CustomerKey, due as Instant);
        plain.set(name, due);
      }
      const sorted = [...plain]
        .toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
        .map(([key, due]) => ({ key, due }));
      const armed = sorted.filter(({ due }) => due !== NEVER);
      expect(queue.first()).toEqual(armed[0]);
      expect(queue.due(now as Instant, 3)).toEqual(armed.filter(({ due }) => due <= now).slice(0, 3));
      expect(queue.first()).toEqual(armed[0]);
      expect(queue.keys()).toEqual([...plain.keys()].toSorted());
    }),
    { numRuns: RUNS },
  );
});
