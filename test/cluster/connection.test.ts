import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { slotOf } from "../../engine/journal/cluster-slots.ts";
import { openConnection } from "../../engine/journal/open-connection.ts";
import { type RedisConnection, redisScript, text } from "../../engine/journal/redis.ts";
import { moveKeys, moveSlot } from "./move-slot.ts";
import { type ClusterNode, eventually, startCluster, type TestCluster } from "./start-cluster.ts";

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
