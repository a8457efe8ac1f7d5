// Whole rulebooks as arms of an experiment, and what is told of experiments afterwards.
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { experimentsCommand } from "../../engine/cli/experiments.ts";
import { explain } from "../../engine/decide/explain.ts";
import { presentCustomer } from "../../engine/deliver/present.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { customerKey, type RulebookHash } from "../../engine/domain/ids.ts";
import { encodeActivation } from "../../engine/ingest/log-entry.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { createRulebookLibrary } from "../../engine/partition/rulebook-library.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import {
  askFor,
  connect,
  customerIn,
  cutConnections,
  decided,
  editableRules,
  event,
  lookAt,
  outcomeOf,
  until,
} from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let running: RunningLoop;
let rules: Awaited<ReturnType<typeof editableRules>>;

const EXPERIMENTS = `experiments:
  - id: bold
    layer: pages
    arms:
      - { id: as-is, weight: 1 }
      - { id: bold, weight: 1, variant: bold-savings }
`;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  rules = await editableRules();
  await rules.write("experiments.yaml", EXPERIMENTS);
  await rules.write(
    "variants/bold-savings/actions/growth.yaml",
    (await rules.read("actions/growth.yaml")).replace("value: 9", "value: 90").replace("Save with B", "Boldly B"),
  );
  running = await startLoop(redis.url, { rulesDir: rules.dir });
});
afterEach(() => running.stop());

const ask = async (customer: string) => decided(await running.loop.engine.ask(askFor(customer)));
const treatmentOf = (record: DecisionRecord) => record.slates[0]?.items[0]?.treatment;
const armOf = (record: DecisionRecord) => record.arms.find(({ experiment }) => experiment === "bold")?.arm;

async function askAll(from: number, to: number): Promise<DecisionRecord[]> {
  return await Promise.all(Array.from({ length: to - from }, (_, n) => ask(`c-${from + n}`)));
}

describe("a variant", () => {
  it("decides for its arm, under its own hash; each decision is reproduced by whoever reads it later", async () => {
    const records = await askAll(0, 40);
    const base = running.loop.engine.rulebook();
    const hash = base.variants.get("bold-savings")?.hash;
    for (const record of records) {
      const isBold = armOf(record) === "bold";
      expect(record.rulebook).toBe(isBold ? hash : base.hash);
      expect(treatmentOf(record)).toBe(isBold ? "save-b:app" : "save-a:app");
      expect(await running.loop.engine.explain(record)).toMatchObject({ reproduced: true });
    }
    expect(new Set(records.map(armOf))).toEqual(new Set(["as-is", "bold"]));
    // By a process that knows of nothing but the record.
    const connection = await connectRedis({ url: redis.url, silenceMs: 2_000 });
    const library = createRulebookLibrary(connection, {});
    const bold = records.find((record) => armOf(record) === "bold") as DecisionRecord;
    expect(explain((await library.get(bold.rulebook)).decider, bold)).toMatchObject({ reproduced: true });
    connection.close();
  });

  it("an arm sticks: the same customer, the same rulebook, whatever is lost in between", async () => {
    const before = new Map((await askAll(0, 20)).map((record) => [record.key, record.rulebook]));
    await cutConnections(client, running);
    for (const record of await askAll(0, 20)) expect(record.rulebook).toBe(before.get(record.key));
  });

  it("its limits are those that a profile in its arm shows", async () => {
    const policy = await rules.read("contact-policy.yaml");
    await rules.write(
      "variants/bold-savings/contact-policy.yaml",
      policy.replace("app-per-day, max: 2", "app-per-day, max: 7"),
    );
    expect((await running.loop.engine.reload("test")).kind).toBe("activated");
    for (const record of await askAll(0, 12)) {
      const shown = presentCustomer(await lookAt(running, record.key), running.loop.engine.rulebook());
      const limit = shown.fatigue.find((one) => one.limit === "app-per-day");
      expect(limit).toMatchObject({ counted: 1, max: armOf(record) === "bold" ? 7 : 2 });
    }
  });

  it("CAS-1 a case takes from the screens what the case rules of the customer's arm suppress", async () => {
    await rules.write(
      "variants/bold-savings/contact-policy.yaml",
      `${await rules.read("contact-policy.yaml")}openCases:\n  - { id: no-selling, kinds: [complaint] }\n`,
    );
    expect((await running.loop.engine.reload("test")).kind).toBe("activated");
    const records = await askAll(0, 12);
    const opened = records.map(({ key }) =>
      event(`case-${key}`, "case_opened", key, { caseId: "k", kind: "complaint" }),
    );
    await running.loop.engine.append(opened);
    for (const { key } of records) await until(async () => (await lookAt(running, key)).openCases.length === 1);
    for (const record of records) {
      expect((await lookAt(running, record.key)).active).toHaveLength(armOf(record) === "bold" ? 0 : 1);
    }
  });

  it("learns with the base, and the base with it", async () => {
    const bold = (await askAll(0, 20)).find((record) => armOf(record) === "bold") as DecisionRecord;
    const code = bold.slates[0]?.items[0]?.trackingCode as string;
    await running.loop.engine.append([outcomeOf(bold.key, code, "accepted")]);
    await until(async () => (await lookAt(running, bold.key)).contacts.some(({ outcome }) => outcome === "accepted"));
    const next = await askAll(20, 40);
    expect(new Set(next.map(armOf)).size).toBe(2);
    for (const { input } of next)
      expect(input.evidence.map(([, trials, positives]) => [trials, positives])).toEqual([[1, 1]]);
  });

  it("is no rulebook for everybody: an activation of it is refused", async () => {
    const base = running.loop.engine.rulebook();
    const hash = base.variants.get("bold-savings")?.hash as RulebookHash;
    await client.xadd("nba:{0}:events", "*", ...encodeActivation(hash, "test"));
    await until(async () => (await client.xlen("nba:{0}:dead")) === 1);
    expect(await running.loop.engine.rollback("test", hash)).toMatchObject({ kind: "unknown" });
    expect(running.loop.engine.rulebook().hash).toBe(base.hash);
  });
});

describe("nba experiments", () => {
  async function report(): Promise<{ experiments: Record<string, unknown>[]; exitCode: unknown }> {
    const written: string[] = [];
    const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
    vi.stubEnv("REDIS_URL", redis.url);
    const before = process.exitCode;
    try {
      await experimentsCommand().parseAsync(["--json"], { from: "user" });
      return { ...JSON.parse(written.join("")), exitCode: process.exitCode };
    } finally {
      process.exitCode = before;
      spy.mockRestore();
      vi.unstubAllEnvs();
    }
  }

  it("counts customers, decisions, contacts and positives of each arm as a reader of the answers does", async () => {
    await rules.write("experiments.yaml", `holdout: { share: 0.3 }\n${EXPERIMENTS}`);
    await running.loop.engine.reload("test");
    const records = [...(await askAll(0, 60)), ...(await askAll(0, 10))];
    let accepted = 0;
    for (const record of records.slice(0, 30)) {
      const [item] = record.slates[0]?.items ?? [];
      if (item === undefined || armOf(record) !== "bold") continue;
      const again = outcomeOf(record.key, item.trackingCode, "accepted");
      await running.loop.engine.append([again, { ...again, id: `${again.id}-again` }]);
      accepted++;
    }
    expect(accepted).toBeGreaterThan(3);
    const expected = (arm: string) => {
      const own = records.filter((record) => armOf(record) === arm);
      return {
        arm,
        share: 0.5,
        customers: new Set(own.map(({ key }) => key)).size,
        decisions: own.length,
        contacts: own.flatMap(({ contacts }) => contacts.filter(({ shadow }) => !shadow)).length,
        positives: arm === "bold" ? accepted : 0,
      };
    };
    const { experiments, exitCode } = await report();
    expect(exitCode ?? 0).toBe(0);
    expect(experiments[0]).toMatchObject({
      experiment: "bold",
      crossed: 0,
      arms: [expected("as-is"), expected("bold")],
    });
    const held = new Set(records.filter(({ withheld }) => withheld.length > 0).map(({ key }) => key)).size;
    expect(held).toBeGreaterThan(5);
    expect(experiments[1]).toMatchObject({
      experiment: "$holdout",
      arms: [
        { arm: "in", customers: held, contacts: 0, positives: 0 },
        { arm: "out", customers: 60 - held, positives: accepted },
      ],
      ratio: { isAlarm: false },
    });
  });

  it("counts what is reported under the customer's key of what was shown to the device before", async () => {
    const [device, customer] = [customerIn(1, "anon:d-"), customerIn(2, "c-")];
    const shown = await ask(device);
    const identified = event("i-1", "identify", customer);
    await running.loop.engine.append([{ ...identified, anonymousId: device.slice("anon:".length) }]);
    await until(async () => (await running.loop.engine.look(customerKey(customer)))?.absorbed.length === 1);
    const code = shown.contacts[0]?.trackingCode as string;
    await running.loop.engine.append([outcomeOf(customer, code, "accepted")]);
    const outcome = async () => (await lookAt(running, customer)).contacts[0]?.outcome;
    await until(async () => (await outcome()) === "accepted");
    const { experiments } = await report();
    const arms = experiments[0]?.["arms"] as { arm: string; positives: number }[];
    expect(arms.find(({ arm }) => arm === armOf(shown))?.positives).toBe(1);
  });

  it("alarms where customers are not divided as declared, and exits 1", async () => {
    const records = await askAll(0, 60);
    const bold = records.filter((record) => armOf(record) === "bold").length;
    // Weights are changed as it runs: those who were decided for stay what they were.
    await rules.write("experiments.yaml", EXPERIMENTS.replace("as-is, weight: 1", "as-is, weight: 9"));
    await running.loop.engine.reload("test");
    const { experiments, exitCode } = await report();
    expect(exitCode).toBe(1);
    expect(experiments[0]).toMatchObject({
      arms: [
        { arm: "as-is", share: 0.9, customers: 60 - bold },
        { arm: "bold", customers: bold },
      ],
      ratio: { isAlarm: true },
    });
  });

  it("what only the journal knows is told, too, and events of nobody's decision count for nothing", async () => {
    await askAll(0, 5);
    await rules.remove("experiments.yaml");
    await rules.remove("variants");
    expect((await running.loop.engine.reload("test")).kind).toBe("activated");
    await running.loop.engine.append([event("p-1", "purchase", "c-1", { amount: 1 })]);
    const { experiments } = await report();
    expect(experiments).toHaveLength(1);
    expect(experiments[0]).toMatchObject({ experiment: "bold" });
    const arms = experiments.flatMap((one) => one["arms"] as { customers: number }[]);
    expect(arms.reduce((sum, { customers }) => sum + customers, 0)).toBe(5);
  });
});
