import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Props } from "../../engine/domain/event.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type LiveClient, openLive } from "./live-client.ts";
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

const open = (protocol?: string): Promise<LiveClient> => openLive(outside.liveUrl, protocol);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let events = 0;

/** A call, which triggers a decision for the agent's desk. */
async function call(...customers: readonly string[]): Promise<void> {
  const calls = customers.map((customer) => ({
    id: `call-${events++}`,
    type: "call_started",
    key: customerKey(customer),
    ts: Date.now() as Instant,
    source: "http",
    props: {},
  }));
  await outside.running.loop.engine.append(calls);
}

async function report(trackingCode: string, customer: string, outcome: Props): Promise<void> {
  const props = { trackingCode, ...outcome };
  const event = { id: `o-${events++}`, type: "outcome", key: customerKey(customer), source: "http", props };
  await outside.running.loop.engine.append([{ ...event, ts: Date.now() as Instant }]);
}

/** On a busy machine an ask may come too late, and its snapshot is empty then: the next customer has better luck. */
async function askedInTime(protocol: string) {
  for (let attempt = 0; ; attempt++) {
    const customer = `ana-${protocol}-${attempt}`;
    const desk = await open(protocol);
    desk.say({ op: "connect", id: "c" });
    desk.say({ op: "subscribe", topic: `customer/${customer}`, placement: "agent-desk" });
    expect(await desk.frame(({ op }) => op === "ack")).toEqual({ op: "ack", for: "connect", id: "c" });
    const snapshot = await desk.frame(({ op }) => op === "snapshot");
    if (snapshot.nbas.length > 0 || attempt === 9) return { customer, desk, snapshot };
    desk.close();
  }
}

describe.each(["nba.v1.json", "nba.v1.msgpack"])("%s", (protocol) => {
  it("asks with a placement, shows the customer and the cards, and takes the answer from the screen", async () => {
    const { customer, desk, snapshot } = await askedInTime(protocol);
    expect(snapshot.customer).toMatchObject({ customer, cursor: snapshot.cursor });
    expect(snapshot.nbas.map((card: { title: string; script: string }) => [card.title, card.script])).toEqual([
      ["Offer A", "Say A"],
      ["Offer B", "Say B"],
    ]);
    const { trackingCode } = snapshot.nbas[0];
    const other = await open(protocol);
    other.say({ op: "subscribe", topic: `customer/${customer}` });
    expect((await other.frame(({ op }) => op === "snapshot")).nbas).toEqual(snapshot.nbas);
    desk.say({ op: "outcome", id: "o", trackingCode, outcome: "accepted", note: "signed at once" });
    const ack = { op: "ack", for: "outcome", trackingCode, outcome: "accepted", id: "o" };
    expect(await desk.frame(({ op, id }) => op === "ack" && id === "o")).toEqual(ack);
    const withdrawn = { op: "withdraw", topic: `customer/${customer}`, trackingCode };
    expect(await desk.frame(({ op }) => op === "withdraw")).toMatchObject(withdrawn);
    expect(await other.frame(({ op }) => op === "withdraw")).toMatchObject(withdrawn);
    desk.close();
    other.close();
  });

  it("pushes what a trigger decides, under a cursor that resumes behind it", async () => {
    const customer = `bea-${protocol}`;
    const desk = await open(protocol);
    desk.say({ op: "subscribe", topic: `customer/${customer}` });
    const before = await desk.frame(({ op }) => op === "snapshot");
    expect(before).toMatchObject({ nbas: [] });
    await call(customer);
    const second = await desk.frame(({ op, decision }) => op === "nba" && decision.rank === 2);
    const [first] = desk.frames.filter(({ op }) => op === "nba");
    expect(first.decision).toMatchObject({ placement: "agent-desk", channel: "contact-centre", title: "Offer A" });
    desk.close();
    await report(first.decision.trackingCode, customer, { outcome: "declined" });
    const again = await open(protocol);
    again.say({ op: "subscribe", topic: `customer/${customer}`, since: first.cursor });
    const withdrawal = await again.frame(({ op }) => op === "withdraw");
    expect(again.frames.slice(0, 2)).toMatchObject([second, { trackingCode: first.decision.trackingCode }]);
    expect(withdrawal.because).toBe("declined");
    expect(again.frames.some(({ op }) => op === "snapshot")).toBe(false);
    again.close();
  });
});

describe("gapless", () => {
  it("ANY-3 who is cut off within the last commit is shown the rest of it once, and is acknowledged behind it", async () => {
    const topic = "customer/cut";
    const desk = await open();
    desk.say({ op: "subscribe", topic });
    await desk.frame(({ op }) => op === "snapshot");
    await call("cut");
    const second = await desk.frame(({ op, decision }) => op === "nba" && decision.rank === 2);
    const first = desk.frames.find(({ op }) => op === "nba");
    desk.close();
    expect(first.cursor).toBe(`${second.cursor}.0`);
    const shownSince = async (since: string) => {
      const client = await open();
      client.say({ op: "subscribe", topic, since });
      const { cursor } = await client.frame(({ op }) => op === "ack");
      client.close();
      return { cursor, shown: pushedOf(client) };
    };
    const again = await shownSince(first.cursor);
    expect(again).toEqual({ cursor: second.cursor, shown: [second] });
    expect(await shownSince(again.cursor)).toEqual({ cursor: second.cursor, shown: [] });
  });

  const rounds = process.env["NBA_LONG"] === "1" ? 40 : 4;
  const customers = Array.from({ length: rounds }, (_, round) => `gil-${round}`);

  it.each(customers)(
    "however sockets come and go, each sees every frame after its snapshot or cursor once: %s",
    async (customer) => {
      const topic = `customer/${customer}`;
      const witness = await open("nba.v1.json");
      witness.say({ op: "subscribe", topic });
      await witness.frame(({ op }) => op === "snapshot");
      const state = { stop: false };
      const traffic = offerAndPostpone(customer, state);
      const seen: { readonly after: string; readonly names: readonly string[] }[] = [];
      let since: string | undefined;
      try {
        for (let visit = 0; visit < 8; visit++) {
          const client = await open(visit % 3 === 0 ? "nba.v1.msgpack" : "nba.v1.json");
          client.say({ op: "subscribe", topic, ...(since === undefined ? {} : { since }) });
          await client.frame(({ op }) => op === "snapshot" || op === "ack");
          await pause(15 + 3 * visit);
          for (let waits = 0; visit >= 4 && pushedOf(client).length < 3 && waits < 500; waits++) await pause(10);
          const shown = client.frames.find(({ op }) => op === "snapshot");
          expect(shown === undefined).toBe(since !== undefined);
          seen.push({ after: shown?.cursor ?? since, names: pushedOf(client).map(nameOf) });
          const cursor = client.frames.at(-1)?.cursor;
          since = visit % 2 === 0 ? cursor : undefined;
          client.close();
        }
      } finally {
        state.stop = true;
        await traffic;
      }
      await pause(100);
      const all = pushedOf(witness);
      const names = all.map(nameOf);
      expect(new Set(names).size).toBe(names.length);
      expect(seen.filter(({ names }) => names.length >= 3).length).toBeGreaterThanOrEqual(3);
      for (const { after, names: got } of seen) {
        const from = all.findIndex((frame) => isBehind(frame.cursor, after));
        expect(got).toEqual(from < 0 ? [] : names.slice(from, from + got.length));
      }
      witness.close();
    },
  );
});

/** Offers with a call, postpones what is offered, and so on, until stopped or the profile has no room for more contacts. */
async function offerAndPostpone(customer: string, state: { readonly stop: boolean }): Promise<void> {
  const { engine } = outside.running.loop;
  for (let turn = 0; turn < 60 && !state.stop; turn++) {
    await call(customer);
    await pause(1);
    const live = (await engine.look(customerKey(customer)))?.active ?? [];
    const codes = live.flatMap((record) =>
      record.slates.flatMap((slate) => slate.items.map((item) => item.trackingCode)),
    );
    for (const code of codes) await report(code, customer, { outcome: "later", until: Date.now() + 1 });
    await pause(2);
  }
}

const pushedOf = (client: LiveClient) => client.frames.filter(({ op }) => op === "nba" || op === "withdraw");

function nameOf(frame: {
  op: string;
  cursor: string;
  trackingCode?: string;
  decision?: { trackingCode: string };
}): string {
  return `${frame.op} ${frame.cursor} ${frame.trackingCode ?? frame.decision?.trackingCode}`;
}

/** Is the frame with cursor `a` later than everything that cursor `b` stands for? */
function isBehind(a: string, b: string): boolean {
  const [seqA, ordinalA = "Infinity"] = a.split(".");
  const [seqB, ordinalB = "Infinity"] = b.split(".");
  return Number(seqA) > Number(seqB) || (seqA === seqB && Number(ordinalA) > Number(ordinalB));
}

describe("what a client does wrong", () => {
  it.each([
    ["nba.v1.json", "{bad", 4400, "not JSON at character 1"],
    ["nba.v1.json", '{"op":"dance"}', 4400, "op must be connect, subscribe, unsubscribe or outcome"],
    ["nba.v1.json", `{"op":"connect","token":"${"x".repeat(17_000)}"}`, 4400, "a message has at most 16384 bytes"],
    ["nba.v1.msgpack", "{}", 4400, "nba.v1.msgpack takes binary frames"],
  ])("%s: %.30s closes with %d", async (protocol, text, code, reason) => {
    const client = await open(protocol);
    client.sayRaw(text);
    expect(await client.closed).toEqual({ code, reason });
  });

  it("an unknown topic, placement, tracking code: an error frame, and the socket stays", async () => {
    const client = await open();
    client.say({ op: "subscribe", topic: "queue/retention", id: "1" });
    client.say({ op: "subscribe", topic: "customer/zoe", placement: "nowhere", id: "2" });
    client.say({ op: "outcome", trackingCode: `${"A".repeat(22)}.0`, outcome: "accepted", id: "3" });
    const code = async (id: string) => (await client.frame((frame) => frame.id === id)).code;
    expect(await code("1")).toBe("unknown-topic");
    expect(await code("2")).toBe("unknown-placement");
    expect(await code("3")).toBe("unknown-tracking-code");
    client.close();
  });

  it("a cursor of another life of Redis gets a snapshot", async () => {
    await call("una");
    await expect.poll(() => outside.running.loop.engine.look(customerKey("una"))).toBeDefined();
    const client = await open();
    client.say({ op: "subscribe", topic: "customer/una", since: "999999999" });
    expect((await client.frame(({ op }) => op === "snapshot")).cursor).not.toBe("999999999");
    client.close();
  });

  it("too many messages at once: 4429", async () => {
    const client = await open();
    for (let n = 0; n < 150; n++) client.say({ op: "unsubscribe", topic: "decisions" });
    expect((await client.closed).code).toBe(4429);
  });

  it("more than 64 topics: an error frame", async () => {
    const client = await open();
    for (let n = 0; n < 65; n++) client.say({ op: "subscribe", topic: `customer/many-${n}`, id: String(n) });
    expect(await client.frame(({ id }) => id === "64")).toMatchObject({ op: "error", code: "limit" });
    client.close();
  });
});

describe("the feed and the end", () => {
  it("the feed shows every decision, asked or triggered, and counts what it leaves out", async () => {
    const client = await open();
    client.say({ op: "subscribe", topic: "decisions" });
    await client.frame(({ op }) => op === "ack");
    await call("fay");
    const { decision } = await client.frame(({ op, decision }) => op === "decision" && decision.customer === "fay");
    expect(decision).toMatchObject({ direction: "outbound", trigger: { id: "call", source: "http" } });
    await call(...Array.from({ length: 600 }, (_, index) => `fred-${index}`));
    const shownNow = (): number => client.frames.filter(({ op }) => op === "decision").length;
    // All of them, or those that are decided late use up the rate of the second that follows.
    await expect.poll(() => shownNow() + (outside.counts["feed-rate"] ?? 0), { timeout: 20_000 }).toBe(601);
    expect(outside.counts["feed-rate"]).toBeGreaterThan(0);
    await pause(1_100);
    await call("flo");
    const next = await client.frame(({ op, decision }) => op === "decision" && decision.customer === "flo");
    const shown = shownNow();
    const skipped = client.frames.reduce((sum, frame) => sum + (frame.skipped ?? 0), 0);
    expect(next.skipped ?? skipped).toBeGreaterThan(0);
    expect(shown + skipped).toBe(602);
    client.close();
  });

  it("draining closes sockets with 1012 and takes no new ones", async () => {
    const client = await open();
    await outside.closeServer();
    expect(await client.closed).toEqual({ code: 1012, reason: "the engine stops" });
    await expect(open()).rejects.toThrow("the handshake was refused");
  });
});
