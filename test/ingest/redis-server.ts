// A real Redis of its own for a test: on a unix socket, in a folder that goes with it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awaitRedis, connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";

export interface TestRedis {
  readonly url: string;
  readonly process: ChildProcess;
  readonly stop: () => Promise<void>;
}

export async function startRedis(extra: readonly string[] = []): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), "nba-redis-"));
  const socket = join(folder, "redis.sock");
  const options = ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder, ...extra];
  const server = spawn("redis-server", options, { stdio: "ignore" });
  const url = `unix://${socket}`;
  const connection = await awaitRedis(
    () => connectRedis({ url, silenceMs: 2_000 }),
    () => undefined,
  );
  connection.close();
  const stop = async (): Promise<void> => {
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, process: server, stop };
}

export async function withRedis(
  use: (connection: RedisConnection, url: string) => Promise<void>,
  extra: readonly string[] = [],
): Promise<void> {
  const redis = await startRedis(extra);
  const connection = await awaitRedis(
    () => connectRedis({ url: redis.url, silenceMs: 5_000 }),
    () => undefined,
  );
  try {
    await use(connection, redis.url);
  } finally {
    connection.close();
    await redis.stop();
  }
}
