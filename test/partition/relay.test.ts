// What one partition sends to the logs of others, where a receiver cannot be reached or has lost what it had.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CommitSeq, PartitionIndex } from "../../engine/domain/ids.ts";
import { partitionKeys } from "../../engine/journal/keys.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import type { Partition } from "../../engine/partition/partition.ts";
import { createRelays, outboxOf } from "../../engine/partition/relay.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { connect, until } from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let connection: RedisConnection;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  connection = await connectRedis({ url: redis.url, silenceMs: 20_000 });
});
afterAll(async () => {
  connection.close();
  client.disconnect();
  await redis.stop();
});

const [first, second] = [1, 2].map((index) => partitionKeys(index as PartitionIndex)) as [Keys, Keys];
type Keys = ReturnType<typeof partitionKeys>;

const received = async ({ events }: Keys): Promise<readonly string[]> =>
  (await client.xrange(events, "-", "+")).map(([, fields]) => fields[1] as string);

it("IDN-8 what a receiver has lost comes again, before what is newer; what it has comes once; what it refuses comes later", async () => {
  const sender = { index: 0, outbox: [], committed: 0 } as unknown as {
    -readonly [P in keyof Partition]: Partition[P];
  };
  const troubles: string[] = [];
  const relays = createRelays({ connection, isHeld: () => true, onTrouble: (_, why) => troubles.push(why) });
  const commit = (seq: number): void => {
    const relay = (to: number) => ({ to: to as PartitionIndex, fields: ["d", `${seq}`] });
    sender.outbox.push(...outboxOf(seq, [relay(1), relay(2)]));
    sender.committed = seq as CommitSeq;
  };
  for (const seq of [10, 11, 12]) commit(seq);
  relays.send(sender);
  await until(async () => (await received(second)).length === 3 && sender.outbox.length === 0);
  // As after a failover of the slot of the first: it has the first entry, and the watermark of then.
  const [, ...lost] = await client.xrange(first.events, "-", "+");
  await client.xdel(first.events, ...lost.map(([id]) => id));
  await client.hset(first.checkpoint, "relayed:0", "10-0");
  commit(13);
  relays.sendAgain(sender, (key) => key === first.events || key === second.events);
  await until(() => sender.outbox.length === 0);
  expect([await received(first), await received(second)]).toEqual([
    ["10", "11", "12", "13"],
    ["10", "11", "12", "13"],
  ]);
  await client.rename(first.events, "aside");
  await client.set(first.events, "no stream");
  commit(14);
  relays.send(sender);
  await until(async () => troubles.length > 0 && (await received(second)).length === 5);
  await client.rename("aside", first.events);
  await until(async () => sender.outbox.length === 0);
  expect([await received(first), await received(second)]).toEqual([
    ["10", "11", "12", "13", "14"],
    ["10", "11", "12", "13", "14"],
  ]);
  expect(troubles[0]).toMatch(/WRONGTYPE target nba:\{1\}:events/);
});
