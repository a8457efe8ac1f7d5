import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";

let redis: TestRedis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis();
  outside = await startOutside(redis.url);
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${outside.url}${path}`, { headers });
// biome-ignore lint/suspicious/noExplicitAny: documents are looked into freely
const document = async (path: string): Promise<any> => (await get(path)).json();

/** Every `$ref` of a document, and what it points to. */
function refsOf(value: unknown, root: unknown, found: [string, unknown][] = []): [string, unknown][] {
  if (typeof value !== "object" || value === null) return found;
  for (const [name, inner] of Object.entries(value)) {
    if (name === "$ref") {
      const path = String(inner).slice(2).split("/");
      const at = (here: unknown, key: string) => (here as Record<string, unknown> | undefined)?.[key];
      found.push([String(inner), path.reduce<unknown>(at, root)]);
    } else refsOf(inner, root, found);
  }
  return found;
}

describe("/openapi.json", () => {
  it("lists every call, and each documented call is really there", async () => {
    const { openapi, paths } = await document("/openapi.json");
    expect(openapi).toBe("3.1.0");
    const calls = Object.entries<Record<string, unknown>>(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(calls.sort()).toEqual([
      "DELETE /v1/customers/{id}",
      "GET /healthz",
      "GET /metrics",
      "GET /readyz",
      "GET /v1/campaigns",
      "GET /v1/customers/{id}",
      "GET /v1/customers/{id}/decisions",
      "GET /v1/customers/{id}/events",
      "GET /v1/decisions/{id}",
      "GET /v1/quotas",
      "GET /v1/rulebook",
      "POST /v1/decisions",
      "POST /v1/decisions:simulate",
      "POST /v1/events",
      "POST /v1/outcomes",
      "POST /v1/rulebook:reload",
      "POST /v1/rulebook:rollback",
      "POST /v1/tickets",
    ]);
    for (const call of calls) {
      const [method, path] = call.split(" ") as [string, string];
      const answer = await fetch(`${outside.url}${path.replace("{id}", "A".repeat(22))}`, { method });
      expect([call, answer.status === 405]).toEqual([call, false]);
      const declared = Object.keys(paths[path][method.toLowerCase()].responses);
      expect([call, declared]).toEqual([call, expect.arrayContaining([String(answer.status)])]);
    }
  });

  it("resolves each reference and names each operation once", async () => {
    const api = await document("/openapi.json");
    const refs = refsOf(api, api);
    expect(refs.length).toBeGreaterThan(10);
    expect(refs.filter(([, target]) => target === undefined)).toEqual([]);
    const ids = [...JSON.stringify(api).matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("/asyncapi.json", () => {
  it("has the streams and every message of the WebSocket, and resolves", async () => {
    const api = await document("/asyncapi.json");
    expect(api.asyncapi).toBe("3.0.0");
    expect(Object.keys(api.channels)).toEqual(["clickstream", "transactions", "outcomes", "live", "outbound"]);
    expect(Object.keys(api.channels.live.messages).sort()).toEqual(
      "ack connect decision error nba outcome snapshot subscribe unsubscribe withdraw".split(" "),
    );
    expect(refsOf(api, api).filter(([, target]) => target === undefined)).toEqual([]);
    expect(api.components.messages.event.payload.required).toEqual(["id", "type", "ts"]);
  });
});

describe("pages", () => {
  it("are served with a policy that allows nothing from elsewhere and nothing inline", async () => {
    const page = await get("/");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self';");
    expect(policy).not.toContain("unsafe");
    expect((await get("/page.js")).headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  });

  it("import modules that import nothing by the name of a package", async () => {
    const names = ["preact.module.js", "htm.module.js", "uplot.js"];
    for (const name of names) {
      const module = await get(`/vendor/${name}`);
      expect([name, module.status]).toEqual([name, 200]);
      const imports = [...(await module.text()).matchAll(/\bfrom\s*["']([^"'\s]+)["']/g)].map(([, from]) => from);
      for (const from of imports) expect(from).toMatch(/^\/vendor\//);
    }
    expect((await get("/vendor/uplot.css")).headers.get("content-type")).toBe("text/css; charset=utf-8");
  });

  it("are not sent again while they are the same", async () => {
    const etag = (await get("/page.js")).headers.get("etag") ?? "";
    expect((await get("/page.js", { "if-none-match": `W/${etag}, "x"` })).status).toBe(304);
    expect((await get("/page.js", { "if-none-match": '"x"' })).status).toBe(200);
  });

  it.each(["/index.html", "/notes.txt", "/../outside.ts", "/%2e%2e/outside.ts", "/vendor/", "/vendor/package.json"])(
    "only what was listed at start: not %s",
    async (path) => expect((await get(path)).status).toBe(404),
  );
});
