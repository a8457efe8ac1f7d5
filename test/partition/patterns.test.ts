// What asks without being asked, from the stream to the channel, on a clock that the test moves.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../engine/domain/time.ts";
import { encodeEvent, encodeTimer } from "../../engine/ingest/log-entry.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import {
  askFor,
  connect,
  cutConnections,
  decided,
  editableRules,
  event,
  home,
  journalledOf,
  lookAt,
  outcomeOf,
  until,
} from "./harness.ts";

let redis: TestRedis;
let client: Redis;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

const TRIGGERS = `triggers:
  - { id: basket, absence: { after: { on: [add_to_cart] }, of: { on: [purchase] }, within: 30m }, placement: outreach }
  - { id: keen, count: { of: { on: [page_view], where: "event.props.section == 'loans'" }, times: 3, within: 1h }, placement: outreach }
  - { id: stuck, sequence: { steps: [ { on: [form_opened] }, { on: [form_error] } ], within: 10m }, placement: outreach }
  - { id: gone, inactivity: { of: { on: [logged_in] }, for: 30d }, when: "features.logins_90d >= 2.0", placement: outreach }
`;

const FEATURES = `
  - { name: logins_90d, label: Logins, aggregate: count, of: [logged_in], window: 90d }
  - { name: settles, label: Settled, aggregate: count, of: [settled] }
`;

async function rulesWith(triggers: string, policy = ""): Promise<string> {
  const { dir, edit } = await editableRules();
  await edit("triggers.yaml", () => triggers);
  await edit("features.yaml", (text) => text.trimEnd() + FEATURES);
  await edit("contact-policy.yaml", (text) => text + policy);
  return dir;
}

/** A loop whose clock the test moves on. */
async function startAhead(rulesDir: string) {
  const time = { aheadMs: 0 };
  const options = { rulesDir, clock: () => Date.now() + time.aheadMs };
  return { time, options, running: await startLoop(redis.url, options) };
}

const triggered = async (customer: string): Promise<readonly DecisionRecord[]> =>
  (await journalledOf(client, customer)).filter(({ trigger }) => trigger !== undefined);
const asked = async (customer: string): Promise<readonly string[]> =>
  (await triggered(customer)).map(({ trigger }) => `${trigger?.id} ${trigger?.event}`);
const send = ({ loop }: RunningLoop, ...events: ReturnType<typeof event>[]) => loop.engine.append(events);
/** Everything sent before is folded then. */
async function settled(running: RunningLoop, customer: string): Promise<void> {
  const id = `settled-${Math.random()}`;
  const before = (await running.loop.engine.look(customerKey(customer)))?.features["settles"] ?? 0;
  await send(running, event(id, "settled", customer));
  await until(async () => ((await lookAt(running, customer)).features["settles"] ?? 0) !== before);
}

describe("the abandoned basket, from the stream to the channel", () => {
  it("PTN-9 is decided once, through a session that was lost in between, and after it was decided", async () => {
    const rulesDir = await rulesWith(TRIGGERS);
    const { time, running, options } = await startAhead(rulesDir);
    const put = (id: string, type: string, customer: string) =>
      client.xadd(`nba:{${home(customer)}}:events`, "*", ...encodeEvent(event(id, type, customer, { amount: 1 })));
    await put("cart-1", "add_to_cart", "ana");
    await put("cart-2", "add_to_cart", "ben");
    await put("bought", "purchase", "ben");
    await settled(running, "ana");
    await settled(running, "ben");
    await until(async () => (await client.zscore(`nba:{${home("ana")}}:timers`, "ana")) !== null);
    await cutConnections(client, running);
    time.aheadMs = 29 * MINUTE_MS;
    await settled(running, "ana");
    expect(await asked("ana")).toEqual([]);
    time.aheadMs = 31 * MINUTE_MS;
    await until(async () => (await asked("ana")).length > 0);
    expect(await asked("ana")).toEqual(["basket cart-1"]);
    const [record] = await triggered("ana");
    expect(record).toMatchObject({ kind: "act", direction: "outbound", trigger: { source: "http" } });
    await cutConnections(client, running);
    await running.stop();
    const again = await startLoop(redis.url, options);
    time.aheadMs = 3 * HOUR_MS;
    // A timer that comes twice asks for nothing.
    await client.xadd(`nba:{${home("ana")}}:events`, "*", ...encodeTimer("ana" as never, Date.now() as never));
    await settled(again, "ana");
    await settled(again, "ben");
    expect(await asked("ana")).toEqual(["basket cart-1"]);
    expect(await asked("ben")).toEqual([]);
    await again.stop();
  });

  it("PTN-10 what was seen for another pattern of the same name counts for nothing; times may be changed", async () => {
    const { dir, edit } = await editableRules();
    const count = (type: string, times: number, within: string) =>
      `triggers:\n  - { id: thrice, count: { of: { on: [${type}] }, times: ${times}, within: ${within} }, placement: outreach }\n`;
    await edit("features.yaml", (text) => text.trimEnd() + FEATURES);
    await edit("triggers.yaml", () => count("viewed", 3, "1h"));
    const { running } = await startAhead(dir);
    const change = async (text: string) => {
      await edit("triggers.yaml", () => text);
      expect((await running.loop.engine.reload("test")).kind).toBe("activated");
    };
    await send(running, event("v-1", "viewed", "ana"), event("v-2", "viewed", "ana"));
    await settled(running, "ana");
    await change(count("logged_in", 3, "1h"));
    await send(running, event("l-1", "logged_in", "ana"));
    await settled(running, "ana");
    expect(await asked("ana")).toEqual([]);
    await change(count("logged_in", 2, "2h"));
    await send(running, event("l-2", "logged_in", "ana"));
    await settled(running, "ana");
    await until(async () => (await asked("ana")).length > 0);
    expect(await asked("ana")).toEqual(["thrice l-2"]);
    await running.stop();
  });

  it("PTN-9 fires for a profile that is not in memory any more", async () => {
    const rulesDir = await rulesWith(TRIGGERS);
    const time = { aheadMs: 0 };
    const running = await startLoop(redis.url, { rulesDir, clock: () => Date.now() + time.aheadMs, profilesMax: 4 });
    for (let n = 0; n < 20; n++) await send(running, event(`cart-${n}`, "add_to_cart", `c-${n}`));
    await until(async () => (await client.keys("nba:{*}:profile:*")).length >= 16);
    time.aheadMs = HOUR_MS;
    for (let n = 0; n < 20; n++) await until(async () => (await asked(`c-${n}`)).length === 1);
    await running.stop();
  });

  it("W20: what puts a timer off costs no commit; it goes off for nothing and is armed anew", async () => {
    const { time, running } = await startAhead(await rulesWith(TRIGGERS));
    const score = () => client.zscore(`nba:{${home("ana")}}:timers`, "ana");
    const start = Date.now();
    await send(running, event("in-0", "logged_in", "ana", {}, start));
    await until(async () => (await score()) === String(start + 30 * DAY_MS));
    const commits = await client.xlen(`nba:{${home("ana")}}:journal`);
    for (let n = 1; n <= 50; n++) await send(running, event(`in-${n}`, "logged_in", "ana", {}, start + n));
    await until(async () => (await lookAt(running, "ana")).features["logins_90d"] === 51);
    expect(await client.xlen(`nba:{${home("ana")}}:journal`)).toBe(commits);
    expect(await score()).toBe(String(start + 30 * DAY_MS));
    time.aheadMs = 30 * DAY_MS + 10_000;
    await until(async () => (await asked("ana")).length === 1);
    expect(await asked("ana")).toEqual(["gone in-50"]);
    await running.stop();
  });

  it("PTN-9 when is tested with the features of then; count and sequence ask as their last event comes", async () => {
    const { time, running } = await startAhead(await rulesWith(TRIGGERS));
    await send(running, event("in", "logged_in", "once"));
    const view = (n: number, section: string) => event(`view-${n}`, "page_view", "ana", { section });
    await send(running, view(1, "loans"), view(2, "cards"), view(3, "loans"), view(4, "loans"), view(5, "loans"));
    await send(running, event("open", "form_opened", "ben", { form: "loan" }));
    await send(running, event("error", "form_error", "ben", { field: "iban" }));
    await until(async () => (await asked("ana")).length + (await asked("ben")).length === 2);
    expect(await asked("ana")).toEqual(["keen view-4"]);
    expect(await asked("ben")).toEqual(["stuck open"]);
    expect((await triggered("ben"))[0]?.input.request.context).toEqual({ field: "iban" });
    time.aheadMs = 31 * DAY_MS;
    await until(async () => (await client.zscore(`nba:{${home("once")}}:timers`, "once")) === "inf");
    expect(await asked("once")).toEqual([]);
    await running.stop();
  });
});

describe("a rejection", () => {
  const REJECTED = `triggers:
  - { id: next-offer, rejected: [declined], placement: agent-desk }
`;
  const desk = { channel: "contact-centre", placements: [{ name: "agent-desk", limit: 1 }] };

  it("RED-1 RED-2 the desk that was turned down gets the next best at once; a repetition asks for nothing", async () => {
    const running = await startLoop(redis.url, { rulesDir: await rulesWith(REJECTED) });
    const first = decided(await running.loop.engine.ask(askFor("ana", desk)));
    const code = first.contacts[0]?.trackingCode as string;
    const no = outcomeOf("ana", code, "declined");
    await send(running, no);
    await until(async () => (await asked("ana")).length === 1);
    const [record] = await triggered("ana");
    expect(record).toMatchObject({ direction: "inbound", trigger: { id: "next-offer", event: no.id } });
    const offered = record?.slates.flatMap(({ items }) => items.map(({ action, channel }) => `${action} ${channel}`));
    expect(offered).toEqual(["save-b contact-centre"]);
    await send(running, outcomeOf("ana", code, "declined", Date.now() + 1), outcomeOf("ana", code, "retracted"));
    const app = decided(await running.loop.engine.ask(askFor("ana")));
    await send(running, outcomeOf("ana", app.contacts[0]?.trackingCode as string, "declined"));
    await settled(running, "ana");
    expect(await asked("ana")).toHaveLength(1);
    await running.stop();
  });
});

describe("a case", () => {
  it("CAS-1 that is opened takes from the screens what its rule suppresses, and nothing else", async () => {
    const policy = "openCases:\n  - { id: no-selling, kinds: [complaint], suppresses: { actions: [save-a] } }\n";
    const running = await startLoop(redis.url, { rulesDir: await rulesWith("triggers: []\n", policy) });
    const both = { channel: "contact-centre", placements: [{ name: "agent-desk" }] };
    const record = decided(await running.loop.engine.ask(askFor("ana", both)));
    const code = record.slates[0]?.items.find(({ action }) => action === "save-a")?.trackingCode;
    await send(running, event("question", "case_opened", "ana", { caseId: "q", kind: "question" }));
    await settled(running, "ana");
    expect((await lookAt(running, "ana")).contacts.map(({ live }) => live)).toEqual([true, true]);
    const told: string[] = [];
    running.loop.engine.onCommitted(({ withdrawals }) => {
      for (const { trackingCode, because } of withdrawals) told.push(`${trackingCode} ${because}`);
    });
    await send(running, event("complaint", "case_opened", "ana", { caseId: "c", kind: "complaint" }));
    await until(() => told.length > 0);
    await settled(running, "ana");
    expect(told).toEqual([`${code} case-opened`]);
    const { contacts } = await lookAt(running, "ana");
    expect(contacts.filter(({ live }) => live)).toHaveLength(1);
    expect(
      contacts.map(({ state }) => state),
      "what was pushed gives its place back",
    ).toEqual(["released", "reserved"]);
    await running.stop();
  });
});
