// A real engine process on its own Redis, with one customer and one decision: what is fuzzed from outside, and how it is after that.
import { Redis } from "ioredis";
import { expect } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import type { Operation } from "./requests.ts";

export const PARTITIONS = 4;

export interface EngineAtBay {
  readonly engine: EngineProcess;
  readonly redis: TestRedis;
  readonly client: Redis;
  readonly port: number;
  /** Everything that /openapi.json documents. */
  readonly operations: readonly Operation[];
  /** It lives, owns all it should, answers, and has not logged an error of its own. */
  readonly expectWell: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startAtBay(): Promise<EngineAtBay> {
  const redis = await startTestRedis();
  const client = new Redis(redis.socket);
  const engine = await startEngineProcess({
    REDIS_URL: redis.url,
    PARTITIONS: String(PARTITIONS),
    RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
    MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
    AUTH: "off",
    LOG_LEVEL: "info",
  });
  const document = (await (await fetch(`${engine.url}/openapi.json`)).json()) as { paths: Record<string, object> };
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
  );
  return {
    engine,
    redis,
    client,
    port: Number(new URL(engine.url).port),
    operations,
    expectWell: async () => {
      const ready = await fetch(`${engine.url}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining(`${PARTITIONS}`)]);
      const errors = engine
        .log()
        .split("\n")
        .filter((line) => /"level":(50|60)/.test(line));
      expect(errors).toEqual([]);
    },
    stop: async () => {
      client.disconnect();
      await engine.stop();
      await redis.stop();
    },
  };
}
