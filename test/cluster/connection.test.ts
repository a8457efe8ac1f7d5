import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { slotOf } from "../../engine/journal/cluster-slots.ts";
import { ENGINES_KEY, partitionKeys } from "../../engine/journal/keys.ts";
import { openConnection } from "../../engine/journal/open-connection.ts";
import { quotaKey } from "../../engine/journal/quota.ts";
import { type RedisConnection, redisScript, text } from "../../engine/journal/redis.ts";
import { createLog } from "../../engine/observe/log.ts";
import { askFor, customerIn, editableRules } from "../partition/harness.ts";
import { startLoop } from "../start-loop.ts";
import { moveKeys, moveSlot } from "./move-slot.ts";
import { type ClusterNode, eventually, startCluster, type TestCluster } from "./start-cluster.ts";

const PARTITIONS = 12;
let cluster: TestCluster;
let connection: RedisConnection;
const told: { why: string; covers: (key: string) => boolean }[] = [];

beforeAll(async () => {
  cluster = await startCluster({ replicas: 0 });
  connection = await openConnection({ url: `${cluster.url.split(",")[0]},`, silenceMs: 2_000 });
  connection.onClosed((why, covers) => told.push({ why, covers }));
}, 60_000);
afterAll(async () => {
  connection?.close();
  await cluster?.stop();
});

const keysOf = (slot: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `{${tagOf(slot)}}:${n}`);
const tags = new Map<number, string>();
for (let n = 0; tags.size < 16_384; n++) if (!tags.has(slotOf(`t${n}`))) tags.set(slotOf(`t${n}`), `t${n}`);
const tagOf = (slot: number): string => tags.get(slot) as string;

/** From whoever has it to the next one: two nodes of the cluster. */
async function ends(slot: number): Promise<{ from: ClusterNode; to: ClusterNode }> {
  const from = await cluster.masterOf(slot);
  const to = cluster.nodes.find((node) => node !== from) as ClusterNode;
  return { from, to };
}

const setBoth = redisScript("redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) return 'OK'");

describe("a connection to a cluster", () => {
  it("finds every slot, from one node and a comma", async () => {
    const slots = [0, 5_461, 5_462, 10_922, 10_923, 16_383];
    for (const slot of slots) await connection.command(["SET", tagOf(slot), String(slot)]);
    for (const slot of slots) expect(text(await connection.command(["GET", tagOf(slot)]))).toBe(String(slot));
    for (const slot of slots) {
      const found = await connection.command(["INFO", "server"], tagOf(slot));
      expect(text(found)).toContain(`tcp_port:${(await cluster.masterOf(slot)).port}`);
    }
  });

  it("refuses, as the bugs they are, keys of several slots and commands that it does not know", async () => {
    await expect(connection.command(["MGET", "a", "b"])).rejects.toThrow('"a" and "b" are not in one slot');
    await expect(connection.script(setBoth, ["a", "b"], ["1"])).rejects.toThrow("are not in one slot");
    await expect(connection.command(["FLUSHALL"])).rejects.toThrow('has no command "FLUSHALL"');
  });

  it("MOVED: a read follows, a write is refused and told of, and the next one finds its way", async () => {
    const slot = 100;
    const [a, b] = keysOf(slot, 2) as [string, string];
    await connection.script(setBoth, [a, b], ["old"]);
    await moveSlot(await ends(slot), slot);
    told.length = 0;
    const refused = connection.script(setBoth, [a, b], ["new"]);
    await expect(refused).rejects.toMatchObject({
      name: "RedisTrouble",
      message: expect.stringMatching(/^MOVED 100 /),
    });
    expect(told).toHaveLength(1);
    expect([told[0]?.covers(a), told[0]?.covers(tagOf(101))]).toEqual([true, false]);
    expect(text(await connection.command(["GET", a]))).toBe("old");
    expect(text(await connection.script(setBoth, [a, b], ["new"]))).toBe("OK");
    await moveSlot(await ends(slot), slot);
    expect(text(await connection.command(["GET", b]))).toBe("new");
  });

  it("ASK and TRYAGAIN: reads follow, writes are refused, and the slot is not settled until it is whole", async () => {
    const slot = 7_000;
    const [a, b] = keysOf(slot, 2) as [string, string];
    await connection.script(setBoth, [a, b], ["old"]);
    const way = await ends(slot);
    await expect(connection.cluster?.settled(a)).resolves.toBeUndefined();
    await moveKeys(way, slot, [a]);
    await expect(connection.cluster?.settled(a)).rejects.toThrow("slot 7000 is being moved to another node");
    expect(text(await connection.command(["GET", a]))).toBe("old");
    expect(text(await connection.command(["GET", b]))).toBe("old");
    await expect(connection.command(["SET", a, "new"])).rejects.toMatchObject({
      name: "RedisTrouble",
      message: /^ASK/,
    });
    await expect(connection.script(setBoth, [a, b], ["new"])).rejects.toThrow(/^TRYAGAIN/);
    await expect(connection.command(["MGET", a, b])).rejects.toThrow(/^TRYAGAIN/);
    await moveSlot(way, slot);
    await connection.command(["GET", a]); // finds the new place
    await expect(connection.cluster?.settled(a)).resolves.toBeUndefined();
    expect(text(await connection.script(setBoth, [a, b], ["new"]))).toBe("OK");
  });

  it("a node that is lost concerns its own keys; what was under way is rejected and never sent again", async () => {
    const slot = 14_000;
    const key = tagOf(slot);
    const node = await cluster.masterOf(slot);
    await connection.command(["SET", key, "1"]);
    told.length = 0;
    node.child.kill("SIGSTOP");
    const under = connection.command(["XADD", `${"{"}${key}}:log`, "*", "f", "v"]);
    await expect(under).rejects.toMatchObject({ name: "RedisTrouble" });
    expect(told.filter(({ covers }) => covers(key))).toHaveLength(1);
    expect(told.some(({ covers }) => covers(tagOf(100)))).toBe(false);
    expect(connection.isClosed()).toBe(false);
    expect(text(await connection.command(["GET", tagOf(0)]))).toBe("0");
    node.child.kill("SIGCONT");
    await eventually("the node to answer again", async () => text(await connection.command(["GET", key])) || undefined);
    expect(Number(await connection.command(["XLEN", `{${key}}:log`]))).toBeLessThanOrEqual(1);
  });
});

describe("an engine on a cluster", () => {
  it("goes on without a node that is silent, even where an account of a quota is there", {
    timeout: 90_000,
  }, async () => {
    const owned = Array.from({ length: PARTITIONS }, (_, index) => partitionKeys(index as PartitionIndex).lease);
    const keepers = await Promise.all(owned.map((key) => cluster.masterOf(slotOf(key))));
    const register = await cluster.masterOf(slotOf(ENGINES_KEY));
    const silent = keepers.find((node) => node !== register) as ClusterNode;
    const [first, second] = keepers.flatMap((node, index) => (node === silent ? [] : [index])) as [number, number];
    let quota = "q-0";
    for (let n = 1; (await cluster.masterOf(slotOf(quotaKey(`${quota}/contacts/total`)))) !== silent; n++)
      quota = `q-${n}`;
    const rules = await editableRules();
    await rules.write("quotas.yaml", `quotas:\n  - { id: ${quota}, max: 1000, per: total, channel: app }\n`);
    const lines: string[] = [];
    let asked = 0;
    const running = await startLoop(cluster.url, {
      connect: (silenceMs) => openConnection({ url: cluster.url, silenceMs }),
      partitions: PARTITIONS,
      rulesDir: rules.dir,
      leaseMs: 4_000,
      silenceMs: 4_000,
      log: createLog({ level: "warn", readable: true, write: (line) => void lines.push(line) }),
    });
    const ask = (customer: string) =>
      eventually(`an answer for ${customer}`, async () => {
        const answer = await running.loop.engine.ask(askFor(customer, { deadlineMs: 10_000 }));
        return answer.kind === "decided" ? answer.record : undefined;
      });
    try {
      expect((await ask(customerIn(first, "with-units-", PARTITIONS))).slates[0]?.items).not.toHaveLength(0);
      silent.child.kill("SIGSTOP");
      expect((await ask(customerIn(first, "still-", PARTITIONS))).slates[0]?.items).not.toHaveLength(0);
      // Nothing was granted here, and nobody can say whether there is something left: decided without what it needs.
      expect((await ask(customerIn(second, "without-", PARTITIONS))).slates[0]?.items ?? []).toHaveLength(0);
      await eventually(
        "the node to be given up",
        async () => lines.some((line) => line.includes("while other nodes answered")) || undefined,
      );
      await ask(customerIn(first, "later-", PARTITIONS));
      expect(lines.filter((line) => line.includes("the session ended"))).toEqual([]);
      silent.child.kill("SIGCONT");
      await eventually("units again", async () => {
        const { slates } = await ask(customerIn(second, `again-${asked++}-`, PARTITIONS));
        return (slates[0]?.items.length ?? 0) > 0 || undefined;
      });
    } finally {
      silent.child.kill("SIGCONT");
      await running.stop();
    }
  });
});
