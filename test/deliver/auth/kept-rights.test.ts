// Idempotency-Keys of several callers, and of one whose token names less than before.
import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "../../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../../redis.ts";
import type { Outside } from "../outside.ts";
import { askFor, callAs, startGuarded } from "./calls.ts";
import { token } from "./tokens.ts";

let redis: TestRedis;
let outside: Outside;
let admin: string;

beforeAll(async () => {
  redis = await startTestRedis();
  outside = await startGuarded(redis.url);
  admin = await token({ sub: "admin", scope: "admin" });
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

const call = (method: string, path: string, bearer: string, body?: unknown, idempotencyKey?: string) =>
  callAs(outside.url, method, path, bearer, body, idempotencyKey);

it("ACC-8 a decision under an Idempotency-Key is its caller's own, whatever another asks under the same", async () => {
  const [a, b, c] = await Promise.all(["a", "b", "c"].map((sub) => token({ sub, scope: "decide" })));
  const body = askFor({ customer: "keyed" });
  const first = await call("POST", "/v1/decisions", a as string, body, "k-8");
  const other = await call("POST", "/v1/decisions", b as string, { ...body, context: { page: "x" } }, "k-8");
  expect([first.status, other.status]).toEqual([200, 200]);
  const same = await call("POST", "/v1/decisions", c as string, body, "k-8");
  const ids = [first, other, same].map((answer) => answer.body.decisionId as string);
  expect(new Set(ids).size, `three decisions: ${ids}`).toBe(3);
  const conflict = await call("POST", "/v1/decisions", a as string, { ...body, context: { page: "x" } }, "k-8");
  expect([conflict.status, conflict.body.type]).toEqual([422, "/problems/idempotency-key-reused"]);
  const outcome = { trackingCode: first.body.slates[0].items[0].trackingCode, outcome: "clicked" };
  for (const bearer of [a, b])
    expect((await call("POST", "/v1/outcomes", bearer as string, outcome, "k-9")).status).toBe(202);
  await until(async () => {
    const { events } = (await call("GET", "/v1/customers/keyed/events", admin)).body;
    return new Set(events.map(({ id }: { id: string }) => id)).size === 2;
  });
});

it("ACC-17 a kept answer does not outlive the right to it", async () => {
  const topics = ["customer/lent", "customer/own"];
  const [then, reordered, now] = await Promise.all([
    token({ sub: "desk", scope: "agent", topics }),
    token({ sub: "desk", scope: "agent", topics: topics.toReversed(), exp: 500 }),
    token({ sub: "desk", scope: "agent", topics: ["customer/own"] }),
  ]);
  const body = askFor({ customer: "lent" });
  const first = await call("POST", "/v1/decisions", then, body, "k-17");
  expect(first.body.decisionId).toBeDefined();
  const again = await call("POST", "/v1/decisions", reordered, body, "k-17");
  expect([again.isReplayed, again.body.decisionId], "as long as it may").toEqual([true, first.body.decisionId]);
  const refused = await call("POST", "/v1/decisions", now, body, "k-17");
  expect([refused.status, refused.isReplayed]).toEqual([403, false]);
  expect((await call("POST", "/v1/decisions", then, body, "k-17")).body.decisionId).toBe(first.body.decisionId);
  const more = await token({ sub: "desk", scope: "agent", topics: [...topics, "customer/new"] });
  const judged = await call("POST", "/v1/decisions", more, body, "k-17");
  expect([judged.isReplayed, judged.body.decisionId]).toEqual([false, first.body.decisionId]);
  const { trackingCode } = first.body.slates[0].items[0];
  const outcome = { trackingCode, outcome: "clicked" };
  expect((await call("POST", "/v1/outcomes", then, outcome, "k-18")).status).toBe(202);
  expect((await call("POST", "/v1/outcomes", now, outcome, "k-18")).status).toBe(403);
});
