import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { createEngineId, isGone } from "../../engine/journal/engine-id.ts";

it("two ids of one process differ, and neither is gone", () => {
  const [one, other] = [createEngineId(), createEngineId()];
  expect(one).not.toBe(other);
  expect([isGone(one), isGone(other)]).toEqual([false, false]);
});

it("an engine of this machine is gone once its process has ended, and not before, not even while it is stopped", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = once(child, "exit");
  const id = createEngineId().replace(`:${process.pid}:`, `:${child.pid}:`);
  expect(id).toMatch(/@[0-9a-f]{16}$/); // Linux tells which machine this is
  expect(isGone(id)).toBe(false);
  child.kill("SIGSTOP");
  expect(isGone(id)).toBe(false);
  child.kill("SIGKILL");
  await ended;
  expect(isGone(id)).toBe(true);
  // Of another machine, or one that does not tell, nothing is known.
  expect(isGone(id.replace(/@.*/, "@0123456789abcdef"))).toBe(false);
  expect(isGone(id.replace(/@.*/, ""))).toBe(false);
});

it.each(["", "retention", "test-1", "host:0:ab@", "host:-1:ab@cd"])(
  "what is no id of an engine is not gone: %j",
  (id) => {
    expect(isGone(id)).toBe(false);
  },
);
