// Does the simulated Redis answer as the real one does? Random sequences of commands, and the engine's scripts among them.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectRedis, type RedisConnection, type Reply } from "../../engine/journal/redis.ts";
import { createChance } from "../decide/chance.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Answer, SimpleError, Status } from "./database.ts";
import { randomCommand } from "./random-commands.ts";
import { createRedisServer, type RedisServer } from "./redis-server.ts";

const SEQUENCES = process.env["NBA_LONG"] === undefined ? 12 : 400;
const COMMANDS = 120;
/** Their order is up to the server. */
const UNORDERED = new Set(["HGETALL"]);

let redis: TestRedis;
let real: RedisConnection;

beforeAll(async () => {
  redis = await startTestRedis();
  real = await connectRedis({ url: redis.url, silenceMs: 10_000 });
});

afterAll(async () => {
  real?.close();
  await redis?.stop();
});

describe("the simulated Redis", () => {
  for (let seed = 1; seed <= SEQUENCES; seed++) {
    test(`answers as the real one does, seed ${seed}`, async () => {
      await real.command(["FLUSHALL"]);
      const simulated = newServer();
      const chance = createChance(seed);
      const before: string[] = [];
      for (let nth = 0; nth < COMMANDS; nth++) {
        const command = randomCommand(chance);
        const bytes = command.map((arg) => Buffer.from(arg, "utf8").toString("latin1"));
        const expected = await answered(command);
        const found = shown(simulated.execute(bytes, Date.now()) as Answer | SimpleError);
        before.push(`${command.filter((arg) => arg.length < 100).join(" ")} -> ${JSON.stringify(expected)}`);
        const isUnordered = UNORDERED.has(command[0] as string);
        expect(sorted(found, isUnordered), before.slice(-8).join("\n")).toEqual(sorted(expected, isUnordered));
      }
    });
  }

  test("started anew without its last writes it is as it was before them", () => {
    const server = newServer();
    const chance = createChance(7);
    const states = ["[]"];
    for (let nth = 0; nth < 300; nth++) {
      server.execute(randomCommand(chance), 1_000 + nth);
      states[server.units()] = JSON.stringify(stateOf(server));
    }
    for (const units of [0, 1, 5, 40]) {
      server.restart(units);
      expect(JSON.stringify(stateOf(server))).toBe(states[server.units()]);
    }
  });

  test("a script that touches an undeclared key, or two slots, is refused", () => {
    const server = newServer();
    const undeclared = server.execute(["EVAL", "return redis.call('GET', 'other')", "1", "{a}:1"], 0);
    expect(String(undeclared)).toContain("undeclared key");
    expect(String(server.execute(["EVAL", "return 1", "2", "{a}:1", "{b}:1"], 0))).toContain("CROSSSLOT");
    const spanning = createRedisServer({ rewrite: (source) => source, runId: () => "1", maySpan: () => true });
    expect(String(spanning.execute(["EVAL", "return 1", "2", "{a}:1", "{b}:1"], 0))).toBe("1");
  });
});

function newServer(): RedisServer {
  return createRedisServer({ rewrite: (source) => source, runId: () => "1" });
}

function stateOf({ db }: RedisServer): unknown {
  return [...db.values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [
      key,
      ...(value.kind === "string" ? [value.bytes] : []),
      ...(value.kind === "hash" ? [...value.fields].sort() : []),
      ...(value.kind === "zset" ? [...value.scores].sort(([a], [b]) => (a < b ? -1 : 1)).flat() : []),
      ...(value.kind === "stream" ? [value.entries, value.lastMs, value.lastSeq] : []),
    ]);
}

async function answered(command: readonly string[]): Promise<unknown> {
  try {
    return plain(await real.command(command));
  } catch (error) {
    return wordOf((error as Error).message);
  }
}

function plain(reply: Reply): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString("latin1");
  return Array.isArray(reply) ? reply.map(plain) : reply;
}

function shown(answer: Answer | SimpleError): unknown {
  if (answer instanceof SimpleError) return wordOf(answer.message);
  if (answer instanceof Status) return answer.text;
  return Array.isArray(answer) ? answer.map(shown) : answer;
}

/** Of an error its code alone: the words around it are no promise of Redis. */
function wordOf(message: string): string {
  return `error ${/^\S+/.exec(message)?.[0]}`;
}

function sorted(answer: unknown, isUnordered: boolean): unknown {
  if (!isUnordered || !Array.isArray(answer)) return answer;
  return answer.map((_, at) => (at % 2 === 0 ? `${answer[at]}=${answer[at + 1]}` : "")).sort();
}
