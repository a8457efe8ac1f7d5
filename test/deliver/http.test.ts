import { request } from "node:http";
import { connect } from "node:net";
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

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely here
  readonly body: any;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const answer = await fetch(`${outside.url}${path}`, {
    method,
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text.startsWith("{") ? JSON.parse(text) : text };
}

const wanted = (customer: string, more: object = {}) => ({
  customer,
  channel: "app",
  placements: [{ name: "app-home" }],
  deadlineMs: 1_000,
  ...more,
});

describe("POST /v1/decisions", () => {
  it("answers a decision that GET /v1/decisions/{id} knows and explains", async () => {
    const { status, body } = await call("POST", "/v1/decisions", wanted("ana"));
    expect(status).toBe(200);
    expect(body).toMatchObject({ customer: "ana", direction: "inbound", degraded: [] });
    expect(body.slates).toMatchObject([
      { placement: "app-home", kind: "act", items: [{ treatment: "save-a:app", rank: 1 }] },
    ]);
    const [item] = body.slates[0].items;
    expect(item.trackingCode).toBe(`${body.decisionId}.0`);
    expect(item.content).toEqual({ title: "Save with A", text: "Text A" });
    expect(item.expiresAt).toBeGreaterThan(body.now);
    expect((await call("GET", `/v1/decisions/${body.decisionId}`)).body).toEqual(body);
    const explained = await call("GET", `/v1/decisions/${body.decisionId}?explain=true`);
    expect(explained.body.explanation).toMatchObject({ kind: "explained", reproduced: true, outcome: "act" });
  });

  it("keeps anonymous visitors apart, and finds them under anon:ID", async () => {
    const { body } = await call("POST", "/v1/decisions", { ...wanted("x"), customer: undefined, anonymousId: "b-1" });
    expect(body.customer).toBe("anon:b-1");
    expect((await call("GET", "/v1/customers/anon:b-1")).body).toMatchObject({ customer: "anon:b-1", anonymous: true });
  });

  it.each([
    [{}, ["/channel", "/placements"]],
    [wanted("ana", { customer: "anon:x" }), ["/customer"]],
    [wanted("ana", { placements: [{ name: "app-home", limit: 0 }] }), ["/placements/0/limit"]],
    [wanted("ana", { placements: [{ name: "app-home" }, { name: "app-home" }] }), ["/placements/1/name"]],
    [wanted("ana", { context: { nested: {} } }), ["/context/nested"]],
    [wanted("ana", { deadlineMs: "25" }), ["/deadlineMs"]],
    [wanted("ana", { custmer: "x" }), ["/custmer"]],
    ['{"customer":"ana","channel":"app","placements":[{"name":"app-home"}],"context":{"n":1e400}}', ["/context/n"]],
    [wanted("ana", { placements: [{ name: "nowhere" }] }), ["/placements/0/name"]],
  ])("refuses %j at %j", async (body, pointers) => {
    const reply = await call("POST", "/v1/decisions", body);
    expect(reply.status).toBe(422);
    expect(reply.headers.get("content-type")).toContain("application/problem+json");
    expect(reply.body.type).toBe("/problems/invalid-body");
    expect(reply.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(pointers);
  });

  it.each([
    ["{", "/problems/malformed-json", 400],
    ['{"__proto__":{}}', "/problems/malformed-json", 400],
    [" ".repeat(70_000), "/problems/too-large", 413],
  ])("refuses the body %#", async (body, type, status) => {
    const reply = await call("POST", "/v1/decisions", body);
    expect(reply.body).toMatchObject({ type, status });
    expect(reply.status).toBe(status);
  });

  it("refuses 70 KB without a length just as well", async () => {
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${outside.url}/v1/decisions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
      });
      sent.on("response", (response) => resolve(response.statusCode)).on("error", reject);
      for (let part = 0; part < 70; part++) sent.write(" ".repeat(1_000));
      sent.end();
    });
    expect(status).toBe(413);
  });
});

describe("Idempotency-Key", () => {
  it("answers the same decision again, refuses another body, and means nothing on another path", async () => {
    const headers = { "idempotency-key": "k-1" };
    const first = await call("POST", "/v1/decisions", wanted("ida"), headers);
    const again = await call("POST", "/v1/decisions", wanted("ida"), headers);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const other = await call("POST", "/v1/decisions", wanted("bob"), headers);
    expect([other.status, other.body.type]).toEqual([422, "/problems/idempotency-key-reused"]);
    expect((await call("POST", "/v1/events", [], headers)).status).toBe(202);
  });

  it("one of many at once decides, the others get its answer or are told to wait", async () => {
    const headers = { "idempotency-key": "k-2" };
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => call("POST", "/v1/decisions", wanted("ivy"), headers)),
    );
    const ids = new Set(replies.filter(({ status }) => status === 200).map(({ body }) => body.decisionId));
    expect(ids.size).toBe(1);
    expect(new Set(replies.map(({ status }) => status)).size).toBeLessThanOrEqual(2);
    for (const { status } of replies) expect([200, 409]).toContain(status);
  });

  it("must be printable", async () => {
    const reply = await call("POST", "/v1/events", [], { "idempotency-key": "a b" });
    expect([reply.status, reply.body.type]).toEqual([400, "/problems/invalid-parameter"]);
  });
});

describe("POST /v1/events and /v1/outcomes", () => {
  const purchase = (id: string, customer: string, amount: number) => ({
    id,
    type: "purchase",
    customer,
    ts: Date.now(),
    props: { amount },
  });
  const spent = async (customer: string) => (await call("GET", `/v1/customers/${customer}`)).body?.features?.spend_all;

  it("takes each event by itself and says what is wrong with the others", async () => {
    const { status, body } = await call("POST", "/v1/events", [
      purchase("e1", "eve", 10),
      { id: "e2", type: "purchase", ts: Date.now() },
      { ...purchase("e3", "eve", 1), ts: 5 },
      { ...purchase("e4", "eve", 1), props: { amount: "x".repeat(17_000) } },
      purchase("e5", "eve", 20),
    ]);
    expect(status).toBe(202);
    expect(body.accepted).toBe(2);
    const pointers = body.refused.map(({ index, problem }: never) => [index, (problem as { type: string }).type]);
    expect(pointers).toEqual([
      [1, "/problems/invalid-body"],
      [2, "/problems/invalid-body"],
      [3, "/problems/too-large"],
    ]);
    await expect.poll(() => spent("eve")).toBe(30);
  });

  it("refuses an attribute that is typed otherwise than declared, or not declared at all", async () => {
    const update = (id: string, props: object) => ({
      id,
      type: "profile_update",
      customer: "tina",
      ts: Date.now(),
      props,
    });
    const { status, body } = await call("POST", "/v1/events", [
      update("u1", { tier: 1 }),
      update("u2", { teir: "gold" }),
      update("u3", { tier: "gold" }),
    ]);
    expect(status).toBe(202);
    expect(body.accepted).toBe(1);
    expect(body.refused.map(({ problem }: never) => (problem as { errors: unknown[] }).errors)).toEqual([
      [{ pointer: "/props", detail: 'attribute "tier" is declared as string, got number' }],
      [{ pointer: "/props", detail: 'unknown attribute "teir": declare it under attributes in features.yaml' }],
    ]);
  });

  it("takes NDJSON, repeated lines once, broken lines not", async () => {
    const lines = [purchase("n1", "ned", 5), purchase("n1", "ned", 5), purchase("n2", "ned", 7)].map((event) =>
      JSON.stringify(event),
    );
    const ndjson = `${lines[0]}\n\n${lines[1]}\n{broken\n${lines[2]}`;
    const { body } = await call("POST", "/v1/events", ndjson, { "content-type": "application/x-ndjson" });
    expect(body).toMatchObject({ accepted: 3, refused: [{ index: 2, problem: { type: "/problems/malformed-json" } }] });
    await expect.poll(() => spent("ned")).toBe(12);
  });

  it("copies traceparent to the events that bring none", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    await call("POST", "/v1/events", purchase("t1", "tom", 1), { traceparent });
    const connection = await outside.lane.connection();
    const logs = await Promise.all(
      [0, 1, 2, 3].map((p) => connection.command(["XREVRANGE", `nba:{${p}}:events`, "+", "-"])),
    );
    expect(
      JSON.stringify(logs, (_, value) => (value?.type === "Buffer" ? Buffer.from(value.data).toString() : value)),
    ).toContain(traceparent);
  });

  it("an outcome changes the next decision; an unknown tracking code is refused, and with it the whole array", async () => {
    const { body } = await call("POST", "/v1/decisions", wanted("olga"));
    const trackingCode = body.slates[0].items[0].trackingCode;
    const unknown = { trackingCode: `${"A".repeat(22)}.0`, outcome: "declined" };
    const refused = await call("POST", "/v1/outcomes", [{ trackingCode, outcome: "declined" }, unknown]);
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, "/1/trackingCode"]);
    const taken = await call("POST", "/v1/outcomes", { trackingCode, outcome: "declined", reason: "too dear" });
    expect([taken.status, taken.body]).toEqual([202, { accepted: 1 }]);
    const next = async () => (await call("POST", "/v1/decisions", wanted("olga"))).body.slates[0].items[0]?.treatment;
    await expect.poll(next).toBe("save-b:app");
    const { body: customer } = await call("GET", "/v1/customers/olga");
    expect(customer.contacts).toContainEqual(
      expect.objectContaining({ trackingCode, outcome: "declined", action: "save-a", channel: "app" }),
    );
  });
});

describe("every path", () => {
  it.each([
    ["GET", "/v1/nothing", 404, "not-found"],
    ["PUT", "/v1/decisions", 405, "method-not-allowed"],
    ["GET", "/v1/customers/%zz", 400, "invalid-parameter"],
    ["GET", "/v1/customers/nobody-knows", 404, "not-found"],
    ["GET", "/v1/decisions/short", 400, "invalid-parameter"],
    ["GET", `/v1/decisions/${"A".repeat(22)}`, 404, "not-found"],
    ["GET", `/v1/decisions/${"A".repeat(22)}?explain=perhaps`, 400, "invalid-parameter"],
    ["GET", "/v1/live", 426, "upgrade-required"],
  ])("%s %s is %d %s", async (method, path, status, kind) => {
    const reply = await call(method, path);
    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject({ type: `/problems/${kind}`, status });
  });

  it("refuses other media types, foreign pages and foreign hosts", async () => {
    const form = await call("POST", "/v1/decisions", "a=b", { "content-type": "text/plain" });
    expect([form.status, form.headers.get("accept-post")]).toEqual([415, "application/json"]);
    expect((await call("POST", "/v1/decisions", {}, { origin: "https://evil.example" })).status).toBe(403);
    expect((await call("POST", "/v1/decisions", {}, { origin: "https://crm.example" })).status).toBe(422);
    const status = await new Promise((resolve) => {
      request(`${outside.url}/healthz`, { headers: { host: "evil.example" } }, (answer) =>
        resolve(answer.statusCode),
      ).end();
    });
    expect(status).toBe(421);
  });

  it("answers operators", async () => {
    expect((await call("GET", "/healthz")).body).toEqual({ status: "ok" });
    expect((await call("GET", "/readyz")).body).toMatchObject({ status: "ok", why: expect.stringMatching(/^ready/) });
    expect((await call("HEAD", "/healthz")).status).toBe(200);
    expect((await call("GET", "/metrics")).body).toContain("nba_decisions_total");
    const { body } = await call("GET", "/v1/rulebook");
    expect(body).toMatchObject({ counts: { actions: 2 }, faults: [] });
    const reloaded = await call("POST", "/v1/rulebook:reload");
    expect(reloaded.body).toEqual({ hash: body.hash });
  });

  it.each([
    ["that differ are refused", 2, 50, "", [400]],
    ["that differ are refused, and what comes with them is not read", 2, 50, "at once", []],
    ["that are the same are one", 2, 2, "later", [422, 200]],
  ])("ACC-13 two lengths %s", async (_, first, second, more, statuses) => {
    const { port, host } = new URL(outside.url);
    const lengths = [first, second].map((length) => `content-length: ${length}\r\n`).join("");
    const post = `POST /v1/outcomes HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n${lengths}\r\n{}`;
    const next = `GET /healthz HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    const got = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1");
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
        if (more === "later" && !text.includes("HTTP/1.1 200")) socket.write(next);
      });
      socket.on("error", () => undefined); // closed while we write
      socket.on("close", () => resolve(text));
      socket.write(more === "at once" ? post + next : post);
    });
    expect([...got.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => Number(status))).toEqual(statuses);
  });

  it("survives connections that break off in the middle of a body", async () => {
    for (let turn = 0; turn < 5; turn++) {
      const socket = connect(Number(new URL(outside.url).port), "127.0.0.1");
      socket.write(
        "POST /v1/decisions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
      socket.destroy();
    }
    expect((await call("GET", "/healthz")).status).toBe(200);
  });
});
