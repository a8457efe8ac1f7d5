// A ticket for a WebSocket names the customers whose screens it opens, and waits in Redis until it is used.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { SECRET, token } from "./auth/tokens.ts";
import { type Outside, startOutside } from "./outside.ts";

const ANNA = 'canary-"anna"-7f3a';

let redis: TestRedis;
let client: Redis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true, args: ["--rdbcompression", "no"] });
  client = new Redis(redis.socket);
  const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
  outside = await startOutside(redis.url, { guard: { auth: { tokens, apiKeysFile: undefined }, perSecond: 1_000 } });
});
afterAll(async () => {
  await outside?.stop();
  client?.disconnect();
  await redis?.stop();
});

async function call(method: string, path: string, bearer: string, body?: object): Promise<Response> {
  return await fetch(outside.url + path, {
    method,
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const tickets = async (): Promise<string[]> => (await client.keys("nba:ticket:*")).sort();

function filesThatName(word: string): string[] {
  const folder = join(redis.dir, "appendonlydir");
  return readdirSync(folder).filter((file) => readFileSync(join(folder, file)).includes(word));
}

it("ERA-9 who is erased is in no ticket any more; those of others open their sockets still", async () => {
  const admin = await token({ scope: "admin" });
  const bystander = await token({ scope: "agent", topics: ["customer/canary", `customer/${ANNA}-not`, "customer/*"] });
  expect((await call("POST", "/v1/tickets", bystander)).status).toBe(200);
  const others = await tickets();
  for (const claims of [{ topics: [`customer/${ANNA}`] }, { sub: ANNA, topics: ["queue/one"] }]) {
    const issued = await call("POST", "/v1/tickets", await token({ scope: "agent", ...claims }));
    expect(issued.status).toBe(200);
  }
  expect(await tickets()).toHaveLength(3);
  const event = { id: "e-1", type: "page_view", customer: ANNA, ts: Date.now() };
  expect((await call("POST", "/v1/events", admin, [event])).status).toBe(202);
  expect(filesThatName(`customer/${ANNA.replaceAll('"', '\\"')}"`)).not.toEqual([]);
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return (await call("DELETE", `/v1/customers/${encodeURIComponent(ANNA)}`, admin)).status === 204;
  }, 20_000);
  expect(await tickets()).toEqual(others);
  for (const written of [`customer/${ANNA.replaceAll('"', '\\"')}"`, `jwt:${ANNA.replaceAll('"', '\\"')}"`])
    expect(filesThatName(written)).toEqual([]);
}, 40_000);
