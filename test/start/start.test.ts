// What an engine does where it cannot serve yet, or never will: in a process of its own, as its users start it.
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { freePort, startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

let dir: string;
const opened: { stop: () => Promise<unknown> }[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "nba-start-"));
});
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.stop();
  await rm(dir, { recursive: true, force: true });
});

const SMALL = {
  PARTITIONS: "4",
  RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
  MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
};

async function redis(): Promise<TestRedis> {
  const started = await startTestRedis();
  opened.push(started);
  return started;
}

async function engine(env: Record<string, string>, until?: "listening" | "ready"): Promise<EngineProcess> {
  const started = await startEngineProcess({ ...SMALL, ...env }, until);
  opened.push(started);
  return started;
}

/** Runs until it ends by itself. */
function outcome(env: Record<string, string>): Promise<{ code: number | null; text: string }> {
  const program = join(repositoryRoot, "dist/program/nba.js");
  const child = spawn(process.execPath, [program, "start"], {
    env: { PATH: process.env["PATH"], PORT: "0", ...SMALL, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  child.stderr.on("data", (chunk) => (text += chunk));
  return new Promise((resolve) => child.once("exit", (code) => resolve({ code, text })));
}

it("waits for a Redis that is down at start, says so, and serves when it comes", async () => {
  const started = await redis();
  await started.kill();
  const waiting = await engine({ REDIS_URL: started.url }, "listening");
  expect((await fetch(`${waiting.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${waiting.url}/readyz`)).status).toBe(503);
  const body = JSON.stringify({ customer: "c-1", channel: "app", placements: [{ name: "app-home" }] });
  const headers = { "content-type": "application/json" };
  const refused = await fetch(`${waiting.url}/v1/decisions`, { method: "POST", body, headers });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).not.toBeNull();
  await expect.poll(() => waiting.log()).toContain("waiting for Redis");
  await started.restart();
  await expect.poll(async () => (await fetch(`${waiting.url}/readyz`)).status, { timeout: 15_000 }).toBe(200);
});

it("refuses a Redis that holds another number of partitions, in one line, and changes nothing", async () => {
  const started = await redis();
  const first = await engine({ REDIS_URL: started.url });
  await first.stop();
  const { code, text } = await outcome({ REDIS_URL: started.url, PARTITIONS: "8" });
  expect(code).toBe(2);
  expect(text).toContain("this Redis holds 4 partitions and PARTITIONS is 8: set PARTITIONS=4");
  const again = await engine({ REDIS_URL: started.url });
  expect((await fetch(`${again.url}/readyz`)).status).toBe(200);
});

it("refuses a rulebook with an unknown field or a wrong type, naming file, line and column", async () => {
  const rules = join(dir, "rules");
  await cp(SMALL.RULES_DIR, rules, { recursive: true });
  const triggers = join(rules, "triggers.yaml");
  const text = await readFile(triggers, "utf8");
  await writeFile(
    triggers,
    text.replace("placement: outreach", "placment: outreach").replace("context.amount", "features.spend_al"),
  );
  const { url } = await redis();
  const refused = await outcome({ REDIS_URL: url, RULES_DIR: rules });
  expect(refused.code).toBe(2);
  expect(refused.text).toMatch(/triggers\.yaml:2:\d+: .*placment/);
});

it("refuses a model that reads a feature which the rulebook does not declare", async () => {
  const { url } = await redis();
  const { code, text } = await outcome({ REDIS_URL: url, MODELS_DIR: `${repositoryRoot}/models` });
  expect(code).toBe(2);
  expect(text).toMatch(/model\.yaml:\d+:\d+: .*which rules\/features\.yaml does not declare/);
});

it("says which port is taken", async () => {
  const { url } = await redis();
  const port = String(await freePort());
  await engine({ REDIS_URL: url, PORT: port });
  const { code, text } = await outcome({ REDIS_URL: (await redis()).url, PORT: port });
  expect(code).not.toBe(0);
  expect(text).toContain(`cannot listen on 127.0.0.1:${port}`);
});
