import { join } from "node:path";
import { Command } from "commander";
import { type Config, optionHelp } from "../config.ts";
import { LIMITS } from "../limits.ts";
import { createLog, type Log } from "../observe/log.ts";
import { configOf } from "./config-of.ts";
import { startRedis } from "./redis-server.ts";
import { firstSignal } from "./signals.ts";

/** An engine that serves. */
export interface RunningEngine {
  /** http://HOST:PORT as really listened on. */
  readonly url: string;
  /** Settles when everything accepted is durable and every socket was told. */
  readonly stop: () => Promise<void>;
  /** Rejects where the engine cannot go on; never resolves. */
  readonly broken: Promise<never>;
}

/** Paths are absolute, and there is a Redis. */
export type EngineConfig = Config & { readonly redisUrl: string };
export type StartEngine = (config: EngineConfig, log: Log) => Promise<RunningEngine>;

export function startCommand(startEngine: StartEngine): Command {
  return new Command("start")
    .description("the engine, configured from the environment; starts its own Redis where REDIS_URL is not set")
    .addHelpText("after", `\nEnvironment:\n${optionHelp()}\n\nExample:\n  REDIS_URL=redis://127.0.0.1:6379 npm start`)
    .action(async () => runUntilSignal(configOf(process.env), startEngine));
}

/** JSON lines, or readable ones at a terminal; to stdout, as containers want it. */
export function logOf(config: Config): Log {
  const readable = process.stdout.isTTY === true;
  return createLog({ level: config.logLevel, readable, write: (line) => void process.stdout.write(line) });
}

async function runUntilSignal(config: Config, startEngine: StartEngine): Promise<void> {
  const log = logOf(config);
  const signal = firstSignal();
  const dir = join(config.stateDir, "redis");
  const redis = await startRedis({ redisUrl: config.redisUrl, dir, durable: true, say: (line) => log.info(line) });
  if (redis.origin !== "given") log.info("redis is running", { origin: redis.origin, url: redis.tcpUrl });
  try {
    const engine = await startEngine({ ...config, redisUrl: redis.url }, log);
    log.info("listening", { url: engine.url });
    const why = await Promise.race([signal, engine.broken]);
    log.info("stopping", { signal: why });
    endAfter(LIMITS.stopMs, log);
    await engine.stop();
  } finally {
    await redis.stop();
  }
}

/** Whatever holds it up: what is not stored by then is recovered by the next owner, as after a kill. */
function endAfter(ms: number, log: Log): void {
  const ending = setTimeout(() => {
    log.error("the stop did not come to its end in time");
    process.exit(1);
  }, ms);
  ending.unref();
}
