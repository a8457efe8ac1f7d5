import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { createFrontDoor, type FrontDoor, NAMED_STREAMS } from "../../engine/ingest/front-door.ts";
import { shapeOf } from "../../engine/journal/command-table.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { startTestRedis } from "../redis.ts";
import { startKillingProxy } from "./killing-proxy.ts";
import { startRedis, withRedis } from "./redis-server.ts";

const PARTITIONS = 8;
/** Short, so that whoever comes after a kill need not wait. */
const LEASE_MS = 150;
/** Before it the movers' connections only greet. */
const FIRST_PIECE = 16;
const root = fileURLToPath(new URL("../../", import.meta.url));

const payload = (customer: string, id: number): string =>
  JSON.stringify({ id: `e-${id}`, type: "page_view", customer, ts: 1_763_800_000_000 });

function frontDoor(
  url: string,
  warnings: string[] = [],
  dead: string[] = [],
  logLengthMax = 1_000_000,
  owner = "test",
): FrontDoor {
  return createFrontDoor({
    connect: () => connectRedis({ url, silenceMs: 3_000 }),
    partitions: PARTITIONS,
    owner,
    leaseMs: LEASE_MS,
    log: {
      warn: (facts, message) => warnings.push(`${message} ${JSON.stringify(facts)}`),
      error: (facts, message) => {
        throw new Error(`${message} ${JSON.stringify(facts)}`);
      },
    },
    metrics: {
      dead: (stream, reason) => dead.push(`${stream} ${reason}`),
      lost: () => undefined, // said to the log, too, and nobody trims here
    },
    logLengthMax,
  });
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const deadline = performance.now() + 20_000; !(await condition()); ) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const isEmpty = async (connection: RedisConnection, streams: readonly string[]): Promise<boolean> =>
  (await Promise.all(streams.map((stream) => connection.command(["XLEN", stream])))).every((length) => length === 0);

const isNearlyEmpty = async (connection: RedisConnection): Promise<boolean> => {
  const lengths = await Promise.all(NAMED_STREAMS.map((stream) => connection.command(["XLEN", stream])));
  return lengths.reduce<number>((sum, length) => sum + Number(length), 0) < 1_000;
};

type Moved = { readonly partition: number; readonly fields: Readonly<Record<string, string>> };

function record(fields: readonly Buffer[]): Record<string, string> {
  const names = fields.filter((_, index) => index % 2 === 0);
  return Object.fromEntries(names.map((name, index) => [String(name), String(fields[2 * index + 1])]));
}

async function readLogs(connection: RedisConnection): Promise<Moved[]> {
  const moved: Moved[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const entries = (await connection.command(["XRANGE", `nba:{${partition}}:events`, "-", "+"])) as [
      Buffer,
      Buffer[],
    ][];
    for (const [, fields] of entries) moved.push({ partition, fields: record(fields) });
  }
  return moved;
}

describe("front door", () => {
  test("moves to the partition of the key as sent, in order, and trims behind", async () => {
    await withRedis(async (connection, url) => {
      for (let id = 0; id < 500; id++)
        await connection.command(["XADD", "clickstream", "*", "d", payload(`c-${id % 20}`, id)]);
      await connection.command([
        "XADD",
        "outcomes",
        "*",
        "s",
        "$activate",
        "t",
        "123",
        "d",
        payload("c-1", 900),
        "x",
        "y",
      ]);
      await connection.command(["XADD", "transactions", "*", "d", '{"customer":"c-1","ts":"not judged here"}']);
      const door = frontDoor(url);
      door.start();
      await until(() => isEmpty(connection, NAMED_STREAMS), "the streams to be trimmed");
      await door.stop();
      const logs = await readLogs(connection);
      expect(logs.length).toBe(502);
      const last = new Map<string, number>();
      for (const { partition, fields } of logs) {
        const event = JSON.parse(fields["d"] ?? "") as { customer: string; id?: string };
        expect(partition).toBe(partitionOf(customerKey(event.customer), PARTITIONS));
        if (fields["s"] !== "clickstream") continue;
        const id = Number(event.id?.slice(2));
        expect(id).toBeGreaterThan(last.get(event.customer) ?? -1);
        last.set(event.customer, id);
      }
      const others = logs.map(({ fields }) => fields).filter((fields) => fields["s"] !== "clickstream");
      expect(others).toContainEqual({ s: "outcomes", d: payload("c-1", 900), t: "123" });
      expect(others).toContainEqual({ s: "transactions", d: '{"customer":"c-1","ts":"not judged here"}' });
      expect(door.moved().map((each) => each.appended)).toEqual([500, 1, 1]);
    });
  });

  test("what has no readable key becomes a dead letter that disturbs nothing", async () => {
    await withRedis(async (connection, url) => {
      const bad = [
        '{"id":',
        "",
        '{"customer":"anon:1"}',
        '{"customer":7}',
        "{}",
        "\u0001",
        `{"customer":"c-1","x":"${"y".repeat(17_000)}"}`,
      ];
      for (const each of bad) await connection.command(["XADD", "clickstream", "*", "d", each]);
      await connection.command(["XADD", "clickstream", "*", "q", "no payload"]);
      await connection.command(["XADD", "clickstream", "*", "d", payload("c-1", 1)]);
      const reasons: string[] = [];
      const door = frontDoor(url, [], reasons);
      door.start();
      await until(() => isEmpty(connection, NAMED_STREAMS), "the streams to be trimmed");
      await door.stop();
      expect((await readLogs(connection)).length).toBe(1);
      const letters = (await connection.command(["XRANGE", "nba:dead", "-", "+"])) as [Buffer, Buffer[]][];
      const dead = letters.map(([, fields]) => record(fields));
      const expected = [
        "not-parseable",
        "not-parseable",
        "invalid",
        "invalid",
        "invalid",
        "not-parseable",
        "too-large",
        "invalid",
      ];
      expect(dead.map((letter) => letter["reason"])).toEqual(expected);
      expect(reasons).toEqual(expected.map((reason) => `clickstream ${reason}`));
      expect(dead[6]?.["d"]?.length).toBe(1_024);
      expect(dead[0]).toMatchObject({
        stream: "clickstream",
        position: expect.stringMatching(/^\d+-\d+$/),
        d: '{"id":',
      });
      expect(door.moved()[0]).toEqual({ stream: "clickstream", appended: 1, dead: 8, skipped: 0 });
    });
  });

  test("waits while a log is too long, and goes on when it is shorter", async () => {
    await withRedis(async (connection, url) => {
      for (let id = 0; id < 2_500; id++)
        await connection.command(["XADD", "clickstream", "*", "d", payload("c-1", id)]);
      const door = frontDoor(url, [], [], 800);
      door.start();
      const log = `nba:{${partitionOf(customerKey("c-1"), PARTITIONS)}}:events`;
      // Steps of 16, 32 ... 512, and then of 1,000: it learns how large entries are.
      await until(() => door.moved()[0]?.appended === 1_008, "the first steps");
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await connection.command(["XLEN", log])).toBe(1_008);
      await connection.command(["XTRIM", log, "MAXLEN", "0"]);
      await until(() => door.moved()[0]?.appended === 2_008, "the next step");
      await connection.command(["XTRIM", log, "MAXLEN", "0"]);
      await until(() => door.moved()[0]?.appended === 2_500, "the last step");
      await door.stop();
    });
  });

  test("a log of another type holds up its stream, says so, and loses nothing", async () => {
    await withRedis(async (connection, url) => {
      const log = `nba:{${partitionOf(customerKey("c-1"), PARTITIONS)}}:events`;
      await connection.command(["SET", log, "x"]);
      for (let id = 0; id < 100; id++)
        await connection.command(["XADD", "clickstream", "*", "d", payload(`c-${id % 10}`, id)]);
      const warnings: string[] = [];
      const door = frontDoor(url, warnings);
      door.start();
      await until(() => warnings.length >= 2, "two warnings");
      expect(warnings[0]).toMatch(/clickstream.*WRONGTYPE/);
      await connection.command(["DEL", log]);
      await until(() => isEmpty(connection, NAMED_STREAMS), "the streams to be trimmed");
      await door.stop();
      const ids = (await readLogs(connection)).map(({ fields }) => fields["d"]);
      expect(ids.length).toBe(100);
      expect(new Set(ids).size).toBe(100);
    });
  });

  test("S1: a stream that begins anew with lower ids is moved all the same, also while it is being moved", async () => {
    await withRedis(async (connection, url) => {
      const add = async (stream: string, ms: number, ids: readonly number[]): Promise<void> => {
        for (const [at, id] of ids.entries())
          await connection.command(["XADD", stream, `${ms}-${at + 1}`, "d", payload(`c-${id}`, id)]);
      };
      const [running, stopped] = ["clickstream", "transactions"];
      await add(running, 9_000, [0, 1, 2]);
      await add(stopped, 9_000, [10, 11, 12]);
      const first = frontDoor(url);
      first.start();
      await until(() => isEmpty(connection, [running, stopped]), "the old streams to be moved");
      await connection.command(["DEL", running]);
      await add(running, 5_000, [3, 4, 5]);
      await until(() => isEmpty(connection, [running]), "the new stream to be moved");
      await first.stop();
      await connection.command(["DEL", stopped]);
      await add(stopped, 5_000, [13, 14]);
      const second = frontDoor(url);
      second.start();
      await until(() => isEmpty(connection, [stopped]), "the other new stream to be moved");
      await second.stop();
      const ids = (await readLogs(connection)).map(({ fields }) => /e-(\d+)/.exec(fields["d"] ?? "")?.[1]);
      expect(ids.map(Number).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14]);
    });
  });

  test("S1: what was moved is trimmed, and never what a stream made anew meanwhile holds", async () => {
    await withRedis(async (connection, url) => {
      const added = (ms: number, ids: readonly number[]) =>
        ids.map((id) => ["XADD", "clickstream", `${ms}-${id}`, "d", payload(`c-${id}`, id)]);
      for (const command of added(9_000, [1, 2, 3])) await connection.command(command);
      let trims = 0;
      // Between the step and its trim, however soon that comes: in one go, and then as far as it had been.
      const beforeTrim = async (): Promise<void> => {
        if (trims++ === 0)
          await Promise.all(
            [["DEL", "clickstream"], ...added(5_000, [4, 5, 6])].map((command) => connection.command(command)),
          );
        if (trims === 2) for (const command of added(9_100, [7])) await connection.command(command);
      };
      const told: string[] = [];
      const door = createFrontDoor({
        connect: async () => waitingToTrim(await connectRedis({ url, silenceMs: 3_000 }), beforeTrim),
        partitions: PARTITIONS,
        owner: "test",
        leaseMs: LEASE_MS,
        streams: ["clickstream"],
        log: { warn: (facts) => told.push(JSON.stringify(facts)), error: (facts) => told.push(JSON.stringify(facts)) },
      });
      door.start();
      await until(() => isEmpty(connection, ["clickstream"]), "the new stream to be moved");
      await door.stop();
      const ids = (await readLogs(connection)).map(({ fields }) => /e-(\d+)/.exec(fields["d"] ?? "")?.[1]);
      expect(ids.map(Number).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(told).toEqual(['{"stream":"clickstream","why":"the stream has begun anew, with lower ids"}']);
    });
  });

  test("S1: after a failover to a server whose clock is behind nothing is taken for moved; what is moved again has its old id", async () => {
    const master = await startTestRedis({ args: ["--repl-diskless-sync-delay", "0"] });
    const replica = await startTestRedis({ args: ["--replicaof", "127.0.0.1", String(master.port)] });
    const logs = await startTestRedis();
    const [ahead, behind, apart] = await Promise.all(
      [master, replica, logs].map(({ url }) => connectRedis({ url, silenceMs: 5_000 })),
    );
    // As in a cluster, where a named stream and the logs are on servers of their own.
    let streamUrl = master.url;
    const door = createFrontDoor({
      connect: async () =>
        split(
          await connectRedis({ url: streamUrl, silenceMs: 3_000 }),
          await connectRedis({ url: logs.url, silenceMs: 3_000 }),
        ),
      partitions: PARTITIONS,
      owner: "test",
      leaseMs: LEASE_MS,
      streams: ["clickstream"],
      log: { warn: () => undefined, error: () => undefined },
    });
    try {
      const add = async (to: RedisConnection | undefined, id: number): Promise<void> =>
        void (await to?.command(["XADD", "clickstream", `7000-${id}`, "d", payload(`c-${id}`, id)]));
      for (const id of [1, 2, 3]) await add(ahead, id);
      await until(async () => Number(await behind?.command(["XLEN", "clickstream"])) === 3, "the replica to follow");
      await behind?.command(["REPLICAOF", "NO", "ONE"]); // from here on it lacks what the master takes: nor does it trim
      for (const id of [4, 5, 6]) await add(ahead, id);
      door.start();
      await until(async () => Number(await ahead?.command(["XLEN", "clickstream"])) === 0, "the master to be moved");
      streamUrl = replica.url;
      // By its clock, which is behind: ids that the lost ones had.
      await behind?.command(["XADD", "clickstream", "7000-4", "d", payload("c-4", 14)]);
      await behind?.command(["XADD", "clickstream", "7000-9", "d", payload("c-6", 19)]);
      await master.kill();
      await until(async () => Number(await behind?.command(["XLEN", "clickstream"])) === 0, "the replica to be moved");
      await door.stop();
      const ids = (await readLogs(apart as RedisConnection)).map(
        ({ fields }) => /e-(\d+)/.exec(fields["d"] ?? "")?.[1],
      );
      expect(ids.map(Number).sort((a, b) => a - b)).toEqual([1, 1, 2, 2, 3, 3, 4, 5, 6, 14, 19]);
    } finally {
      await door.stop();
      for (const each of [ahead, behind, apart]) each?.close();
      for (const each of [master, replica, logs]) await each.stop();
    }
  });

  test("S1: SIGKILL at any point neither loses nor doubles nor reorders", {
    timeout: process.env["NBA_LONG"] === "1" ? 1_800_000 : 240_000,
  }, async () => {
    const script = `${root}dist/test/ingest/mover-child.js`; // Node 20 runs no TypeScript
    const redis = await startRedis();
    const connection = await connectRedis({ url: redis.url, silenceMs: 5_000 });
    const redisPath = redis.url.slice("unix://".length);
    const proxy = await startKillingProxy(`${redisPath}.proxy`, redisPath);
    const kills = process.env["NBA_LONG"] === "1" ? 200 : 6;
    const children: ChildProcess[] = [];
    try {
      let sent = 0;
      const produce = async (): Promise<void> => {
        const added = Array.from({ length: 200 }, () => {
          const id = sent++;
          const stream = NAMED_STREAMS[id % 3] as string;
          return connection.command([
            "XADD",
            stream,
            "*",
            "d",
            id % 50 === 7 ? `{broken ${id}` : payload(`c-${id % 40}`, id),
          ]);
        });
        await Promise.all(added);
      };
      for (let kill = 0; kill < kills; kill++) {
        for (let times = 0; times < 5; times++) await produce();
        const killed = new Promise<void>((resolve) => {
          proxy.arm(FIRST_PIECE + ((kill * 17) % 41), kill % 2 === 0, () => {
            children.at(-1)?.kill("SIGKILL");
            resolve();
          });
        });
        const child = spawn(process.execPath, [script, proxy.url, String(PARTITIONS), String(LEASE_MS)], {
          stdio: ["ignore", "ignore", "inherit"],
        });
        children.push(child);
        const ended = once(child, "exit");
        let isKilled = false;
        const watched = killed.then(() => {
          isKilled = true;
        });
        while (!isKilled) {
          expect(child.exitCode, "the mover ended by itself").toBeNull();
          // It must have something to move until the kill comes, but no more than can be moved at the end.
          if (await isNearlyEmpty(connection)) await produce();
          await new Promise((resolve) => setTimeout(resolve, 25));
        }
        await watched;
        await ended;
      }
      expect(await isEmpty(connection, NAMED_STREAMS), "the last kill came with work left").toBe(false);
      const door = frontDoor(redis.url);
      door.start();
      await until(() => isEmpty(connection, NAMED_STREAMS), "the rest to be moved");
      await door.stop();
      await expectOnceInOrder(connection, sent);
    } finally {
      for (const child of children) child.kill("SIGKILL");
      proxy.stop();
      connection.close();
      await redis.stop();
    }
  });

  test("two engines: one moves each stream; what it gives back the other moves on at once, and what it loses to a pause too", async () => {
    await withRedis(async (connection, url) => {
      let sent = 0;
      const produce = async (): Promise<void> => {
        for (let n = 0; n < 90; n++, sent++) {
          await connection.command([
            "XADD",
            NAMED_STREAMS[sent % 3] as string,
            "*",
            "d",
            payload(`c-${sent % 40}`, sent),
          ]);
        }
      };
      const first = frontDoor(url, [], [], undefined, "first");
      first.start();
      await produce();
      await until(() => isEmpty(connection, NAMED_STREAMS), "the first to move");
      const second = frontDoor(url, [], [], undefined, "second");
      second.start();
      await produce();
      await until(() => isEmpty(connection, NAMED_STREAMS), "the first to move on");
      const appended = (door: FrontDoor): number => door.moved().reduce((sum, each) => sum + each.appended, 0);
      expect([appended(first), appended(second)]).toEqual([180, 0]);
      await first.stop();
      await produce();
      await until(() => isEmpty(connection, NAMED_STREAMS), "the second to move on");
      expect(appended(second)).toBe(90);
      // As after a pause: the lease is another's by now, and this engine has not noticed.
      const third = frontDoor(url, [], [], undefined, "third");
      third.start();
      while (appended(third) === 0) {
        for (const stream of NAMED_STREAMS) await connection.command(["HSET", `nba:mover:${stream}`, "until", "0"]);
        await produce();
      }
      await until(() => isEmpty(connection, NAMED_STREAMS), "both to be done");
      await Promise.all([second.stop(), third.stop()]);
      await expectOnceInOrder(connection, sent);
    });
  });
});

/** Waits before whatever trims the named stream. */
function waitingToTrim(connection: RedisConnection, wait: () => Promise<void>): RedisConnection {
  return {
    ...connection,
    command: async (args, near) => {
      if (args[0] === "XTRIM" && args[1] === "clickstream") await wait();
      return connection.command(args, near);
    },
    script: async (script, keys, args) => {
      if (keys[0] === "clickstream") await wait();
      return connection.script(script, keys, args);
    },
  };
}

/** What lies under the named streams on one server, all else on another. */
function split(streams: RedisConnection, others: RedisConnection): RedisConnection {
  const of = (key: unknown): RedisConnection => (key === "clickstream" ? streams : others);
  for (const each of [streams, others]) {
    each.onClosed(() => {
      streams.close();
      others.close();
    });
  }
  return {
    command: (args, near) => {
      const key = near ?? shapeOf(args).keys(args)[0];
      return of(key).command(args);
    },
    script: (script, keys, args) => of(keys[0]).script(script, keys, args),
    isClosed: () => streams.isClosed() || others.isClosed(),
    onClosed: (listener) => streams.onClosed(listener),
    close: () => streams.close(),
  };
}

/** Counted apart from the mover: by the numbers that the producer wrote. */
async function expectOnceInOrder(connection: RedisConnection, sent: number): Promise<void> {
  const logs = await readLogs(connection);
  const letters = (await connection.command(["XRANGE", "nba:dead", "-", "+"])) as [Buffer, Buffer[]][];
  const broken = letters.map(([, fields]) => Number(/\d+/.exec(record(fields)["d"] ?? "")?.[0]));
  const ids = logs.map(({ fields }) => Number((JSON.parse(fields["d"] ?? "") as { id: string }).id.slice(2)));
  const all = [...ids, ...broken].sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: sent }, (_, id) => id));
  const last = new Map<string, number>();
  for (const [index, { partition, fields }] of logs.entries()) {
    const lane = `${partition} ${fields["s"]}`;
    const id = ids[index] as number;
    expect(id, lane).toBeGreaterThan(last.get(lane) ?? -1);
    last.set(lane, id);
  }
}
