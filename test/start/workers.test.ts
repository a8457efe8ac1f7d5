// WORKERS=2: two engines behind one port, as one command.
import { type AddressInfo, createServer } from "node:net";
import { afterEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { workerConfig } from "../../engine/cli/worker-place.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { startTestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

const WAIT = { timeout: 25_000, interval: 50 };
const HEADERS = { "content-type": "application/json", connection: "close" };
const opened: { stop: () => Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.stop();
});

interface Worker {
  readonly worker: number;
  readonly pid: number;
  readonly url: string;
}

async function startTwo(env: Record<string, string> = {}): Promise<EngineProcess> {
  const redis = await startTestRedis();
  opened.push(redis);
  const parent = await startEngineProcess(
    {
      REDIS_URL: redis.url,
      WORKERS: "2",
      PARTITIONS: "4",
      RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
      MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
      NBA_LEASE_MS: "500",
      ...env,
    },
    "listening",
  );
  opened.push(parent);
  return parent;
}

/** Every start of a worker that the log tells, in order. */
function startsOf(parent: EngineProcess): readonly Worker[] {
  const lines = parent.log().split("\n");
  return lines.filter((line) => line.includes('"msg":"worker is listening"')).map((line) => JSON.parse(line) as Worker);
}

const readyText = async ({ url }: Worker): Promise<string> =>
  await (await fetch(`${url}/readyz`)).text().catch((error: Error) => error.message);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function ask({ url }: { readonly url: string }, customer: string): Promise<number> {
  const body = JSON.stringify({ customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 1_000 });
  const answer = await fetch(`${url}/v1/decisions`, { method: "POST", headers: HEADERS, body });
  await answer.text();
  return answer.status;
}

function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/live`);
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });
}

async function socketsAt({ url }: Worker): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nba_websocket_connections (\d+)$/m.exec(text)?.[1]);
}

it("share one port for HTTP and sockets, and the partitions; one that dies is started again; they stop together", async () => {
  const parent = await startTwo();
  const [first, second] = startsOf(parent).toSorted((a, b) => a.worker - b.worker) as [Worker, Worker];
  for (const one of [first, second]) await expect.poll(() => readyText(one), WAIT).toContain("2 of 4 partitions");

  // Ready is who holds partitions; who has the others it may learn a moment later, and says 503 with Retry-After until then.
  const served = (customer: string) => expect.poll(() => ask(parent, customer), WAIT).toBe(200);
  await Promise.all(Array.from({ length: 40 }, (_, index) => served(`c-${index}`)));

  const sockets = await Promise.all(Array.from({ length: 32 }, () => openSocket(parent.url)));
  const held = [await socketsAt(first), await socketsAt(second)] as const;
  expect(held[0] + held[1]).toBe(32);
  expect(Math.min(...held)).toBeGreaterThan(0);
  for (const socket of sockets) socket.terminate();

  process.kill(first.pid, "SIGKILL");
  await expect.poll(() => startsOf(parent).length, WAIT).toBe(3);
  const again = startsOf(parent).at(-1) as Worker;
  expect(again.worker).toBe(first.worker);
  expect(parent.log()).toContain('"outcome":"SIGKILL"');
  for (const one of [second, again]) await expect.poll(() => readyText(one), WAIT).toContain("2 of 4 partitions");
  await expect.poll(() => ask(parent, "c-0"), WAIT).toBe(200);

  expect(await parent.stop()).toBe(0);
  expect([second.pid, again.pid].filter(isAlive)).toEqual([]);
}, 120_000);

it("end with their parent, also where it was killed", async () => {
  const parent = await startTwo();
  const pids = startsOf(parent).map(({ pid }) => pid);
  expect(pids).toHaveLength(2);
  await parent.kill();
  await expect.poll(() => pids.filter(isAlive), WAIT).toEqual([]);
}, 60_000);

it("say what is wrong and end where no worker can ever serve, or the port is taken", async () => {
  await expect(startTwo({ MODELS_DIR: `${repositoryRoot}/models` })).rejects.toThrow(
    /ended \(2\).*which rules\/features\.yaml does not declare/s,
  );
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  opened.push({ stop: () => new Promise((resolve) => taken.close(resolve)) });
  const { port } = taken.address() as AddressInfo;
  const refused = startTwo({ PORT: String(port) });
  await expect(refused).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: is the port in use?`);
}, 60_000);

it("have ports above that of all, and are reached above what is advertised", () => {
  const config = { port: 8080, advertise: "engine-1.internal:9000" };
  expect(workerConfig(config, 2)).toEqual({ port: 8082, advertise: "engine-1.internal:9002" });
  expect(workerConfig({ port: 0, advertise: undefined }, 3)).toEqual({ port: 0, advertise: undefined });
});
