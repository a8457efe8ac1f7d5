import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { presentAnswer, presentCustomer, presentDecision } from "../../engine/deliver/present.ts";
import { presentRecord } from "../../engine/deliver/present-inspect.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { customerKey, trackingCode } from "../../engine/domain/ids.ts";
import { lookAt } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";
import { decisionId, record } from "./records.ts";

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
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely here
  readonly body: any;
}

async function call(method: string, path: string, body?: unknown, key?: string): Promise<Reply> {
  const headers = { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) };
  const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
  const answer = await fetch(`${outside.url}${path}`, init);
  return { status: answer.status, body: await answer.json() };
}

const wanted = (customer: string, more: object = {}) => ({
  customer,
  channel: "app",
  placements: [{ name: "app-home" }],
  ...more,
});

describe("POST /v1/decisions:simulate", () => {
  it("answers as a decision, explained, under no id; the decision right after it is the same", async () => {
    const simulated = await call("POST", "/v1/decisions:simulate", wanted("sim-1"));
    expect(simulated.status).toBe(200);
    expect(simulated.body).toMatchObject({ simulated: true, explanation: { kind: "explained", reproduced: true } });
    expect(simulated.body).not.toHaveProperty("decisionId");
    expect(simulated.body.slates[0].items[0].trackingCode).toBe("simulated.0");
    const real = await call("POST", "/v1/decisions", wanted("sim-1", { deadlineMs: 1_000 }));
    const items = (body: { slates: { items: object[] }[] }) =>
      body.slates[0]?.items.map((item) => ({ ...item, trackingCode: "", expiresAt: 0 }));
    expect(items(simulated.body)).toEqual(items(real.body));
    const outcome = { trackingCode: "simulated.0", outcome: "presented" };
    expect((await call("POST", "/v1/outcomes", outcome)).status).toBe(422);
  });

  it("keeps no answer under an Idempotency-Key", async () => {
    const consents = [{ channel: "app", purpose: "marketing", granted: false }];
    const first = await call("POST", "/v1/decisions:simulate", wanted("sim-2"), "k-1");
    const other = await call("POST", "/v1/decisions:simulate", wanted("sim-2", { overrides: { consents } }), "k-1");
    expect(first.body.slates[0].kind).toBe("act");
    expect(other.status).toBe(200);
    expect(other.body.slates).toEqual([
      {
        placement: "app-home",
        kind: "default",
        because: "all-dropped",
        items: [{ content: { title: "Welcome", text: "Hello" } }],
      },
    ]);
  });

  it.each([
    [wanted("a", { channel: undefined }), ["/channel"]],
    [wanted("a", { overrides: { nwo: 1 } }), ["/overrides/nwo"]],
    [wanted("a", { overrides: { attributes: { tier: 1 } } }), ["/overrides/attributes/tier"]],
    [wanted("a", { placements: [{ name: "nowhere" }] }), ["/placements/0/name"]],
    [{ ...wanted("a"), customer: undefined }, ["/customer"]],
  ])("refuses %j at %j", async (body, pointers) => {
    const { status, body: problem } = await call("POST", "/v1/decisions:simulate", body);
    expect(status).toBe(422);
    expect(problem.errors.map((error: { pointer: string }) => error.pointer)).toEqual(pointers);
  });
});

describe("GET /v1/customers/{id}/decisions and /events", () => {
  it("list the newest first, with what a record holds", async () => {
    const { body: decision } = await call("POST", "/v1/decisions", wanted("past-1", { deadlineMs: 1_000 }));
    await call("POST", "/v1/events", [
      { id: "e", type: "page_view", customer: "past-1", ts: Date.now(), props: { n: 1 } },
    ]);
    const { body } = await call("GET", "/v1/customers/past-1/decisions?limit=5");
    expect(body.decisions).toMatchObject([{ ...decision, arms: [], withheld: [], pressure: 0, spent: [], models: [] }]);
    const events = await call("GET", "/v1/customers/past-1/events");
    expect(events.body.events).toMatchObject([{ id: "e", type: "page_view", props: { n: 1 }, source: "http" }]);
    expect((await call("GET", "/v1/customers/nobody/decisions")).body).toEqual({ decisions: [] });
    expect((await call("GET", "/v1/customers/past-1/events?limit=0")).body.detail).toContain('limit is "0"');
  });
});

describe("what the holdout withholds", () => {
  const id = decisionId(7);
  const offered = record(id, { customer: "held", channel: "app", direction: "inbound" });
  const withheld: DecisionRecord = {
    ...offered,
    kind: "none",
    slates: [{ placement: "app-home", kind: "none", because: "holdout", items: [] }],
    withheld: offered.slates,
  };

  it("is in no answer to an app, and an operator sees it", () => {
    const rulebook = outside.running.loop.engine.rulebook();
    for (const answer of [presentDecision(withheld), presentAnswer(withheld, rulebook)]) {
      expect(JSON.stringify(answer)).not.toMatch(/holdout|withheld|Title 0/);
    }
    expect(presentAnswer(withheld, rulebook).slates).toMatchObject([
      { placement: "app-home", kind: "default", items: [{ content: { title: "Welcome" } }] },
    ]);
    expect(presentRecord(withheld).withheld).toMatchObject([{ items: [{ action: "action-0" }] }]);
  });

  it("is no contact and no card of a customer", async () => {
    await call("POST", "/v1/decisions", wanted("held", { deadlineMs: 1_000 }));
    const look = await lookAt(outside.running, "held");
    const [contact] = look.contacts;
    if (contact === undefined) throw new Error("the decision made no contact");
    const shadow = { ...contact, trackingCode: trackingCode(id, 0), decision: id, shadow: true };
    const shown = presentCustomer({ ...look, contacts: [contact, shadow] }, outside.running.loop.engine.rulebook());
    expect(shown.contacts.map((one) => one.trackingCode)).toEqual([contact.trackingCode]);
    expect(shown.fatigue.find(({ limit }) => limit === "app-per-day")?.counted).toBe(2);
    expect(shown.customer).toBe(customerKey("held"));
  });
});

describe("pressure", () => {
  it("is told as deciding finds it, and left out where the rulebook declares no fatigue", async () => {
    const { engine } = outside.running.loop;
    await call("POST", "/v1/decisions", wanted("tired", { deadlineMs: 1_000 }));
    const look = await lookAt(outside.running, "tired");
    expect(presentCustomer(look, engine.rulebook())).not.toHaveProperty("pressure");
    const weights = engine.rulebook().channels.map(() => 1);
    const fatigue = { halfLifeMs: 1_000_000, weights, otherWeight: 1, answered: 0.5, otherChannels: 0, halvesAt: 1 };
    const [contact] = look.contacts;
    const now = contact?.at ?? look.now;
    const { pressure } = presentCustomer({ ...look, now }, { ...engine.rulebook(), fatigue });
    expect(pressure).toEqual({ total: 1, leaves: { app: 0.5, push: 1, "contact-centre": 1 } });
  });
});
