// The store of idempotency keys in Redis. A request that is running holds its key for a short time only: were it the full
// time, a process killed in the middle would lock its key until then.
import { createHash } from "node:crypto";
import { SECOND_MS } from "../domain/time.ts";
import { text } from "../journal/redis.ts";
import type { Answer } from "./answer.ts";
import type { Begun, IdempotencyStore } from "./idempotency.ts";
import type { IdempotencyBounds } from "./idempotency-bounds.ts";
import { createKeptAnswers } from "./kept-answers.ts";
import type { Log } from "./ports.ts";
import type { RedisLane } from "./redis-lane.ts";

const RUNNING_SECONDS = 30;
/** What Redis needs beside the text: the name, an entry of its table, one of those that lapse. Measured: 200 to 250 bytes. */
const ANSWER_BYTES = 250;
/** The oldest part of what is kept lapses by and by. */
const FULL_RETRY_MS = 60_000;

type Kept =
  | { readonly state: "running"; readonly bodyHash: string }
  | { readonly state: "answered"; readonly bodyHash: string; readonly answer: Answer };

export function createRedisIdempotency(
  redis: RedisLane,
  log: Log,
  bounds: IdempotencyBounds,
  clock: () => number,
): IdempotencyStore {
  const keptAnswers = createKeptAnswers(bounds, clock);
  const keepSeconds = String(Math.ceil(bounds.keepMs / SECOND_MS));
  /** Keys of requests that run in this process at this moment. */
  const here = new Set<string>();
  const fresh = (name: string): Begun => {
    here.add(name);
    return { kind: "fresh" };
  };
  return {
    begin: async (scope, key, bodyHash): Promise<Begun> => {
      const running: Kept = { state: "running", bodyHash };
      try {
        const name = redisKey(scope, key);
        const connection = await redis.connection();
        // What is kept already is still answered.
        if ((await keptAnswers.isFull(connection)) && text(await connection.command(["GET", name])) === "") return FULL;
        const set = await connection.command([
          "SET",
          name,
          JSON.stringify(running),
          "NX",
          "EX",
          String(RUNNING_SECONDS),
        ]);
        if (set !== null) return fresh(name);
        const earlier = text(await connection.command(["GET", name]));
        // Gone between the two commands: whoever held it is just done with it.
        if (earlier === "") return { kind: "running" };
        const kept = JSON.parse(earlier) as Kept;
        if (kept.state !== "running" || kept.bodyHash !== bodyHash || here.has(name)) return judge(kept, bodyHash);
        // Left by a process that was killed, by a connection that was lost, or another one's: to do it again is harmless, for
        // decisions and events are known by ids that come from the key; to let the caller wait for the lock to lapse is not.
        await connection.command(["SET", name, JSON.stringify(running), "EX", String(RUNNING_SECONDS)]);
        return fresh(name);
      } catch (error) {
        return { kind: "unavailable", why: `the Idempotency-Key cannot be checked: ${messageOf(error)}` };
      }
    },
    finish: async (scope, key, bodyHash, answer) => {
      const kept: Kept = { state: "answered", bodyHash, answer: { ...answer, body: asText(answer.body) } };
      const name = redisKey(scope, key);
      try {
        const connection = await redis.connection();
        const written = JSON.stringify(kept);
        await connection.command(["SET", name, written, "EX", keepSeconds]);
        keptAnswers.add(Buffer.byteLength(written) + ANSWER_BYTES);
      } catch (error) {
        log.warn("the answer to an Idempotency-Key was not kept", { scope, why: messageOf(error) });
      } finally {
        here.delete(name);
      }
    },
    forget: async (scope, key) => {
      const name = redisKey(scope, key);
      try {
        await (await redis.connection()).command(["DEL", name]);
      } catch (error) {
        log.warn("an Idempotency-Key of a request that came to nothing was not forgotten", {
          scope,
          why: messageOf(error),
        });
      } finally {
        here.delete(name);
      }
    },
  };
}

const FULL: Begun = {
  kind: "unavailable",
  why: "as many answers are kept by Idempotency-Key as may be (NBA_IDEMPOTENCY); send it without one, or later",
  retryAfterMs: FULL_RETRY_MS,
};

function judge(kept: Kept, bodyHash: string): Begun {
  if (kept.bodyHash !== bodyHash) return { kind: "other-body" };
  return kept.state === "running" ? { kind: "running" } : { kind: "answered", answer: kept.answer };
}

function redisKey(scope: string, key: string): string {
  return `nba:idempotency:${createHash("sha256").update(`${scope}\n${key}`).digest("hex")}`;
}

function asText(body: string | Uint8Array): string {
  return typeof body === "string" ? body : Buffer.from(body).toString("utf8");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
