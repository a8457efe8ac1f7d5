import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulateThere } from "../../engine/cli/simulate-there.ts";
import { whyCommand } from "../../engine/cli/why.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { readContext, readPartition } from "../../engine/partition/read-partition.ts";
import { type Outside, startOutside } from "../deliver/outside.ts";
import { askFor, connect, decided, event, home, lookAt, outcomeOf, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { commanded } from "./commanded.ts";

let redis: TestRedis;
let client: Redis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  outside = await startOutside(redis.url);
});
afterAll(async () => {
  await outside.stop();
  client.disconnect();
  await redis.stop();
});

const passing = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A moment between what happened before and what comes after. */
async function moment(): Promise<Instant> {
  await passing();
  const at = Date.now() as Instant;
  await passing();
  return at;
}

const why = (...args: readonly string[]): Promise<string> => commanded(redis.url, whyCommand(), ...args);

/** Ana's story: what she was shown at home in the app, in order, with moments between. */
async function story(customer: string) {
  const { engine } = outside.running.loop;
  const outset = await moment();
  const first = decided(await engine.ask(askFor(customer)));
  const shown = await moment();
  const code = first.contacts[0]?.trackingCode ?? "";
  await engine.append([outcomeOf(customer, code, "presented"), outcomeOf(customer, code, "declined", Date.now() + 1)]);
  await until(async () => (await lookAt(outside.running, customer)).contacts[0]?.outcome === "declined");
  const declined = await moment();
  const second = decided(await engine.ask(askFor(customer)));
  return { outset, shown, declined, first, second, end: await moment() };
}

describe("nba why", () => {
  it("says in one sentence what was decided and what would be decided, and writes nothing", async () => {
    const { second } = await story("ana");
    const state = async () => [
      await client.dbsize(),
      ...(await Promise.all([0, 1, 2, 3].map((p) => client.xlen(`nba:{${p}}:journal`)))),
    ];
    const before = await state();
    const told = await why("ana", "save-a");
    const [sentence, decision] = told.split("\n");
    expect(sentence).toMatch(
      /^ana did not get save-a at 20\S+Z: suppression after-declined: cool-down, again at 20\S+Z$/,
    );
    expect(decision).toContain(`decision ${second.id} in app-home, rulebook small-1`);
    expect(decision).toContain("computed again: the same, bit for bit");
    expect(told).toMatch(
      /\nnow ana would not get save-a: suppression after-declined: cool-down, again at 20\S+Z\n {2}supposed in app-home/,
    );
    expect(await why("ana", "save-b")).toMatch(/^ana got save-b at \S+: rank 1 in app-home by save-b:app, priority/);
    expect(await state()).toEqual(before);
  });

  it("goes back to a moment: before the answer the same action would have been shown", async () => {
    const { outset, shown, declined, end } = await story("ben");
    const at = async (moment: Instant) => JSON.parse(await why("ben", "save-a", "--at", String(moment), "--json"));
    expect((await at(outset)).backThen).toMatchObject({ outcome: "offered" });
    const kept = (await at(shown)).backThen;
    expect(kept).toMatchObject({ outcome: "offered", asked: "app-home", by: "redis" });
    expect(kept.sentence).toContain("still live from before");
    expect((await at(declined)).backThen.sentence).toContain("suppression after-declined");
    expect((await at(end)).backThen.sentence).toMatch(/^at \S+ ben would not have got save-a: suppression/);
    const iso = new Date(outset).toISOString();
    const desk = await why("ben", "save-b", "--at", iso, "--placement", "agent-desk");
    expect(desk).toMatch(/would have got save-b: rank 2 in agent-desk by save-b:contact-centre/);
    const push = await why("ben", "save-b", "--at", iso, "--channel", "push");
    expect(push).toMatch(/would not have got save-b: slots: lost to save-a:push in outreach/);
  });

  it("asks the engine that owns the customer, where one answers", async () => {
    const [from, to] = [askFor("dora"), askFor("dora", { placements: [{ name: "nowhere" }] })];
    const suppose = { attributes: {}, features: {}, models: {}, consents: [], contacts: "keep" } as const;
    const asked = await simulateThere(outside.url, { ...from, direction: "inbound", suppose });
    expect(asked).toMatchObject({ kind: "explained", outcome: "act", reproduced: true });
    expect(await simulateThere(outside.url, { ...to, direction: "inbound", suppose })).toBeUndefined();
    expect(await simulateThere("http://127.0.0.1:1", { ...from, direction: "inbound", suppose })).toBeUndefined();
  });

  it("rebuilds the profile of every moment as it was", async () => {
    const { engine } = outside.running.loop;
    const moments: { at: Instant; spent: number; contacts: number }[] = [];
    for (let n = 1; n <= 6; n++) {
      await engine.append([event(`p-${n}`, "purchase", "cleo", { amount: 10 * n })]);
      if (n % 2 === 0)
        decided(
          await engine.ask(
            askFor("cleo", n === 4 ? { channel: "contact-centre", placements: [{ name: "agent-desk" }] } : {}),
          ),
        );
      await until(async () => ((await lookAt(outside.running, "cleo")).features["spend_all"] ?? 0) === 5 * n * (n + 1));
      const look = await lookAt(outside.running, "cleo");
      moments.push({ at: await moment(), spent: look.features["spend_all"] ?? 0, contacts: look.contacts.length });
    }
    const connection = await connectRedis({ url: redis.url, silenceMs: 2_000 });
    try {
      const context = await readContext(connection);
      if (context === undefined) throw new Error("no context");
      const key = customerKey("cleo");
      for (const { at, spent, contacts } of moments) {
        const { store, active } = (await readPartition(context, home("cleo"), key, at)).partition;
        const row = new Float64Array(active.rulebook.features.length);
        store.features(key, at, row);
        expect(row[active.rulebook.features.findIndex(({ name }) => name === "spend_all")]).toBe(spent);
        expect(store.state(key).contacts.length).toBe(contacts);
      }
      const { partition: now } = await readPartition(context, home("cleo"), key, undefined);
      expect(now.store.state(key).contacts).toEqual((await lookAt(outside.running, "cleo")).contacts);
    } finally {
      connection.close();
    }
  });

  it.each([
    [["ana", "save-c"], /there is no action "save-c" in rulebook small-1: .*"save-a"/],
    [["ana", "save-a", "--placement", "nowhere"], /"save-a" is not made for nowhere; it is made for: app-home on app/],
    [["ana", "save-a", "--at", "soon"], /--at is "soon": must be a time/],
    [["ana", "save-a", "--at", "2999-01-01"], /still to come/],
  ])("%j is wrong use", async (args, message) => {
    await expect(why(...args)).rejects.toMatchObject({ message: expect.stringMatching(message), exitCode: 2 });
  });
});
