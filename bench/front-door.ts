// Entries a second that the front door moves from a named stream to the input logs, beside a bare client that reads and appends
// the same entries in the same batches, without routing, watermarks and scripts.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { createFrontDoor } from "../engine/ingest/front-door.ts";
import { connectRedis, type Reply } from "../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../test/redis.ts";
import { LOG_KEYS } from "./load/drain.ts";
import { PARTITIONS } from "./load/engine-under-test.ts";
import { addToStreams, makeBatch } from "./load/events.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "front-door",
  about: "entries a second moved from a named stream to 64 input logs, beside XREAD and XADD by the bare client",
  run,
};

const STREAM = "clickstream";
const BATCH = 1_000;
const STALL_MS = 20_000;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const count = options.quick ? 10_000 : 100_000;
  const rows: BenchRow[] = [];
  for (const appendOnly of [true, false]) {
    const redis = await startTestRedis({ appendOnly });
    const producer = new Redis(redis.socket);
    try {
      const turn = (move: Move) => (round: number) => measure(redis, producer, move, count, round);
      const rates = await alternate(roundsOf(options), { engine: turn(byFrontDoor), bare: turn(byBareClient) });
      const words = appendOnly ? "appendfsync always" : "without AOF";
      rows.push(rowOf(`front door, ${words}`, "entries/s", rates.engine, rates.bare));
      rows.push(rowOf(`bare client, ${words}`, "entries/s", rates.bare));
    } finally {
      producer.disconnect();
      await redis.stop();
    }
  }
  return rows;
}

type Move = (url: string, count: number) => Promise<void>;

/** Entries a second, over as many as were laid out. */
async function measure(redis: TestRedis, producer: Redis, move: Move, count: number, round: number): Promise<number> {
  await producer.flushall();
  const { events } = makeBatch(`d${round}`, count, 50_000, round);
  await addToStreams(
    producer,
    events.map((event) => ({ ...event, stream: STREAM })),
  );
  const startedAt = performance.now();
  await move(redis.url, count);
  const tookMs = performance.now() - startedAt;
  let moved = 0;
  for (const key of LOG_KEYS) moved += await producer.xlen(key);
  if (moved !== count) throw new Error(`${moved} of ${count} entries were moved`);
  return (count / tookMs) * 1_000;
}

const byFrontDoor: Move = async (url, count) => {
  const troubles: string[] = [];
  const say = (facts: object, message: string): void => void troubles.push(`${message} ${JSON.stringify(facts)}`);
  const door = createFrontDoor({
    owner: "bench",
    leaseMs: 60_000,
    connect: () => connectRedis({ url, silenceMs: 10_000 }),
    partitions: PARTITIONS,
    streams: [STREAM],
    log: { warn: say, error: say },
  });
  door.start();
  const until = performance.now() + STALL_MS;
  while ((door.moved()[0]?.appended ?? 0) < count) {
    if (troubles.length > 0 || performance.now() > until)
      throw new Error(troubles[0] ?? `not done after ${STALL_MS} ms`);
    await sleep(2);
  }
  await door.stop();
};

/** Entry by entry to one log after the other. Reads the next batch while this one is written, as the front door does. */
const byBareClient: Move = async (url, count) => {
  const [reader, writer] = await Promise.all([
    connectRedis({ url, silenceMs: 10_000 }),
    connectRedis({ url, silenceMs: 10_000 }),
  ]);
  const read = (after: string): Promise<Reply> =>
    reader.command(["XREAD", "COUNT", String(BATCH), "STREAMS", STREAM, after]);
  let reading = read("0-0");
  for (let done = 0; done < count; ) {
    const reply = (await reading) as readonly [Buffer, readonly [Buffer, readonly Buffer[]][]][];
    const entries = reply[0]?.[1] ?? [];
    const last = String(entries.at(-1)?.[0]);
    reading = read(last);
    await Promise.all(
      entries.map(([, fields], index) =>
        writer.command(["XADD", LOG_KEYS[index % LOG_KEYS.length] as string, "*", ...fields]),
      ),
    );
    await writer.command(["XTRIM", STREAM, "MINID", last]);
    done += entries.length;
  }
  await reading;
  reader.close();
  writer.close();
};
