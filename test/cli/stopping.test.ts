// A stop that does not come to its end: cut off by the time that it may take, or by whoever asks a second time.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";

const MINUTE_MS = 60_000;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** Resolves when it is serving. */
async function start(stopMs: number) {
  const child = spawn(process.execPath, [join(repositoryRoot, "dist/test/cli/stopping-child.js"), String(stopMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  let log = "";
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const said = (what: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (log.includes(what)) resolve();
      };
      child.stdout?.on("data", look);
      child.once("exit", () => reject(new Error(`it ended without "${what}": ${log}`)));
      look();
    });
  child.stdout?.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  await said("listening");
  return { child, ended, said, log: () => log };
}

it("is cut off after its time, says so and ends with code 1", async () => {
  const { child, ended, log } = await start(50);
  child.kill("SIGTERM");
  expect(await ended).toBe(1);
  expect(log()).toContain("the stop did not come to its end in time");
});

it("is cut off by a later signal, with code 130", async () => {
  const { child, ended, said, log } = await start(10 * MINUTE_MS);
  child.kill("SIGTERM");
  await said("stopping");
  // Within the first second a signal counts as the same one, come twice.
  const again = setInterval(() => child.kill("SIGINT"), 100);
  expect(await ended.finally(() => clearInterval(again))).toBe(130);
  expect(log()).not.toContain("did not come to its end");
});
