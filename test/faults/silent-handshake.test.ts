// A server, or what stands before it, that takes a connection and never says a word: whoever connects is told so in time.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { connectRedis } from "../../engine/journal/redis.ts";

it("a connection that is taken and never answered is given up", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nba-silent-"));
  const taken: Socket[] = [];
  const path = join(folder, "redis.sock");
  const server = createServer((socket) => {
    taken.push(socket);
    socket.on("error", () => undefined);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const failed = await connectRedis({ url: `unix://${path}`, silenceMs: 100 }).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failed).toMatchObject({ name: "RedisTrouble", message: "the connection was not answered within 100 ms" });
    expect(taken).toHaveLength(1);
    await expect.poll(() => taken[0]?.destroyed, { timeout: 5_000 }).toBe(true);
  } finally {
    for (const socket of taken) socket.destroy();
    server.close();
    await rm(folder, { recursive: true });
  }
});
