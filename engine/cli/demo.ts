import { createServer } from "node:net";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { Config } from "../config.ts";
import { connectRedis } from "../journal/redis.ts";
import { LIMITS } from "../limits.ts";
import { configOf } from "./config-of.ts";
import { type KeptRedis, keepRedis } from "./keep-redis.ts";
import { firstSignal } from "./signals.ts";
import { logOf, type StartEngine } from "./start.ts";
import { paintFor, printLine } from "./terminal.ts";
import type { createTrafficDriver } from "./traffic/driver.ts";

type CreateTraffic = typeof createTrafficDriver;

interface DemoFlags {
  readonly seed: number;
  readonly rate: number;
  readonly customers: number;
  readonly seconds?: number;
}

export function demoCommand(startEngine: StartEngine, createTraffic: CreateTraffic): Command {
  return new Command("demo")
    .description("a Redis of its own, the engine, live traffic; prints the URLs")
    .option("--seed <n>", "the same seed gives the same customers and the same traffic", wholeNumber, 1)
    .option("--rate <n>", "events a second", wholeNumber, 50)
    .option("--customers <n>", "how many customers there are", wholeNumber, 2_000)
    .option("--seconds <n>", "end by itself after so long (default: at Ctrl-C)", wholeNumber)
    .addHelpText(
      "after",
      "\nEach start begins with an empty Redis of its own; REDIS_URL is not touched.\n\nExample:\n  npm run demo -- --rate 200",
    )
    .action((flags: DemoFlags) => demo(flags, startEngine, createTraffic));
}

async function demo(flags: DemoFlags, startEngine: StartEngine, createTraffic: CreateTraffic): Promise<void> {
  const ending = ended(flags.seconds);
  const config = await demoConfig();
  const log = logOf(config);
  const dir = join(config.stateDir, "demo");
  const [say, warn] = [(line: string) => log.info(line), (line: string) => log.warn(line)];
  const redis = await keepRedis({ redisUrl: undefined, dir, durable: true, say, warn });
  try {
    await empty(redis);
    const engine = await startEngine({ ...config, redisUrl: redis.url }, log);
    const { seed, rate, customers } = flags;
    const traffic = createTraffic({
      redisUrl: redis.url,
      baseUrl: engine.url,
      seed,
      rate,
      customers,
      log: (line) => log.info(line),
    });
    traffic.start();
    announce(engine.url, redis);
    try {
      await Promise.race([ending, engine.broken, redis.broken]);
    } finally {
      await traffic.stop();
      await engine.stop();
    }
  } finally {
    await redis.stop();
  }
}

/** Quieter than `npm start`, and on another port where the usual one is taken and nobody asked for one. */
async function demoConfig(): Promise<Config> {
  // Its traffic and its pages show no tokens.
  const open = { AUTH: "off", JWT_SECRET: "", JWKS_URL: "", NBA_API_KEYS_FILE: "" };
  const config = configOf({ ...process.env, ...open, LOG_LEVEL: process.env["LOG_LEVEL"] ?? "warn" });
  const isAsked = (process.env["PORT"] ?? "") !== "";
  return isAsked || (await isFree(config.port, config.host)) ? config : { ...config, port: 0 };
}

/** What an earlier demo left would be over its contact limits. The folder is the demo's own: startRedis saw to that. */
async function empty(redis: KeptRedis): Promise<void> {
  const connection = await connectRedis({ url: redis.url, silenceMs: LIMITS.redisStartMs });
  await connection.command(["FLUSHALL"]);
  connection.close();
}

function announce(url: string, redis: KeptRedis): void {
  const paint = paintFor(process.stdout, process.env);
  printLine(`
${paint("bold", "nba-engine demo")}

  agent desk and feed   ${paint("cyan", `${url}/`)}
  customer inspector    ${paint("cyan", `${url}/inspector`)}
  hands free            ${paint("cyan", `${url}/?auto=1`)}
  metrics               ${paint("cyan", `${url}/metrics`)}
  OpenAPI               ${paint("cyan", `${url}/openapi.json`)}
  Redis                 redis-cli -u ${redis.tcpUrl}

Ctrl-C ends it all.`);
}

function ended(seconds: number | undefined): Promise<unknown> {
  if (seconds === undefined) return firstSignal();
  return Promise.race([firstSignal(), new Promise((resolve) => setTimeout(resolve, seconds * 1_000))]);
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

function wholeNumber(text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new InvalidArgumentError(`"${text}" is not a whole number of at least 1`);
}
