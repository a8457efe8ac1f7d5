// Names, addresses, accounts and tokens are sent through every door of a real engine, well-formed and not; then everything that
// operators read is searched for them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newApiKey } from "../../../engine/deliver/auth/api-keys.ts";
import { customerKey } from "../../../engine/domain/ids.ts";
import { partitionOf } from "../../../engine/domain/partition-of.ts";
import { pack } from "../../../engine/ingest/messagepack.ts";
import { repositoryRoot } from "../../../engine/journal/source-file.ts";
import { editableRules, until } from "../../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../../redis.ts";
import { type EngineProcess, startEngineProcess } from "../../start-engine.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { openLive } from "../live-client.ts";
import { SECRET, token } from "./tokens.ts";

const PARTITIONS = 4;
const CANARIES = [
  "Zoe Canaryova",
  "canary.person@example.com",
  "CH93CANARY0762011623852",
  "+41 79 canary 11",
  "canary-token-Qm9va21hcms",
] as const;
const [NAME, MAIL, IBAN, PHONE, SECRET_WORD] = CANARIES;

const dir = mkdtempSync(join(tmpdir(), "nba-canary-"));
const key = newApiKey({ name: "tester", scopes: ["admin"] });
let redis: TestRedis;
let client: Redis;
let engine: EngineProcess;
let gateway: Gateway;
let jwt: string;

beforeAll(async () => {
  writeFileSync(join(dir, "keys.yaml"), JSON.stringify({ keys: [key.entry] }));
  jwt = await token({ sub: MAIL, scope: "admin" });
  redis = await startTestRedis();
  client = new Redis(redis.socket);
  const pushSecret = `whsec_${Buffer.from(SECRET_WORD.repeat(2)).toString("base64")}`;
  gateway = await startGateway(pushSecret);
  const rules = await editableRules();
  const webhook = `kind: webhook, webhook: { url: "${gateway.url}?${SECRET_WORD}", secretFrom: PUSH_SECRET, timeout: 200ms, inFlight: 4 },`;
  await rules.edit("channels.yaml", (text) => text.replace("kind: stream,", webhook));
  engine = await startEngineProcess({
    REDIS_URL: redis.url,
    PARTITIONS: String(PARTITIONS),
    RULES_DIR: rules.dir,
    PUSH_SECRET: pushSecret,
    MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
    AUTH: "jwt",
    JWT_SECRET: SECRET,
    NBA_API_KEYS_FILE: join(dir, "keys.yaml"),
    NBA_LEASE_MS: "1000",
  });
});
afterAll(async () => {
  await engine?.stop();
  await gateway?.close();
  client?.disconnect();
  await redis?.stop();
  rmSync(dir, { recursive: true });
});

let count = 0;
const event = (more: object = {}) => ({
  id: `${MAIL}-${count++}`,
  type: "page_view",
  customer: MAIL,
  ts: Date.now(),
  props: { name: NAME, [IBAN]: PHONE },
  ...more,
});

/** What is wrong with them is in a field that the producer fills as it likes. */
const EVENTS: readonly (() => object)[] = [
  () => event(),
  () => event({ type: NAME, session: IBAN, channel: PHONE }),
  () => event({ type: "identify", anonymousId: IBAN }),
  () => event({ ts: MAIL }),
  () => event({ ts: Date.now() + 10 * 86_400_000 }),
  () => event({ customer: `anon:${MAIL}` }),
  () => event({ customer: undefined, anonymousId: `anon:${MAIL}` }),
  () => event({ type: NAME.repeat(20) }),
  () => event({ props: { [MAIL]: { nested: NAME } } }),
  () => event({ props: { [IBAN.repeat(10)]: 1 } }),
  () => event({ props: [NAME] }),
  () => event({ traceparent: SECRET_WORD }),
  () => event({ type: "profile_update", props: { [MAIL]: NAME } }),
  () => event({ type: "profile_update", props: { segment: { [MAIL]: IBAN } } }),
  () => event({ type: "profile_update", props: { age: NAME } }),
  () => event({ type: "consent_update", props: { channel: MAIL, purpose: NAME, granted: PHONE } }),
  () => event({ type: "consent_update", props: { channel: MAIL, purpose: NAME, granted: true } }),
  () => event({ type: "case_opened", props: { caseId: IBAN, kind: NAME } }),
  () => event({ type: "contact", props: { channel: MAIL, group: NAME, direction: PHONE } }),
  () => event({ type: "outcome", props: { trackingCode: IBAN, outcome: NAME, reason: MAIL } }),
  () => event({ type: "outcome", props: { trackingCode: `${"A".repeat(22)}.0`, outcome: "accepted", reason: MAIL } }),
  () => ({
    specversion: "1.0",
    id: MAIL,
    source: IBAN,
    type: NAME,
    subject: MAIL,
    time: PHONE,
    data: { [MAIL]: NAME },
  }),
  () => ({ specversion: MAIL, id: MAIL, subject: NAME }),
  () => ({ [MAIL]: NAME }),
];

async function byStreams(): Promise<void> {
  const right = partitionOf(customerKey(MAIL), PARTITIONS);
  for (const make of EVENTS) {
    await client.xadd("clickstream", "*", "d", JSON.stringify(make()));
    await client.xadd("transactions", "*", "d", Buffer.from(pack(make())));
    for (const partition of [right, (right + 1) % PARTITIONS])
      await client.xadd(`nba:{${partition}}:events`, "*", "s", IBAN, "d", JSON.stringify(make()), "t", NAME);
    await client.xadd(`nba:{${right}}:events`, "*", "s", `$${MAIL}`, "d", JSON.stringify(make()));
    await client.xadd(`nba:{${right}}:events`, "*", "s", "transactions", "d", JSON.stringify(make()));
  }
  for (const raw of [`{"id":"${MAIL}"`, `{"${MAIL}":tru}`, NAME, "", `{"id":"${NAME.repeat(2_000)}"}`]) {
    await client.xadd("outcomes", "*", "d", raw);
    await client.xadd(`nba:{${right}}:events`, "*", "s", "outcomes", "d", raw);
    await client.xadd("clickstream", "*", MAIL, raw);
  }
}

async function byHttp(): Promise<void> {
  const send = async (method: string, path: string, body?: unknown, more: Record<string, string> = {}) => {
    const headers = { authorization: `Bearer ${key.key}`, "content-type": "application/json", ...more };
    const text = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const answer = await fetch(`${engine.url}${path}`, { method, headers, ...text });
    expect([path, answer.status >= 500 && answer.status !== 503]).toEqual([path, false]);
    await answer.arrayBuffer();
  };
  const id = encodeURIComponent(MAIL);
  const ask = { customer: MAIL, channel: NAME, placements: [{ name: IBAN }], context: { [MAIL]: NAME } };
  for (const make of EVENTS) await send("POST", "/v1/events", make());
  for (const path of ["/v1/decisions", "/v1/decisions:simulate", "/v1/outcomes", "/v1/tickets", `/v1/${id}`]) {
    for (const body of [ask, { ...ask, locale: NAME }, { [MAIL]: NAME }, `{"${MAIL}`, [MAIL], NAME.repeat(100_000)])
      await send("POST", path, body, { "idempotency-key": `${SECRET_WORD}-${count++}`, traceparent: SECRET_WORD });
  }
  for (const path of ["customers", "decisions", SECRET_WORD])
    for (const rest of ["", "/events", "/decisions", `/${SECRET_WORD}`]) await send("GET", `/v1/${path}/${id}${rest}`);
  await send("GET", `/v1/customers/${id}?limit=${id}&token=${SECRET_WORD}`, undefined, { "user-agent": MAIL });
  await send("GET", `/metrics?name=${id}`, undefined, { accept: "text/plain" });
  await send("POST", `/v1/rulebook:rollback?hash=${id}`);
  for (const authorization of [`Bearer ${SECRET_WORD}`, SECRET_WORD, `Basic ${SECRET_WORD}`, `Bearer ${jwt}x`])
    await send("GET", `/v1/customers/${id}`, undefined, { authorization });
  await send("GET", `/v1/customers/${id}`, undefined, { authorization: `Bearer ${jwt}`, origin: `https://${IBAN}` });
}

/** Half a request, a line that is none, and a body that is broken off. */
async function byBrokenHttp(): Promise<void> {
  const { hostname, port } = new URL(engine.url);
  for (const text of [
    `GET /v1/customers/${SECRET_WORD}`,
    `${NAME} ${MAIL} ${IBAN}\r\n\r\n`,
    `POST /v1/events HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${SECRET_WORD}\r\ncontent-length: 900\r\n\r\n{"${MAIL}`,
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end(text));
      socket.on("error", () => resolve()).on("close", () => resolve());
      setTimeout(() => socket.destroy(), 200);
    });
  }
}

async function bySockets(): Promise<void> {
  const url = `${engine.url.replace("http", "ws")}/v1/live`;
  const good = { op: "connect", token: jwt };
  const topic = `customer/${MAIL}`;
  const conversations: readonly (readonly object[])[] = [
    [{ op: "connect", token: SECRET_WORD }],
    [{ op: MAIL, token: SECRET_WORD }],
    [good, { op: "subscribe", topic, placement: NAME }],
    [good, { op: "subscribe", topic, since: IBAN }, { op: "subscribe", topic: MAIL }],
    [good, { op: "outcome", trackingCode: IBAN, outcome: "accepted", reason: NAME, note: MAIL }],
    [good, { op: "outcome", trackingCode: `${"A".repeat(22)}.0`, outcome: NAME, note: MAIL }],
    [good, { op: "subscribe", topic: "decisions", [MAIL]: NAME }],
  ];
  for (const messages of conversations) {
    const socket = await openLive(url);
    for (const message of messages) socket.say(message);
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.close();
  }
  for (const query of [`?ticket=${SECRET_WORD}`, `?token=${SECRET_WORD}`]) (await openLive(`${url}${query}`)).close();
}

/** Gateways that fail in every way, and say in every place of their answer whom it is about. */
async function byWebhook(): Promise<void> {
  const whom = { words: NAME, headers: { "retry-after": PHONE, location: MAIL, "x-why": IBAN }, body: CANARIES.join() };
  const ways = [400, 410, 302, 429, 500, 503].map((status) => ({ ...whom, status }));
  const people = [...ways, "hang"].map((_, index) => `${index}-${MAIL}`);
  gateway.answer = ({ customer }) => ways[people.indexOf(customer)] ?? "hang";
  for (const customer of people)
    await client.xadd(
      "clickstream",
      "*",
      "d",
      JSON.stringify(event({ type: "purchase", customer, props: { amount: 500 } })),
    );
  await until(() => new Set(gateway.seen.map(({ customer }) => customer)).size === people.length, 20_000);
  await until(async () => (await deadLetters()).filter((letter) => letter.startsWith("undelivered ")).length >= 2);
  expect(gateway.badSignatures()).toBe(0);
  await until(() => engine.log().includes('"msg":"a webhook rests after failures"'));
}

/** Keys that are not what they should be: whatever the engine says of it, it names no customer. */
async function byDamage(): Promise<void> {
  const right = partitionOf(customerKey(MAIL), PARTITIONS);
  const profile = `nba:{${right}}:profile:${MAIL}`;
  await client.del(profile);
  await client.rpush(profile, NAME);
  // No commit passes with this, so the partition is dropped, and the profile read again.
  const decisions = `nba:{${right}}:decisions`;
  expect(await client.exists(decisions)).toBe(0);
  await client.rpush(decisions, NAME);
  await client.xadd("clickstream", "*", "d", JSON.stringify(event({ type: "case_opened", props: { caseId: IBAN } })));
  for (let index = 0; index < 20; index++) {
    const body = JSON.stringify({ customer: MAIL, channel: "app", placements: [{ name: "app-home" }] });
    const headers = { authorization: `Bearer ${key.key}`, "content-type": "application/json" };
    await fetch(`${engine.url}/v1/decisions`, { method: "POST", headers, body }).then((answer) => answer.arrayBuffer());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await client.del(decisions);
}

describe("ACC-10 what was sent is in no log, metric or dead letter", () => {
  it("by streams, HTTP and sockets, well-formed, faulty and broken, and when Redis is damaged", async () => {
    await byStreams();
    await byHttp();
    await byBrokenHttp();
    await bySockets();
    await byDamage();
    await byWebhook();
    const letters = await deadLetters();
    expect(letters.length).toBeGreaterThan(2 * EVENTS.length);
    const metrics = await fetch(`${engine.url}/metrics`, { headers: { authorization: `Bearer ${key.key}` } });
    expect(metrics.status).toBe(200);
    const log = engine.log();
    expect(log).toContain('"level":40');
    const places = { log, metrics: await metrics.text(), letters: letters.join("\n") };
    for (const [place, text] of Object.entries(places)) {
      const lines = text.split("\n");
      const found = [...CANARIES, "canary", jwt, key.key, SECRET].flatMap((secret) =>
        lines.filter((line) => line.toLowerCase().includes(secret.toLowerCase())),
      );
      expect([place, found]).toEqual([place, []]);
    }
  });
});

/** `reason detail` of each, wherever it lies. */
async function deadLetters(): Promise<readonly string[]> {
  const streams = ["nba:dead", ...Array.from({ length: PARTITIONS }, (_, index) => `nba:{${index}}:dead`)];
  const found: string[] = [];
  for (const stream of streams)
    for (const [, fields] of await client.xrange(stream, "-", "+")) {
      const at = (name: string): string => fields[fields.indexOf(name) + 1] ?? "";
      found.push(`${at("reason")} ${at("detail")}`);
    }
  return found;
}
