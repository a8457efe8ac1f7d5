import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import type { RulebookHash } from "../../engine/domain/ids.ts";
import { encodeActivation, encodeEvent } from "../../engine/ingest/log-entry.ts";
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
  journalOf,
  lookAt,
  outcomeOf,
  PARTITIONS,
  until,
} from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let running: RunningLoop;
let rules: Awaited<ReturnType<typeof editableRules>>;

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
  running = await startLoop(redis.url, { rulesDir: rules.dir });
});
afterEach(() => running.stop());

const ask = async (customer: string, desk = false) =>
  decided(
    await running.loop.engine.ask(
      askFor(customer, desk ? { channel: "contact-centre", placements: [{ name: "agent-desk" }] } : {}),
    ),
  );
const restart = async (): Promise<void> => {
  await running.stop();
  running = await startLoop(redis.url, { rulesDir: rules.dir });
};
const treatmentOf = (record: Awaited<ReturnType<typeof ask>>) => record.slates[0]?.items[0]?.treatment;
const report = async (customer: string, code: string, outcome: string): Promise<void> => {
  await running.loop.engine.append([outcomeOf(customer, code, outcome)]);
  await until(async () =>
    (await lookAt(running, customer)).contacts.some((c) => c.trackingCode === code && c.outcome === outcome),
  );
};
/** Two actions that differ by nothing but their names: save-a comes first, as ties are broken by id. */
const makeEqual = () => rules.edit("actions/growth.yaml", (text) => text.replace("value: 9", "value: 10"));
/** `count` customers were shown save-a and did not care. */
async function bore(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const shown = await ask(`bored-${n}`);
    expect(treatmentOf(shown)).toBe("save-a:app");
    await report(`bored-${n}`, shown.slates[0]?.items[0]?.trackingCode as string, "presented");
  }
}

describe("a rule that fails on a profile", () => {
  it("drops its action alone, and is counted by stage", async () => {
    await rules.edit("actions/growth.yaml", (text) =>
      text.replace(
        "label: Save A\n",
        "label: Save A\n        eligibility: [{ id: gold, rule: attributes.tier == 'gold' }]\n",
      ),
    );
    expect(await running.loop.engine.reload("test")).toMatchObject({ kind: "activated" });
    const record = await ask("tierless");
    expect(treatmentOf(record)).toBe("save-b:app");
    const { text } = await running.metrics.scrape(undefined);
    expect(text).toMatch(/^nba_rule_errors_total\{stage="eligibility"\} 1$/m);
    expect(text).toMatch(/^nba_candidates_dropped_total\{stage="eligibility"\} 1$/m);
  });
});

describe("evidence", () => {
  beforeEach(async () => {
    await makeEqual();
    await running.loop.engine.reload("test");
  });

  it("outcomes of one of two equal actions change their order, also after a restart and a lost session", async () => {
    await bore(1);
    expect(treatmentOf(await ask("next-1"))).toBe("save-b:app");
    await restart();
    expect(treatmentOf(await ask("next-2"))).toBe("save-b:app");
    await cutConnections(client, running);
    expect(treatmentOf(await ask("next-3"))).toBe("save-b:app");
  });

  it("acceptance counts for it, and retracted takes that back", async () => {
    await bore(1);
    const second = await ask("fan"); // save-b, which nobody was shown yet
    const code = second.slates[0]?.items[0]?.trackingCode as string;
    await report("fan", code, "declined");
    expect(positivesIn(await ask("x-1"))).toBe(0);
    await report("fan", code, "accepted");
    expect(positivesIn(await ask("x-2"))).toBe(1);
    await running.loop.engine.append([outcomeOf("fan", code, "retracted")]);
    await until(async () => positivesIn(await ask(`x-${Math.random()}`)) === 0);
  });

  it("survives a reload and the restart after it", async () => {
    await bore(1);
    const before = await ask("x-1");
    await rules.edit("rulebook.yaml", () => 'version: "small-2"\n');
    expect((await running.loop.engine.reload("test")).kind).toBe("activated");
    const after = await ask("x-2");
    expect(after.rulebook).not.toBe(before.rulebook);
    expect(after.input.evidence).toEqual(before.input.evidence);
    expect(after.input.evidence.map(([, trials]) => trials)).toEqual([1]);
    expect(treatmentOf(after)).toBe("save-b:app");
    await restart();
    expect((await ask("x-3")).input.evidence).toEqual(before.input.evidence);
  });
});

describe("reload", () => {
  it("under load: nothing is lost or doubled, and every decision carries what its log had activated", async () => {
    const { engine } = running.loop;
    let isRunning = true;
    const answered: string[] = [];
    const sent: string[] = [];
    const asking = (async () => {
      for (let n = 0; isRunning; n++) answered.push((await ask(`asker-${n % 40}`, true)).id);
    })();
    const sending = (async () => {
      for (let n = 0; isRunning; n++) {
        sent.push(`t-${n}`);
        await engine.append([event(`t-${n}`, "purchase", `buyer-${n % 40}`, { amount: 500 })]);
      }
    })();
    const hashes = new Set<string>([engine.rulebook().hash]);
    for (let round = 0; round < 6; round++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      await rules.edit("rulebook.yaml", () => `version: "round-${round}"\n`);
      // The placements change their numbers each time: a trigger decided by the wrong rulebook would show.
      await rules.edit("placements.yaml", (text) => {
        const [head, ...lines] = text.trimEnd().split("\n");
        return [head, ...lines.slice(1), lines[0]].join("\n");
      });
      const reloaded = await engine.reload("test");
      if (reloaded.kind !== "activated") throw new Error(JSON.stringify(reloaded));
      hashes.add(reloaded.hash);
    }
    isRunning = false;
    await Promise.all([asking, sending]);
    expect(hashes.size).toBe(7);
    await until(
      async () => (await allDecisions()).filter(({ trigger }) => trigger !== undefined).length >= sent.length,
    );
    const decisions = await allDecisions();
    expect(new Set(decisions.map(({ id }) => id)).size).toBe(decisions.length);
    expect(decisions.flatMap(({ trigger }) => trigger?.event ?? []).sort()).toEqual([...sent].sort());
    expect(
      decisions
        .filter(({ trigger }) => trigger === undefined)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(answered.sort());
    for (const { direction, slates } of decisions) {
      expect(slates.map(({ placement }) => placement)).toEqual([direction === "outbound" ? "outreach" : "agent-desk"]);
    }
    await expectLogsRulebook();
  });

  async function allDecisions() {
    const journals = await Promise.all(Array.from({ length: PARTITIONS }, (_, index) => journalOf(client, index)));
    return journals.flatMap((commits) => commits.flatMap(({ decisions }) => decisions));
  }

  /** Reads the logs by hand: which rulebook was activated last at or before the position of each commit. */
  async function expectLogsRulebook(): Promise<void> {
    const genesis = await client.hget("nba:config", "genesis");
    for (let index = 0; index < PARTITIONS; index++) {
      const entries = await client.xrangeBuffer(`nba:{${index}}:events`, "-", "+");
      const { unpack } = await import("msgpackr");
      const activations = entries
        .filter(([, fields]) => fields[1]?.toString() === "$activate")
        .map(([id, fields]) => ({ id: id.toString(), hash: (unpack(fields[3] as Buffer) as { hash: string }).hash }));
      const order = (id: string) =>
        id
          .split("-")
          .map((part) => part.padStart(15, "0"))
          .join();
      for (const { position, decisions } of await journalOf(client, index)) {
        const last = activations.filter(({ id }) => order(id) <= order(position)).at(-1)?.hash ?? genesis;
        for (const { rulebook } of decisions) expect(rulebook).toBe(last);
      }
    }
  }

  it("a trigger right before an activation is decided by the rulebook that it triggered under", async () => {
    const before = running.loop.engine.rulebook().hash;
    await rules.edit("placements.yaml", (text) => {
      const [head, ...lines] = text.trimEnd().split("\n");
      return [head, ...lines.reverse()].join("\n");
    });
    const reloaded = await running.loop.engine.reload("test");
    if (reloaded.kind !== "activated") throw new Error(JSON.stringify(reloaded));
    // All in one transaction, so in one read: to and fro between the two rulebooks, a trigger under each.
    const key = `nba:{${home("ana")}}:events`;
    const batch = client.multi();
    for (let n = 0; n < 3; n++) {
      for (const hash of [before, reloaded.hash as RulebookHash]) {
        batch.xadd(key, "*", ...encodeActivation(hash, "test"));
        batch.xadd(key, "*", ...encodeEvent(event(`t-${hash}-${n}`, "purchase", "ana", { amount: 500 })));
      }
    }
    await batch.exec();
    await until(async () => (await journalledOf(client, "ana")).length === 6);
    const decisions = await journalledOf(client, "ana");
    expect(decisions.map(({ trigger }) => trigger?.event)).toEqual(
      [0, 1, 2].flatMap((n) => [`t-${before}-${n}`, `t-${reloaded.hash}-${n}`]),
    );
    for (const { trigger, rulebook, slates } of decisions) {
      expect(trigger?.event).toContain(rulebook);
      expect(slates[0]?.placement).toBe("outreach");
    }
  });

  it("a feature that did not change keeps its window, a new one begins; a restart finds the same", async () => {
    const { engine } = running.loop;
    await engine.append([event("r-0", "refund", "ana")]); // no feature is of it yet
    for (let n = 0; n < 3; n++) await engine.append([event(`p-${n}`, "purchase", "ana", { amount: 10 })]);
    await until(async () => (await lookAt(running, "ana")).features["spend_all"] === 30);
    await rules.edit("features.yaml", (text) =>
      text.replace(
        "features:\n",
        "features:\n  - { name: a_new_one, label: New, aggregate: count, of: [refund], window: 2h }\n",
      ),
    );
    await engine.reload("test");
    await engine.append([event("r-1", "refund", "ana"), event("p-3", "purchase", "ana", { amount: 10 })]);
    const expected = { a_new_one: 1, purchases_24h: 4, spend_all: 40, views_1h: 0 };
    await until(async () => (await lookAt(running, "ana")).features["spend_all"] === 40);
    expect((await lookAt(running, "ana")).features).toEqual(expected);
    await cutConnections(client, running);
    expect((await lookAt(running, "ana")).features).toEqual(expected);
    await restart();
    expect((await lookAt(running, "ana")).features).toEqual(expected);
  });

  it("a faulty rulebook changes nothing: it is not stored, not activated, and the faults are told", async () => {
    const before = { hash: running.loop.engine.rulebook().hash, keys: await client.keys("nba:rulebook:*") };
    await rules.edit("triggers.yaml", (text) => text.replace("context.amount >= 100", "context.amount >= "));
    const answer = await running.loop.engine.reload("test");
    expect(answer).toMatchObject({ kind: "faulty", faults: [{ file: "triggers.yaml", line: 2 }] });
    expect(running.loop.engine.rulebook().hash).toBe(before.hash);
    expect(await client.keys("nba:rulebook:*")).toEqual(before.keys);
    expect(await client.exists("nba:{0}:events")).toBe(0);
    expect((await ask("ana")).rulebook).toBe(before.hash);
  });

  it("after a restart the log's rulebook runs, not the folder's", async () => {
    await rules.edit("rulebook.yaml", () => 'version: "activated"\n');
    const reloaded = await running.loop.engine.reload("test");
    await rules.edit("rulebook.yaml", () => 'version: "only in the folder"\n');
    await restart();
    expect(reloaded).toEqual({ kind: "activated", hash: running.loop.engine.rulebook().hash });
    expect((await ask("ana")).rulebook).toBe(running.loop.engine.rulebook().hash);
    expect(running.loop.engine.rulebook().version).toBe("activated");
  });
});

function positivesIn({ input }: DecisionRecord): number {
  return input.evidence.reduce((sum, [, , positives]) => sum + positives, 0);
}
