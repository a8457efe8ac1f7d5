import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newApiKey } from "../../../engine/deliver/auth/api-keys.ts";
import { SCOPES, type Scope } from "../../../engine/deliver/auth/scopes.ts";
import { anonymousKey } from "../../../engine/domain/ids.ts";
import { startTestRedis, type TestRedis } from "../../redis.ts";
import { type Outside, startOutside } from "../outside.ts";
import { hs256, SECRET, token } from "./tokens.ts";

const dir = mkdtempSync(join(tmpdir(), "nba-access-"));
const server = newApiKey({ name: "server", scopes: ["decide", "events"] });
const slow = newApiKey({ name: "slow", scopes: ["admin"], perSecond: 1 });
let redis: TestRedis;
let outside: Outside;

beforeAll(async () => {
  const apiKeysFile = join(dir, "keys.yaml");
  writeFileSync(apiKeysFile, JSON.stringify({ keys: [server.entry, slow.entry] }));
  redis = await startTestRedis();
  const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
  outside = await startOutside(redis.url, { guard: { auth: { tokens, apiKeysFile }, perSecond: 10_000 } });
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
  rmSync(dir, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely here
  readonly body: any;
}

async function call(method: string, path: string, bearer: string | undefined, body?: unknown, more: object = {}) {
  const headers = {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...more,
  };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(`${outside.url}${path}`, { method, headers, ...sent });
  const text = await answer.text();
  const reply: Reply = { status: answer.status, headers: answer.headers, body: text };
  return text.startsWith("{") ? { ...reply, body: JSON.parse(text) } : reply;
}

const ask = (customer: string) => ({
  customer,
  channel: "app",
  placements: [{ name: "app-home" }],
  deadlineMs: 1_000,
});

/** The closed table: what is not here is a route that nobody thought about. */
const TABLE: Readonly<Record<string, "open" | readonly Scope[]>> = {
  "GET /healthz": "open",
  "GET /readyz": "open",
  "GET /metrics": ["metrics", "admin"],
  "GET /v1/campaigns": ["admin"],
  "GET /v1/customers/{id}": ["agent", "admin"],
  "DELETE /v1/customers/{id}": ["admin"],
  "GET /v1/customers/{id}/decisions": ["agent", "admin"],
  "GET /v1/customers/{id}/events": ["agent", "admin"],
  "GET /v1/decisions/{id}": ["decide", "agent", "admin"],
  "GET /v1/quotas": ["admin"],
  "GET /v1/rulebook": ["decide", "agent", "admin"],
  "POST /v1/decisions": ["decide", "agent", "admin"],
  "POST /v1/decisions:simulate": ["admin"],
  "POST /v1/events": ["events", "admin"],
  "POST /v1/outcomes": ["decide", "events", "agent", "admin"],
  "POST /v1/rulebook:reload": ["admin"],
  "POST /v1/rulebook:rollback": ["admin"],
  "POST /v1/tickets": ["agent", "admin"],
};

describe("ACC-1 who is let in", () => {
  it("each documented call is in the table, takes exactly its scopes, and nobody without a token", async () => {
    const { body } = await call("GET", "/openapi.json", undefined);
    const calls = Object.entries<Record<string, unknown>>(body.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(calls.sort()).toEqual(Object.keys(TABLE).sort());
    const bearers = await Promise.all(
      SCOPES.map(async (scope) => [scope, await token({ sub: scope, scope, topics: ["customer/*"] })] as const),
    );
    for (const [name, takes] of Object.entries(TABLE)) {
      const [method, template] = name.split(" ") as [string, string];
      const path = template.replace("{id}", "A".repeat(22));
      const body = method === "POST" ? {} : undefined;
      const without = await call(method, path, undefined, body);
      expect([name, without.status === 401]).toEqual([name, takes !== "open"]);
      for (const [scope, bearer] of bearers) {
        const { status } = await call(method, path, bearer, body);
        const isIn = takes === "open" || takes.includes(scope);
        expect([name, scope, status === 401 || status === 403]).toEqual([name, scope, !isIn]);
      }
    }
  });

  it("the pages are open, their contents are not", async () => {
    for (const path of ["/", "/openapi.json", "/asyncapi.json"])
      expect((await call("GET", path, undefined)).status).toBe(200);
    expect((await call("GET", "/v1/rulebook", undefined)).status).toBe(401);
  });

  it("who is not let in is told why, as RFC 6750 and 9457 have it", async () => {
    const none = await call("GET", "/v1/quotas", undefined);
    expect(none.headers.get("www-authenticate")).toBe('Bearer realm="nba"');
    expect(none.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(none.body).toMatchObject({ type: "/problems/unauthenticated", status: 401 });
    const wrong = await call("GET", "/v1/quotas", await token({}, hs256("x".repeat(40))));
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get("www-authenticate")).toContain('error="invalid_token"');
    const basic = await call("GET", "/v1/quotas", undefined, undefined, { authorization: "Basic YTpi" });
    expect([basic.status, basic.body.detail]).toEqual([401, "the header Authorization must be: Bearer TOKEN"]);
    const little = await call("GET", "/v1/quotas", await token({ scope: "decide" }));
    expect(little.status).toBe(403);
    expect(little.headers.get("www-authenticate")).toContain('error="insufficient_scope", scope="admin"');
    expect(little.body).toMatchObject({ type: "/problems/forbidden", detail: "this needs one of the scopes admin" });
  });

  it("the key of a server is as good as a token", async () => {
    expect((await call("POST", "/v1/decisions", server.key, ask("kim"))).status).toBe(200);
    expect((await call("GET", "/v1/customers/kim", server.key)).status).toBe(403);
    expect((await call("POST", "/v1/decisions", `${server.key.slice(0, -1)}!`, ask("kim"))).status).toBe(401);
    expect((await call("POST", "/v1/decisions", server.entry.sha256, ask("kim"))).status).toBe(401);
  });
});

describe("ACC-2 a screen's own customers", () => {
  it("and nobody else's: asks, decisions, profiles, past, outcomes", async () => {
    const mia = await token({ sub: "mia", scope: "agent", topics: ["customer/mine"] });
    const decided = await call("POST", "/v1/decisions", mia, ask("mine"));
    expect(decided.status).toBe(200);
    const other = await call("POST", "/v1/decisions", server.key, ask("other"));
    const codeOf = ({ body }: Reply): string => body.slates[0].items[0].trackingCode;
    const outcome = (reply: Reply) => ({ trackingCode: codeOf(reply), outcome: "clicked" });
    const calls: readonly [string, string, string, unknown?][] = [
      ["POST", "/v1/decisions", "/v1/decisions", ask("other")],
      ["GET", `/v1/decisions/${decided.body.decisionId}`, `/v1/decisions/${other.body.decisionId}`],
      ["GET", "/v1/customers/mine", "/v1/customers/other"],
      ["GET", "/v1/customers/mine/decisions", "/v1/customers/other/decisions"],
      ["GET", "/v1/customers/mine/events", "/v1/customers/other/events"],
      ["POST", "/v1/outcomes", "/v1/outcomes", [outcome(decided), outcome(other)]],
    ];
    for (const [method, own, foreign, body] of calls) {
      const refused = await call(method, foreign, mia, body);
      expect([foreign, refused.status, refused.body.type]).toEqual([foreign, 403, "/problems/forbidden"]);
      if (method === "GET") expect([own, (await call(method, own, mia)).status]).toEqual([own, 200]);
    }
    expect((await call("POST", "/v1/outcomes", mia, outcome(decided))).status).toBe(202);
    const events = (await call("GET", "/v1/customers/other/events", await token({ scope: "admin" }))).body.events;
    expect(events).toEqual([]);
  });

  it("ACC-3 what a visitor was offered is the customer's, once joined; the customer is not the device's", async () => {
    const device = await token({ sub: "device", scope: "agent", topics: ["customer/anon:dev"] });
    const customer = await token({ sub: "joe", scope: "agent", topics: ["customer/joe"] });
    const visitor = { ...ask("x"), customer: undefined, anonymousId: "dev" };
    const before = await call("POST", "/v1/decisions", device, visitor);
    expect(before.status).toBe(200);
    expect((await call("GET", `/v1/decisions/${before.body.decisionId}`, customer)).status).toBe(403);
    const identify = { id: "join", type: "identify", ts: Date.now(), customer: "joe", anonymousId: "dev", props: {} };
    expect((await call("POST", "/v1/events", server.key, identify)).body.refused).toEqual([]);
    for (const giveUpAt = Date.now() + 10_000; Date.now() < giveUpAt; ) {
      if ((await outside.running.loop.engine.look(anonymousKey("dev")))?.joinedTo !== undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await call("GET", `/v1/decisions/${before.body.decisionId}`, customer)).status).toBe(200);
    const { trackingCode } = before.body.slates[0].items[0];
    expect((await call("POST", "/v1/outcomes", customer, { trackingCode, outcome: "clicked" })).status).toBe(202);
    for (const giveUpAt = Date.now() + 10_000; Date.now() < giveUpAt; ) {
      const after = await call("POST", "/v1/decisions", device, visitor);
      // While the join is under way the placement's default is answered, which says nothing of anybody.
      if (after.status === 403) return;
      expect(after.body.degraded).not.toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect.fail("the device was never refused");
  });
});

describe("ACC-7 a caller that calls too often", () => {
  it("is told when to come back; others go on", async () => {
    const replies = await Promise.all(Array.from({ length: 6 }, () => call("GET", "/v1/rulebook", slow.key)));
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(3);
    expect(refused[0]?.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(refused[0]?.body.type).toBe("/problems/rate-limited");
    expect((await call("GET", "/v1/rulebook", server.key)).status).toBe(200);
  });

  it("with tokens that are refused, too", async () => {
    const replies = await Promise.all(Array.from({ length: 60 }, () => call("GET", "/v1/rulebook", "wrong")));
    const statuses = new Set(replies.map(({ status }) => status));
    expect(statuses).toEqual(new Set([401, 429]));
    expect((await call("GET", "/v1/rulebook", server.key)).status).toBe(200);
  });
});

it("ACC-8 an Idempotency-Key is its caller's own: another gets no answer that was not its", async () => {
  const [a, b] = [await token({ sub: "a", scope: "events" }), await token({ sub: "b", scope: "events" })];
  const events = [{ id: "same", type: "page_view", customer: "ida", ts: Date.now(), props: {} }];
  const key = { "idempotency-key": "k-1" };
  const replayed = async (bearer: string, body: unknown) =>
    (await call("POST", "/v1/events", bearer, body, key)).headers.get("idempotency-replayed");
  expect(await replayed(a, events)).toBeNull();
  expect(await replayed(a, events)).toBe("true");
  expect(await replayed(b, events)).toBeNull();
  expect((await call("POST", "/v1/events", b, [], key)).status).toBe(422);
});

describe("ACC-9 pages of another origin", () => {
  const listed = { origin: "https://crm.example" };
  const foreign = { origin: "https://evil.example" };

  it("may call from the allow-list, without credentials; others get no permission", async () => {
    const preflight = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
    const granted = await call("OPTIONS", "/v1/decisions", undefined, undefined, { ...listed, ...preflight });
    expect(granted.status).toBe(204);
    expect(granted.headers.get("access-control-allow-origin")).toBe(listed.origin);
    expect(granted.headers.get("access-control-allow-methods")).toBe("POST");
    expect(granted.headers.get("access-control-allow-headers")).toContain("authorization");
    expect(granted.headers.get("access-control-allow-credentials")).toBeNull();
    const asked = await call("POST", "/v1/decisions", server.key, ask("kim"), listed);
    expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([200, listed.origin]);
    expect(asked.headers.get("vary")).toBe("origin");
    const refused = await call("GET", "/v1/rulebook", undefined, undefined, listed);
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, listed.origin]);
    const denied = await call("OPTIONS", "/v1/decisions", undefined, undefined, { ...foreign, ...preflight });
    expect(denied.headers.get("access-control-allow-origin")).toBeNull();
    expect(denied.headers.get("access-control-allow-methods")).toBeNull();
    expect((await call("POST", "/v1/decisions", server.key, ask("kim"), foreign)).status).toBe(403);
  });

  it("cannot point a name of their own at the engine", async () => {
    const { request } = await import("node:http");
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request(`${outside.url}/v1/rulebook`, { headers: { host: "evil.example" } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.once("error", reject).end();
    });
    expect(status).toBe(421);
  });
});
