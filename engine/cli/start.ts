import { join } from "node:path";
import { Command, Option } from "commander";
import { type Config, optionHelp } from "../config.ts";
import { createLog, type Log } from "../observe/log.ts";
import { configOf } from "./config-of.ts";
import { keepRedis } from "./keep-redis.ts";
import { runWorkers } from "./run-workers.ts";
import { type RunningEngine, serve } from "./serve.ts";
import { firstSignal } from "./signals.ts";
import { SHARED_PORT_FLAG, tellParent, untilOrphaned, WORKER_FLAG, workerConfig } from "./worker-place.ts";

/** Paths are absolute, and there is a Redis. */
export type EngineConfig = Config & { readonly redisUrl: string };
export type StartEngine = (config: EngineConfig, log: Log) => Promise<RunningEngine>;

export function startCommand(startEngine: StartEngine): Command {
  return new Command("start")
    .description("the engine, configured from the environment; starts its own Redis where REDIS_URL is not set")
    .addHelpText("after", `\nEnvironment:\n${optionHelp()}\n\nExample:\n  REDIS_URL=redis://127.0.0.1:6379 npm start`)
    .addOption(new Option(`${WORKER_FLAG} <number>`).hideHelp())
    .addOption(new Option(`${SHARED_PORT_FLAG} <port>`).hideHelp())
    .action(async (flags: WorkerFlags) => run(flags, startEngine));
}

/** Given by the parent of workers alone. */
interface WorkerFlags {
  readonly worker?: string;
  readonly sharedPort?: string;
}

async function run({ worker, sharedPort }: WorkerFlags, startEngine: StartEngine): Promise<void> {
  const config = configOf(process.env);
  if (worker !== undefined) return await runWorker(config, Number(worker), Number(sharedPort), startEngine);
  const log = logOf(config);
  const signal = firstSignal();
  await withRedis(config, log, async (redisUrl) => {
    if (config.workers > 1) await runWorkers({ ...config, redisUrl }, log, signal);
    else await serve(await startEngine({ ...config, redisUrl }, log), log, "listening", signal);
  });
}

/** One of several engines of this command: it ends with its parent, however that ends. */
async function runWorker(config: Config, worker: number, sharedPort: number, startEngine: StartEngine): Promise<void> {
  const { redisUrl } = config;
  if (redisUrl === undefined) throw new Error("a worker was started without a Redis");
  const log = logOf(config, worker);
  const ending = Promise.race([firstSignal(), untilOrphaned()]);
  try {
    const engine = await startEngine({ ...workerConfig(config, worker), redisUrl }, log);
    const shared = engine.share(sharedPort).then(() => tellParent("serving"));
    await serve(engine, log, "worker is listening", Promise.race([ending, shared.then(() => ending)]));
  } finally {
    if (process.connected) process.disconnect(); // the line to the parent would keep this process alive
  }
}

/** JSON lines, or readable ones at a terminal; to stdout, as containers want it. */
export function logOf(config: Config, worker?: number): Log {
  const readable = process.stdout.isTTY === true;
  const write = (line: string): void => void process.stdout.write(line);
  return createLog({ level: config.logLevel, readable, write, ...(worker === undefined ? {} : { worker }) });
}

/** Its own where none is given: kept running, and ended when `use` is over. Rejects where it does not stay. */
async function withRedis(config: Config, log: Log, use: (redisUrl: string) => Promise<void>): Promise<void> {
  const dir = join(config.stateDir, "redis");
  const [say, warn] = [(line: string) => log.info(line), (line: string) => log.warn(line)];
  const redis = await keepRedis({ redisUrl: config.redisUrl, dir, durable: true, say, warn });
  if (redis.origin !== "given") log.info("redis is running", { origin: redis.origin, url: redis.tcpUrl });
  try {
    await Promise.race([use(redis.url), redis.broken]);
  } finally {
    await redis.stop();
  }
}
