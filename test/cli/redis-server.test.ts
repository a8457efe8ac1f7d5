import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningRedis, startRedis } from "../../engine/cli/redis-server.ts";
import { connectRedis, text } from "../../engine/journal/redis.ts";

let dir: string;
let running: RunningRedis[];
let said: string[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "nba-own-redis-"));
  running = [];
  said = [];
});

afterEach(async () => {
  for (const redis of running) await redis.stop();
  await rm(dir, { recursive: true, force: true });
});

async function start(folder = dir): Promise<RunningRedis> {
  const say = (line: string): void => void said.push(line);
  const redis = await startRedis({ redisUrl: undefined, dir: folder, durable: true, say });
  running.push(redis);
  return redis;
}

async function ask(url: string, ...command: string[]): Promise<string> {
  const connection = await connectRedis({ url, silenceMs: 5_000 });
  try {
    const reply = await connection.command(command);
    return Array.isArray(reply) ? reply.map((part) => text(part)).join(" ") : text(reply as string | Buffer);
  } finally {
    connection.close();
  }
}

describe("startRedis", () => {
  it("starts an append-only server that syncs always, listens on loopback only, and ends", async () => {
    const redis = await start();
    expect(redis.origin).toBe("started");
    expect(await ask(redis.url, "CONFIG", "GET", "appendfsync")).toBe("appendfsync always");
    expect(await ask(redis.tcpUrl, "CONFIG", "GET", "bind")).toBe("bind 127.0.0.1");
    await redis.stop();
    await expect(ask(redis.url, "PING")).rejects.toThrow();
    await expect(ask(redis.tcpUrl, "PING")).rejects.toThrow();
  });

  it("keeps what was written, across stop and start, under a folder too long for a socket path", async () => {
    const deep = join(dir, "d".repeat(120));
    const first = await start(deep);
    await ask(first.url, "SET", "kept", "yes");
    await first.stop();
    const second = await start(deep);
    expect(second.origin).toBe("started");
    expect(await ask(second.url, "GET", "kept")).toBe("yes");
  });

  it("refuses a folder on which another engine runs, and leaves that one alone", async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(`another engine is running on "${dir}"`);
    expect(await ask(first.url, "PING")).toBe("PONG");
  });

  it("adopts the server that a killed engine left behind, with what it holds", async () => {
    const program = `
      import { startRedis } from ${JSON.stringify(new URL("../../dist/engine/cli/redis-server.js", import.meta.url).href)};
      await startRedis({ redisUrl: undefined, dir: ${JSON.stringify(dir)}, durable: true, say: () => {} });
      process.kill(process.pid, "SIGKILL");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
    const signal = await new Promise((resolve) => child.once("exit", (_code, by) => resolve(by)));
    expect(signal).toBe("SIGKILL");
    const redis = await start();
    expect(redis.origin).toBe("adopted");
    expect(said.join()).toContain("an earlier run left behind");
    await redis.stop();
    await expect(ask(redis.url, "PING")).rejects.toThrow();
  });

  it("lets only one of two that start at once have the folder", async () => {
    const both = await Promise.allSettled([start(), start()]);
    expect(both.map((one) => one.status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("uses what REDIS_URL names and never ends it", async () => {
    const own = await start();
    const given = await startRedis({ redisUrl: own.tcpUrl, dir: "/nowhere", durable: true, say: () => undefined });
    expect(given).toMatchObject({ url: own.tcpUrl, origin: "given" });
    await given.stop();
    expect(await ask(own.url, "PING")).toBe("PONG");
  });
});
