import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createConnectionGroup } from "../../engine/journal/connection-group.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

const PATIENCE_MS = 600_000; // whatever ends sooner was ended

let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(async () => {
  await redis.stop();
});

const failure = (promise: Promise<unknown>): Promise<Error | undefined> =>
  promise.then(
    () => undefined,
    (error: Error) => error,
  );

it("what is open is closed together, with what was sent over it; new connections may be opened at once", async () => {
  const group = createConnectionGroup((silenceMs: number) => connectRedis({ url: redis.url, silenceMs }));
  const [one, other] = await Promise.all([group.connect(PATIENCE_MS), group.connect(PATIENCE_MS)]);
  const waiting = [one, other].map((each) => failure(each.command(["BLPOP", "nothing", "0"])));
  group.closeAll();
  for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ name: "RedisTrouble" });
  expect([one.isClosed(), other.isClosed()]).toEqual([true, true]);
  const next = await group.connect(PATIENCE_MS);
  expect(String(await next.command(["PING"]))).toBe("PONG");
  group.closeAll();
});

it("an attempt under way is given up, and what comes of it is closed", async () => {
  const taken: Socket[] = [];
  const path = join(redis.dir, "silent.sock");
  const server = createServer((socket) => {
    taken.push(socket);
    socket.on("error", () => undefined);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const group = createConnectionGroup(() => connectRedis({ url: `unix://${path}`, silenceMs: 1_000 }));
    const attempt = failure(group.connect());
    await expect.poll(() => taken.length, { timeout: 20_000 }).toBe(1);
    group.closeAll();
    expect(await attempt).toMatchObject({
      name: "RedisTrouble",
      message: "the connection was given up before it was open",
    });
    await expect.poll(() => taken[0]?.destroyed, { timeout: 20_000 }).toBe(true);
  } finally {
    for (const socket of taken) socket.destroy();
    server.close();
  }
});
