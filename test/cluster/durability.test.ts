// DURABILITY=wait:1 on a master with one replica: what no replica has is not answered, and found again later.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConnection } from "../../engine/journal/open-connection.ts";
import { type RedisConnection, text } from "../../engine/journal/redis.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { askFor, connect, decided, event, home, journalledOf } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startEngineProcess } from "../start-engine.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { eventually } from "./start-cluster.ts";

let master: TestRedis;
let replica: TestRedis;
let connection: RedisConnection;

beforeAll(async () => {
  master = await startTestRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  replica = await startTestRedis({ args: ["--replicaof", "127.0.0.1", String(master.port)] });
  await inStep();
  connection = await open();
}, 60_000);
afterAll(async () => {
  connection?.close();
  await replica?.stop();
  await master?.stop();
});

const open = (silenceMs = 2_000, replicaWaitMs = 300): Promise<RedisConnection> =>
  openConnection({ url: master.url, silenceMs, replicas: 1, replicaWaitMs });

async function inStep(): Promise<void> {
  const client = connect(replica);
  await eventually(
    "the replica to be in step",
    async () => /master_link_status:up/.test(await client.info("replication")) || undefined,
  );
  client.disconnect();
}

/** WAITs that the master has run. */
async function waits(): Promise<number> {
  const client = connect(master);
  const stats = await client.info("commandstats");
  client.disconnect();
  return Number(/cmdstat_wait:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe("a connection that waits for replicas", () => {
  it("waits once for what was answered in one go, and not at all for reads", async () => {
    const patient = await open(20_000, 10_000); // what is counted here does not depend on how fast the replica is
    const before = await waits();
    await Promise.all(Array.from({ length: 50 }, (_, n) => patient.command(["SET", `k${n}`, "v"])));
    const after = await waits();
    expect(after - before).toBeGreaterThanOrEqual(1);
    expect(after - before).toBeLessThan(50);
    await patient.command(["GET", "k1"]);
    expect(await waits()).toBe(after);
    patient.close();
    const other = connect(replica);
    expect(await other.get("k49")).toBe("v");
    other.disconnect();
  });

  it("is closed when the server behind it goes on with another history, as after a failover", async () => {
    const onReplica = await openConnection({ url: replica.url, silenceMs: 20_000 });
    const closed = new Promise<string>((resolve) => onReplica.onClosed(resolve));
    await onReplica.command(["PING"]); // by then it is known which history there was
    const client = connect(replica);
    await client.replicaof("NO", "ONE");
    await closed;
    await client.replicaof("127.0.0.1", String(master.port));
    client.disconnect();
    await inStep();
  });

  it("leaves a write in doubt that no replica took in time", async () => {
    await replica.kill();
    const write = connection.command(["SET", "alone", "1"]);
    await expect(write).rejects.toMatchObject({
      name: "RedisTrouble",
      message: "0 of 1 replicas have taken it within 300 ms",
    });
    expect(text(await connection.command(["GET", "alone"]))).toBe("1");
    await replica.restart();
    await inStep();
    await connection.command(["SET", "alone", "2"]);
  });
});

describe("an engine that waits for replicas", () => {
  it("answers nothing, accepts nothing and is not ready while there is none; goes on where it was when there is", async () => {
    const running: RunningLoop = await startLoop(master.url, { connect: open });
    try {
      const { engine } = running.loop;
      const before = decided(await engine.ask(askFor("wanda")));
      await replica.kill();
      const answer = await engine.ask(askFor("wanda", { deadlineMs: 600, idempotencyKey: "once" }));
      expect(answer.kind).not.toBe("decided");
      const [appended] = await engine.append([event("w-1", "purchase", "wanda", { amount: 1 })]);
      expect(appended?.kind).toBe("failed");
      await eventually("the engine not to be ready", async () => !engine.ready().ok || undefined);
      expect(engine.ready().why).toContain("0 of 1 replicas have taken it within 300 ms");
      await replica.restart();
      await inStep();
      await eventually("the engine to be ready", async () => engine.ready().ok || undefined);
      const again = await eventually("an answer", async () => {
        const answer = await engine.ask(askFor("wanda", { idempotencyKey: "once" }));
        return answer.kind === "decided" ? answer.record : undefined;
      });
      const client = connect(master);
      const journalled = (await journalledOf(client, "wanda")).map(({ id }) => id);
      client.disconnect();
      expect(journalled).toContain(before.id);
      expect(journalled.filter((id) => id === again.id)).toHaveLength(1);
    } finally {
      await running.stop();
    }
  }, 60_000);
});

describe("an engine process with DURABILITY=wait:1", () => {
  it("delivers nothing and accepts nothing while there is no replica; then everything once", async () => {
    const client = connect(master);
    await client.flushall();
    const engine = await startEngineProcess({
      REDIS_URL: master.url,
      DURABILITY: "wait:1",
      PARTITIONS: "4",
      RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
      MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
    });
    const bought = (customer: string): string =>
      JSON.stringify({ id: `b-${customer}`, type: "purchase", customer, ts: Date.now(), props: { amount: 500 } });
    const headers = { "content-type": "application/json" };
    const send = async (customer: string): Promise<Response> =>
      await fetch(`${engine.url}/v1/events`, { method: "POST", headers, body: bought(customer) });
    const delivered = async (): Promise<string[]> =>
      (await client.xrange("nba:channel:push", "-", "+")).map(([, fields]) => JSON.parse(fields[1] as string).customer);
    try {
      expect((await send("first")).status).toBe(202);
      await eventually("its message", async () => (await delivered()).length === 1 || undefined);
      await replica.kill();
      // Of a producer that asks no engine: it is in the log, and what it triggers may be decided.
      await client.xadd(`nba:{${home("second")}}:events`, "*", "s", "transactions", "d", bought("second"));
      const refused = await send("third");
      expect([refused.status, refused.headers.get("retry-after") !== null]).toEqual([503, true]);
      await eventually("the engine to notice", async () => (await ready(engine.url)) !== 200 || undefined);
      for (let looks = 0; looks < 10; looks++) {
        expect(await delivered()).toEqual(["first"]);
        await sleep(100);
      }
      await replica.restart();
      await inStep();
      await eventually("it to be accepted", async () => (await send("third")).status === 202 || undefined);
      await eventually("all messages", async () => (await delivered()).length >= 3 || undefined);
      expect((await delivered()).sort()).toEqual(["first", "second", "third"]);
      expect(await engine.stop()).toBe(0);
      expect((await delivered()).length, "none came late").toBe(3);
    } finally {
      await engine.kill();
      client.disconnect();
    }
  }, 60_000);
});

const ready = async (url: string): Promise<number> => (await fetch(`${url}/readyz`)).status;
