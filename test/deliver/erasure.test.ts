// A person who asks to be forgotten is in no key, stream or file afterwards, and nobody else notices.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { explainCommand } from "../../engine/cli/explain.ts";
import { whyCommand } from "../../engine/cli/why.ts";
import type { CustomerKey } from "../../engine/domain/ids.ts";
import { NAMED_STREAMS } from "../../engine/ingest/front-door.ts";
import { commanded } from "../cli/commanded.ts";
import { customerIn, home, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import { openLive } from "./live-client.ts";
import { type Outside, startOutside } from "./outside.ts";

/** Each cuts all connections of the engine three times while three people are erased. */
const ROUNDS = process.env["NBA_LONG"] === "1" ? 30 : 2;

let redis: TestRedis;
let client: Redis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true, args: ["--rdbcompression", "no"] });
  client = new Redis(redis.socket);
  outside = await startOutside(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await outside.stop();
  await redis.stop();
});

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(outside.url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...sent,
  });
  const text = await answer.text();
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
  return { status: answer.status, body: (text === "" ? undefined : JSON.parse(text)) as any };
}

const send = (...events: object[]) => call("POST", "/v1/events", events);
const ask = (customer: string, headers = {}) =>
  call(
    "POST",
    "/v1/decisions",
    { customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 500 },
    headers,
  );

let number = 0;
const happened = (customer: string, type: string, props: object = {}) => ({
  id: `e-${number++}`,
  type,
  customer,
  ts: Date.now(),
  props,
});

/** Where these words are, in what Redis holds (as it would write it to a file) and in its files. */
async function tracesOf(words: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const key of await client.keys("*")) {
    const bytes = (await client.dumpBuffer(key)) ?? Buffer.alloc(0);
    for (const word of words) if (key.includes(word) || bytes.includes(word)) found.push(`${word} in ${key}`);
  }
  const folder = join(redis.dir, "appendonlydir");
  for (const file of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, file));
    for (const word of words) if (bytes.includes(word)) found.push(`${word} in ${file}`);
  }
  return found;
}

async function erased(customer: string): Promise<void> {
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return (await call("DELETE", `/v1/customers/${encodeURIComponent(customer)}`)).status === 204;
  }, 20_000);
}

const look = async (customer: string) => {
  const { contacts, features, attributes } = (await call("GET", `/v1/customers/${customer}`)).body;
  return { contacts, features, attributes };
};

describe("DELETE /v1/customers/{id}", () => {
  const anna = "canary-anna-7f3a";
  const words = [anna, "canary-device-1", "canary-Annabel", "canary-device-2"];

  it("ERA-1 ERA-2 ERA-3 forgets somebody everywhere: profile, log, journal, letters, messages, answers, files", async () => {
    const bystander = customerIn(home(anna), "bystander-");
    const visitor = { anonymousId: "canary-device-1" };
    await send({ id: "v-1", type: "page_view", ts: Date.now(), ...visitor });
    await send(happened(anna, "profile_update", { first_name: "canary-Annabel" }));
    await send(happened(bystander, "profile_update", { first_name: "Bea" }));
    await send({ ...happened(anna, "identify"), ...visitor });
    // A device that was somebody else's before: it stays theirs, and forgets who else had used it.
    await send({ ...happened(bystander, "identify"), anonymousId: "shared-device" });
    await send({ ...happened(anna, "identify"), anonymousId: "shared-device" });
    await until(async () => (await ask(anna)).body.decisionId !== undefined);
    const own = await ask(anna, { "idempotency-key": "canary-key" });
    const [item] = own.body.slates[0].items;
    await call("POST", "/v1/outcomes", { trackingCode: item.trackingCode, outcome: "presented" });
    await ask(bystander);
    await send(happened(anna, "purchase", { amount: 500 }), happened(bystander, "purchase", { amount: 500 }));
    await until(async () => (await client.xlen("nba:channel:push")) === 2);
    await client.xgroup("CREATE", "nba:channel:push", "gateway", "0");
    await client.xreadgroup("GROUP", "gateway", "one", "COUNT", 10, "STREAMS", "nba:channel:push", ">");
    await client.xadd("clickstream", "*", "d", JSON.stringify(happened(anna, "page_view")));
    await client.xadd("clickstream", "*", "d", JSON.stringify(happened(bystander, "page_view")));
    await client.xtrim("clickstream", "MAXLEN", 1);
    const events = `nba:{${home(anna)}}:events`;
    const letters = [
      { ...happened(anna, "page_view"), ts: 1 },
      happened(anna, "page_view", { bad: null as unknown as string }),
    ];
    for (const letter of letters) await client.xadd(events, "*", "s", "clickstream", "d", JSON.stringify(letter));
    await client.xadd(events, "*", "s", "clickstream", "d", `{"customer":"${anna}", cut`);
    const wrong = `nba:{${(home(anna) + 1) % 4}}:events`;
    await client.xadd(wrong, "*", "s", "clickstream", "d", JSON.stringify(happened(bystander, "page_view")));
    await until(async () => (await client.xlen(`nba:{${home(anna)}}:dead`)) === 3);
    expect((await tracesOf(words.slice(0, 3))).length).toBeGreaterThan(10);
    const before = await look(bystander);
    await expectNothingDiffers(redis.url);
    const added = async () => Number((await info(events)).get("entries-added"));
    const addedBefore = await added();
    const screen = await openLive(outside.liveUrl);
    screen.say({ op: "subscribe", topic: `customer/${anna}` });
    const { nbas } = await screen.frame(({ op }) => op === "snapshot");
    expect(nbas.map((card: { trackingCode: string }) => card.trackingCode)).toContain(item.trackingCode);

    expect(await call("DELETE", `/v1/customers/${anna}`)).toEqual({ status: 202, body: { erasure: "under-way" } });
    await until(async () => (await call("GET", `/v1/customers/${anna}`)).status === 404);
    for (const { trackingCode } of nbas)
      expect(
        await screen.frame((frame) => frame.op === "withdraw" && frame.trackingCode === trackingCode),
      ).toMatchObject({ because: "erased" });
    await expectNothingDiffers(redis.url);
    await erased(anna);
    expect(await expectNothingDiffers(redis.url)).toBeGreaterThan(0);

    expect(await tracesOf(words)).toEqual([]);
    expect(await look(bystander)).toEqual(before);
    expect(await added()).toBeGreaterThan(addedBefore);
    const left = await client.xrange("nba:channel:push", "-", "+");
    expect(left.map(([, fields]) => JSON.parse(fields[1] as string).customer)).toEqual([bystander]);
    expect(await client.xpending("nba:channel:push", "gateway")).toMatchObject([
      1,
      left[0]?.[0],
      left[0]?.[0],
      [["one", "1"]],
    ]);
    expect((await call("GET", `/v1/decisions/${own.body.decisionId}`)).status).toBe(404);
    // What operators look into: it says so, and to look leaves no trace.
    expect(await call("GET", `/v1/customers/${anna}/decisions`)).toEqual({ status: 200, body: { decisions: [] } });
    expect(await call("GET", `/v1/customers/${anna}/events`)).toEqual({ status: 200, body: { events: [] } });
    expect((await call("GET", `/v1/decisions/${own.body.decisionId}?explain=true`)).status).toBe(404);
    await expect(commanded(redis.url, explainCommand(), own.body.decisionId)).rejects.toThrow(
      `there is no decision ${own.body.decisionId} in the journal`,
    );
    const told = await commanded(redis.url, whyCommand(), anna, "save-a");
    expect(told.split("\n").slice(0, 2)).toEqual([
      `nothing is known of ${anna}: never seen, or erased`,
      `no decision in the journal had save-a to choose for ${anna}`,
    ]);
    screen.say({ op: "subscribe", topic: `customer/${anna}`, id: "again" });
    expect(await screen.frame(({ op, customer }) => op === "snapshot" && customer === null)).toMatchObject({
      nbas: [],
    });
    screen.close();
    expect(await tracesOf(words)).toEqual([]);
    expect((await outside.running.loop.engine.look("anon:shared-device" as CustomerKey))?.joinedTo).toBe(bystander);
    for (const stream of NAMED_STREAMS) expect(await client.xlen(stream)).toBe(stream === "clickstream" ? 1 : 0);
  }, 60_000);

  it("ERA-4 later events of the same id start anew, also after the engine was started again", async () => {
    await send(happened(anna, "page_view"));
    const fresh = async () => (await call("GET", `/v1/customers/${anna}`)).body;
    await until(async () => (await fresh())?.features?.views_1h === 1);
    expect(await fresh()).toMatchObject({ contacts: [], attributes: {}, features: { purchases_24h: 0 } });
    await outside.stop();
    outside = await startOutside(redis.url);
    expect(await fresh()).toMatchObject({ contacts: [], attributes: {}, features: { views_1h: 1, purchases_24h: 0 } });
    expect((await call("DELETE", `/v1/customers/${anna}`)).status).toBe(202);
    await erased(anna);
    expect(await tracesOf(words)).toEqual([]);
  }, 60_000);

  it(
    "ERA-5 is the same whatever is cut off in between, and with joins under way",
    async () => {
      const people = Array.from({ length: 3 }, (_, index) => `canary-person-${index}`);
      const seed = Number(process.env["NBA_SEED"] ?? Math.floor(Math.random() * 1e6));
      process.stdout.write(`erasures cut off: NBA_SEED=${seed}\n`);
      for (let round = 1; round <= ROUNDS; round++) {
        for (const [index, person] of people.entries()) {
          const anonymousId = `canary-device-of-${index}`;
          const visit = { id: `v-${round}-${index}`, type: "page_view", ts: Date.now(), anonymousId };
          const batch = [visit, happened(person, "page_view"), { ...happened(person, "identify"), anonymousId }];
          await until(async () => (await send(...batch)).status === 202, 20_000);
          await until(async () => (await call("DELETE", `/v1/customers/${person}`)).status === 202, 20_000);
          await new Promise((resolve) => setTimeout(resolve, (seed * (index + 7) * round) % 300));
          await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        }
        for (const person of people) await erased(person);
        for (const [index] of people.entries()) await erased(`anon:canary-device-of-${index}`);
        expect(await tracesOf(["canary-person", "canary-device-of"])).toEqual([]);
        await expectNothingDiffers(redis.url);
      }
    },
    ROUNDS * 45_000,
  );

  it("ERA-9 is found however the id is spelled, in answers and in what was refused", async () => {
    const people = [
      "CANARYDOM\\zoe",
      "canary-zo\u00eb",
      'canary "q" person',
      "canary-\u{1f600}-face",
      "canary-cut-off",
    ];
    const traces = [
      "CANARYDOM",
      "canary-zo",
      "canary \\",
      'canary "q',
      "canary-\u{1f600}",
      "canary-\\ud83d",
      "canary-cut",
    ];
    const ascii = (body: object): string =>
      JSON.stringify(body).replace(
        /[\u0080-\uffff]/g,
        (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    for (const [at, person] of people.entries()) {
      await send(happened(person, "purchase", { amount: 5 }));
      expect((await ask(person, { "idempotency-key": `spelled-${at}` })).status).toBe(200);
      const nested = { ...happened(person, "page_view"), props: { a: {} } };
      const untyped = { id: `untyped-${at}`, customer: person, ts: Date.now() };
      const cut = JSON.stringify(untyped).slice(0, JSON.stringify(untyped).indexOf('","ts"'));
      for (const payload of [ascii(nested), ascii(untyped), pack(nested), cut]) {
        await client.xadd("clickstream", "*", "d", payload);
        await client.xadd(`nba:{${home(person)}}:events`, "*", "s", "clickstream", "d", payload);
      }
    }
    // What nobody moves stays in its stream; a letter without a customer is the front door's.
    await client.xadd("nba:dead", "*", "reason", "not-parseable", "d", `{"customer":"${people.at(-1)}`);
    const letters = async () =>
      (await Promise.all([0, 1, 2, 3].map((index) => client.xlen(`nba:{${index}}:dead`)))).reduce((a, b) => a + b);
    await until(async () => (await letters()) >= people.length * 4);
    for (const trace of traces) expect(await tracesOf([trace]), trace).not.toEqual([]);
    for (const person of people) await erased(person);
    expect(await tracesOf(traces)).toEqual([]);
    await expectNothingDiffers(redis.url);
  }, 60_000);
});

async function info(stream: string): Promise<Map<string, unknown>> {
  const flat = (await client.xinfo("STREAM", stream)) as unknown[];
  return new Map(flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1]] as const] : [])));
}
