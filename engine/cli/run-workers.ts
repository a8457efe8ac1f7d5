// WORKERS=n: n engines as child processes, each with an identity and a port of its own, behind one port that all of them
// listen on. They share the partitions as engines on several machines do.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import type { EngineConfig } from "./start.ts";
import { CommandTrouble } from "./terminal.ts";
import { SHARED_PORT_FLAG, WORKER_FLAG } from "./worker-place.ts";

/** A worker that ends is started again, later each time, unless it had run for long. */
const AGAIN_MS_MIN = 250;
const AGAIN_MS_MAX = 30_000;
const SETTLED_MS = 60_000;
/** Beyond the time in which a worker ends itself. */
const GRACE_MS = 250;
/** What a worker ends with where no retry can mend it: faulty rules, a Redis of another number of partitions. */
const UNFIT = 2;

interface Workers {
  readonly config: EngineConfig;
  readonly log: Log;
  readonly sharedPort: number;
  /** Aborted when all are to end. */
  readonly stopping: AbortController;
  readonly onServing: (worker: number) => void;
}

/**
 * Until `ending` settles; then every worker stops in order.
 * @throws CommandTrouble where the port is taken, or a worker ended because it cannot serve at all (exit code 2).
 */
export async function runWorkers(config: EngineConfig, log: Log, ending: Promise<string>): Promise<void> {
  const sharedPort = await freePortFor(config);
  const stopping = new AbortController();
  const serving = new Set<number>();
  const onServing = (worker: number): void => {
    if (serving.has(worker)) return;
    serving.add(worker);
    if (serving.size < config.workers) return;
    log.info("listening", { workers: config.workers, url: `http://${hostIn(config.host)}:${sharedPort}` });
  };
  const workers: Workers = { config, log, sharedPort, stopping, onServing };
  const running = Array.from({ length: config.workers }, (_, index) => keepRunning(workers, index + 1));
  ending.then((signal) => {
    log.info("stopping", { signal });
    stopping.abort();
  });
  // The first that cannot go on ends the others.
  const ended = running.map((one) => one.finally(() => stopping.abort()));
  const failed = (await Promise.allSettled(ended)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** One worker, started again whenever it ends. */
async function keepRunning(workers: Workers, worker: number): Promise<void> {
  const { stopping, log } = workers;
  for (let failures = 0; !stopping.signal.aborted; ) {
    const startedAt = performance.now();
    const outcome = await runOnce(workers, worker);
    if (stopping.signal.aborted) return;
    if (outcome === `code ${UNFIT}`) throw new CommandTrouble(`worker ${worker} cannot serve`, UNFIT);
    if (performance.now() - startedAt > SETTLED_MS) failures = 0;
    const againMs = Math.min(AGAIN_MS_MIN * 2 ** failures++, AGAIN_MS_MAX);
    log.error("a worker ended and is started again", { worker, outcome, againMs });
    await sleep(againMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
}

/** How it ended. */
function runOnce({ config, sharedPort, stopping, onServing }: Workers, worker: number): Promise<string> {
  const args = ["start", WORKER_FLAG, String(worker), SHARED_PORT_FLAG, String(sharedPort)];
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] as string, ...args], {
    env: { ...process.env, REDIS_URL: config.redisUrl },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const killing: { timer?: NodeJS.Timeout } = {};
  const end = (): void => {
    child.kill("SIGTERM");
    killing.timer = setTimeout(() => child.kill("SIGKILL"), LIMITS.stopMs + GRACE_MS);
  };
  stopping.signal.addEventListener("abort", end, { once: true });
  child.on("message", () => onServing(worker)); // it says nothing else
  return outcomeOf(child).finally(() => {
    clearTimeout(killing.timer);
    stopping.signal.removeEventListener("abort", end);
  });
}

function outcomeOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(code === null ? String(signal) : `code ${code}`));
    child.once("error", (error) => resolve(error.message)); // it never began
  });
}

/** PORT as it will be shared. Nobody else may have it: two of these commands would share it unasked. */
function freePortFor({ host, port }: EngineConfig): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "is the port in use?" : error.message;
      reject(new CommandTrouble(`cannot listen on ${host}:${port}: ${why}`, 2));
    });
    server.listen({ host, port }, () => {
      const address = server.address();
      const found = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(found));
    });
  });
}

/** An IPv6 address as it stands in a URL. */
function hostIn(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
