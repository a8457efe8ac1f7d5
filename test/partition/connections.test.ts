// What a session opened is closed with it: a connection that is left open keeps a process that was told to stop alive.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connectRedis, type RedisConnection, RedisTrouble } from "../../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { connect, cutConnections, until } from "./harness.ts";

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

async function loopThatCounts(refuses: () => boolean = () => false) {
  const opened: RedisConnection[] = [];
  const running = await startLoop(redis.url, {
    connect: async (silenceMs) => {
      if (refuses()) throw new RedisTrouble("refused by the test");
      const connection = await connectRedis({ url: redis.url, silenceMs });
      opened.push(connection);
      return connection;
    },
  });
  return { running, opened, left: () => opened.filter((connection) => !connection.isClosed()).length };
}

it("attempts that a server refused, which was busy for a while, are closed", async () => {
  const { running, opened, left } = await loopThatCounts();
  const before = opened.length;
  await client.config("SET", "busy-reply-threshold", "20");
  const other = connect(redis);
  const endless = other.eval("while true do end", 0).catch((error: Error) => error.message);
  // New connections are taken and greeted meanwhile; nothing that they ask is answered.
  await until(() => opened.length >= before + 3);
  await client.call("SCRIPT", "KILL");
  expect(await endless).toMatch(/killed by user/);
  other.disconnect();
  await until(() => running.loop.engine.ready().ok);
  expect(left()).toBe(before);
  await running.stop();
  expect(left()).toBe(0);
});

it("one that was open when another was refused is closed where the loop is stopped meanwhile", async () => {
  let openedSince = 0;
  let isRefusing = false;
  const { running, left } = await loopThatCounts(() => isRefusing && openedSince++ > 0);
  isRefusing = true;
  await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await until(() => openedSince > 2);
  await running.stop();
  expect(left()).toBe(0);
});

it("those of sessions that were lost are closed", async () => {
  const { running, left } = await loopThatCounts();
  const before = left();
  for (let n = 0; n < 3; n++) await cutConnections(client, running);
  expect(left()).toBe(before);
  await running.stop();
  expect(left()).toBe(0);
});
