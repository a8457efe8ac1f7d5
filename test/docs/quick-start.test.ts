// The quick starts of README.md, line by line, on a running engine with the rules and models that are delivered: each
// shell line is read as a shell would, its URL and socket are replaced by those of the test.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { WebSocket } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { blocks, readDocument, repository, section, shellWords } from "./readme.ts";

const root = fileURLToPath(repository);
const readme = readDocument("README.md");
const developer = section(readme, "For an app developer");
const marketer = section(readme, "For a marketer");
const scientist = section(readme, "For a data scientist");

let scratch: string;
let redis: TestRedis;
let client: Redis;
let engine: EngineProcess;
const variables: Record<string, string> = {};

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "nba-docs-"));
  cpSync(join(root, "rules"), join(scratch, "rules"), { recursive: true });
  redis = await startTestRedis();
  client = new Redis(redis.socket);
  engine = await startEngineProcess({ REDIS_URL: redis.url, RULES_DIR: join(scratch, "rules"), PARTITIONS: "4" });
});
afterAll(async () => {
  await engine.stop();
  client.disconnect();
  await redis.stop();
  rmSync(scratch, { recursive: true, force: true });
});

describe("README.md, for an app developer", { timeout: 120_000 }, () => {
  it("every line works as written", async () => {
    const [streams, events, ask, outcome] = blocks(developer, "bash");
    for (const line of lines(streams)) {
      if (line.startsWith("NOW=")) variables["NOW"] = String(Math.floor(Date.now() / 1000) * 1000);
      else expect(await redisCli(line)).toMatch(/^\d+-\d+$/);
    }
    expect(await curl(events)).toEqual({ status: 202, body: { accepted: 1, refused: [] } });
    await expect.poll(loanViews, { timeout: 10_000 }).toBe(2);
    const [asked, read, show, explain] = lines(ask) as [string, string, string, string];
    // A test machine may be busier than 25 or 250 ms allow.
    const { body } = await curl(patient(/^ANSWER=\$\((.*)\)$/.exec(asked)?.[1]));
    expect(body).toMatchObject({ customer: "ana", slates: [{ placement: "app-home", kind: "act" }], degraded: [] });
    expect(read).toContain('echo "$ANSWER" | node -pe');
    expect(show).toBe('echo "$ANSWER"');
    variables["DECISION"] = decisionIdOf(read, JSON.stringify(body));
    const explained = await curl(explain);
    expect(explained.body).toMatchObject({ explanation: { outcome: "act", reproduced: true } });
    expect(await curl(outcome)).toEqual({ status: 202, body: { accepted: 1 } });
  });

  it("the snippet for the WebSocket follows the customer and reports an outcome", async () => {
    const [snippet] = blocks(developer, "js");
    const shown: unknown[][] = [];
    const code = `${(snippet as string).replace("ws://127.0.0.1:8080", engine.url.replace("http", "ws"))}\nreturn { socket, decline };`;
    const run = new Function("WebSocket", "console", code) as (...args: unknown[]) => {
      socket: WebSocket;
      decline: (code: string) => void;
    };
    const { socket, decline } = run(WebSocket, { log: (...words: unknown[]) => shown.push(words) });
    const frames: { op: string; nbas?: { trackingCode: string }[]; trackingCode?: string }[] = [];
    socket.addEventListener("message", ({ data }) => frames.push(JSON.parse(String(data))));
    const frame = (op: string) => frames.find((each) => each.op === op);
    await expect.poll(() => frame("snapshot")?.nbas?.length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(shown[0]?.[1]).toHaveLength(frame("snapshot")?.nbas?.length as number);
    const code0 = frame("snapshot")?.nbas?.[0]?.trackingCode as string;
    decline(code0);
    await expect.poll(() => frame("withdraw")?.trackingCode, { timeout: 10_000 }).toBe(code0);
    expect(frame("ack")).toMatchObject({ for: "outcome", trackingCode: code0 });
    expect(shown.at(-1)).toEqual([expect.any(String), code0, "declined"]);
    socket.close();
  });
});

describe("README.md, for a marketer", { timeout: 120_000 }, () => {
  it("the new action passes validation, is put into force, and decisions are explained", async () => {
    const [validate, reload, explain] = blocks(marketer, "bash");
    const before = await nba(validate, { RULES_DIR: join(scratch, "rules") });
    writeFileSync(join(scratch, "rules/actions/loyalty.yaml"), blocks(marketer, "yaml")[0] as string);
    const after = await nba(validate, { RULES_DIR: join(scratch, "rules") });
    expect([before.status, after.status]).toEqual([0, 0]);
    expect(actionsIn(after.stdout)).toBe(actionsIn(before.stdout) + 1);
    expect(await curl(reload)).toMatchObject({ status: 200, body: { hash: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    const rulebook = (await (await fetch(`${engine.url}/v1/rulebook`)).json()) as { counts: { actions: number } };
    expect(rulebook.counts.actions).toBe(actionsIn(after.stdout));
    const explained = await nba(explain, { REDIS_URL: redis.url });
    expect(explained).toMatchObject({ status: 0, stdout: expect.stringContaining("the same, bit for bit") });
  });
});

describe("README.md, for a data scientist", { timeout: 120_000 }, () => {
  it("exports rows of recorded events", async () => {
    const day = 86_400_000;
    const event = (number: number) => ({
      id: `e-${number}`,
      type: "purchase",
      customer: "ana",
      ts: day * (20_000 + number),
      props: { amount: 5 },
    });
    writeFileSync(
      join(scratch, "events.ndjson"),
      [0, 1, 2, 3].map((number) => `${JSON.stringify(event(number))}\n`).join(""),
    );
    expect(await nba(blocks(scientist, "bash")[0], {}, scratch)).toMatchObject({ status: 0 });
    const rows = readFileSync(join(scratch, "rows.csv"), "utf8").trimEnd().split("\n");
    expect(rows[0]).toContain("purchases_30d");
    expect(rows.length).toBeGreaterThan(1);
  });
});

describe("README.md", { timeout: 120_000 }, () => {
  it("names only paths of the API that there are", async () => {
    const { paths } = (await (await fetch(`${engine.url}/openapi.json`)).json()) as { paths: object };
    const named = [...readme.matchAll(/\/(?:v1\/[a-z:]+|metrics|healthz|readyz)(?:\/\{id\})?/g)].map(([path]) => path);
    expect(named.length).toBeGreaterThan(10);
    for (const path of new Set(named)) {
      const isThere =
        Object.keys(paths).some((known) => known === path || known === `${path}/{id}`) || path === "/v1/live";
      expect([path, isThere]).toEqual([path, true]);
    }
    const table = /<!-- paths -->([\s\S]*)<!-- \/paths -->/.exec(readme)?.[1] ?? "";
    const listed = [...table.matchAll(/`(?:GET|POST) ([^`]+)`/g)].map(([, path]) => path as string);
    const notForScripts = new Set(["/openapi.json", "/asyncapi.json", "/v1/live"]);
    const isListed = (path: string) => !notForScripts.has(path) && path.startsWith("/v1/");
    expect(listed.filter(isListed).toSorted()).toEqual(Object.keys(paths).filter(isListed).toSorted());
  });
});

const lines = (block: string | undefined): readonly string[] => (block ?? "").trimEnd().split("\n");

async function redisCli(line: string): Promise<unknown> {
  const [program, option, socket, command, ...args] = shellWords(line, variables);
  expect([program, option, socket]).toEqual(["redis-cli", "-s", ".nba/demo/redis.sock"]);
  return await client.call(command as string, ...args);
}

/** Options that README.md uses: -s, -X METHOD, -H HEADER, -d BODY. */
async function curl(line: string | undefined): Promise<{ status: number; body: unknown }> {
  const [program, ...rest] = shellWords((line ?? "").trim(), variables);
  expect(program).toBe("curl");
  let url = "";
  const request: { method: string; headers: Record<string, string>; body?: string } = { method: "GET", headers: {} };
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] as string;
    if (word === "-s") continue;
    if (!word.startsWith("-")) url = word;
    else {
      const value = rest[++at] as string;
      if (word === "-X") request.method = value;
      else if (word === "-d") Object.assign(request, { method: "POST", body: value });
      else if (word === "-H") request.headers[value.split(": ")[0] as string] = value.split(": ")[1] as string;
      else throw new Error(`the test does not know curl ${word}`);
    }
  }
  const answer = await fetch(url.replace("http://127.0.0.1:8080", engine.url), request);
  return { status: answer.status, body: await answer.json() };
}

function patient(line: string | undefined): string {
  expect(line).toContain('"deadlineMs":250');
  return (line as string).replace('"deadlineMs":250', '"deadlineMs":2000');
}

/** Runs the `node -pe` of README.md. */
function decisionIdOf(line: string, answer: string): string {
  const script = /node -pe '([^']+)'/.exec(line)?.[1] as string;
  return spawnSync(process.execPath, ["-pe", script], { input: answer, encoding: "utf8" }).stdout.trim();
}

async function loanViews(): Promise<number | undefined> {
  const look = (await (await fetch(`${engine.url}/v1/customers/ana`)).json()) as { features?: Record<string, number> };
  return look.features?.["loan_views_7d"];
}

/** Does not block: connections that are closed meanwhile must be seen to be. */
async function nba(line: string | undefined, env: Readonly<Record<string, string>>, cwd = root) {
  const [npx, program, ...args] = shellWords((line ?? "").trim(), variables);
  expect([npx, program]).toEqual(["npx", "nba"]);
  const clean = { PATH: process.env["PATH"], HOME: scratch, ...env };
  const child = spawn(process.execPath, [join(root, "dist/program/nba.js"), ...args], {
    cwd,
    env: clean,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return { status: status as number | null, stdout };
}

function actionsIn(verdict: string): number {
  return Number(/(\d+) actions/.exec(verdict)?.[1]);
}
