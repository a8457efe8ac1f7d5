import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { startFaultProxy } from "./fault-proxy.ts";

it("lets delayed answers go in the order in which they came", async () => {
  const dir = await mkdtemp(join(tmpdir(), "nba-proxy-"));
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  const server = createServer((socket) => {
    void (async () => {
      for (const n of numbers) {
        socket.write(`${n}\n`);
        await sleep(n % 3); // apart, so that each is a piece of its own
      }
    })();
  });
  server.listen(join(dir, "server.sock"));
  await once(server, "listening");
  const proxy = await startFaultProxy(join(dir, "proxy.sock"), join(dir, "server.sock"));
  proxy.delayAnswers(() => Math.random() * 20);
  const client = connect(proxy.socket);
  let text = "";
  client.on("data", (piece) => {
    text += piece.toString();
  });
  try {
    await expect.poll(() => text.split("\n").length, { timeout: 10_000 }).toBe(numbers.length + 1);
    expect(text.trim().split("\n").map(Number)).toEqual(numbers);
  } finally {
    client.destroy();
    proxy.stop();
    server.close();
    await rm(dir, { recursive: true });
  }
});
