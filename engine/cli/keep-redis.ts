// The engine's own Redis is started again where it ends unasked, in the same folder and, where it can be, on the same port:
// nobody else would. An engine finds its way back to it as to any other Redis.
import { setTimeout as sleep } from "node:timers/promises";
import { type RedisServerOptions, type RunningRedis, startRedis } from "./redis-server.ts";
import { CommandTrouble } from "./terminal.ts";

export interface KeptRedis extends Pick<RunningRedis, "url" | "tcpUrl" | "origin" | "stop"> {
  /** Rejects with CommandTrouble, exit code 1, where it ends or fails to start again and again; never resolves. */
  readonly broken: Promise<never>;
}

export interface KeepRedisOptions extends RedisServerOptions {
  /** Of what should not be. */
  readonly warn: (line: string) => void;
}

/** Later each time, up to so many times later, unless it had run for long. */
const AGAIN_MS = 100;
const LATER_MAX = 50;
const SETTLED_MS = 60_000;
/** About 20 s of trying, beside the starts themselves. */
const FAILURES_MAX = 8;

interface Keeping {
  running: RunningRedis;
  /** Aborted when it is to end. */
  readonly stopping: AbortController;
}

/**
 * `againMs`: how long it waits the first time.
 * @throws CommandTrouble where it does not start at first.
 */
export async function keepRedis(options: KeepRedisOptions, againMs: number = AGAIN_MS): Promise<KeptRedis> {
  const first = await startRedis(options);
  const keeping: Keeping = { running: first, stopping: new AbortController() };
  const kept = keepRunning(keeping, options, againMs);
  const broken = new Promise<never>((_, reject) => kept.catch(reject));
  broken.catch(() => undefined); // whoever is stopping does not look any more
  const stop = async (): Promise<void> => {
    keeping.stopping.abort();
    await kept.catch(() => undefined); // told by `broken`
    await keeping.running.stop();
  };
  return { url: first.url, tcpUrl: first.tcpUrl, origin: first.origin, broken, stop };
}

async function keepRunning(keeping: Keeping, options: KeepRedisOptions, firstMs: number): Promise<void> {
  const { signal } = keeping.stopping;
  const stopped = new Promise<string>((resolve) => signal.addEventListener("abort", () => resolve("stopped")));
  for (let failures = 0; ; ) {
    const startedAt = performance.now();
    let why = await Promise.race([keeping.running.ended, stopped]);
    if (performance.now() - startedAt > SETTLED_MS) failures = 0;
    for (let next: RunningRedis | undefined; next === undefined; ) {
      if (signal.aborted) return;
      const againMs = firstMs * Math.min(2 ** failures++, LATER_MAX);
      if (failures > FAILURES_MAX) throw new CommandTrouble(`the engine's own Redis does not stay: ${why}`, 1);
      options.warn(`the engine's own Redis is gone (${why}); it is started again in ${againMs} ms`);
      await sleep(againMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        next = await startRedis({ ...options, port: failures === 1 ? portOf(keeping.running) : undefined });
        keeping.running = next;
        options.warn(`the engine's own Redis is running again, on ${next.tcpUrl}`);
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
    }
  }
}

function portOf({ tcpUrl }: RunningRedis): number {
  return Number(new URL(tcpUrl).port);
}
