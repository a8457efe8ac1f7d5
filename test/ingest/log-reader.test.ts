import { describe, expect, test } from "vitest";
import type { PartitionIndex, Position } from "../../engine/domain/ids.ts";
import { createLogReader, type LogReader } from "../../engine/ingest/log-reader.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { withRedis } from "./redis-server.ts";

const partitions = [0, 5, 7] as PartitionIndex[];
const open = (url: string): Promise<RedisConnection> => connectRedis({ url, silenceMs: 3_000 });
const add = async (connection: RedisConnection, partition: number, from: number, to: number): Promise<void> => {
  for (let n = from; n < to; n++)
    await connection.command(["XADD", `nba:{${partition}}:events`, `${n}-1`, "s", "x", "d", `${n}`]);
};

const BEGINNING = "0-0" as Position;
async function readerOf(
  url: string,
  waker: RedisConnection,
  options: { readonly countMax: number; readonly blockMs?: number },
  from: ReadonlyMap<PartitionIndex, Position> = new Map(),
): Promise<LogReader> {
  const reader = createLogReader({ connection: await open(url), waker, ...options });
  for (const partition of partitions) reader.add(partition, from.get(partition) ?? BEGINNING);
  return reader;
}

describe("reader of the input logs", () => {
  test("gives every entry of every owned log once and in order, while more arrive", async () => {
    await withRedis(async (connection, url) => {
      for (const partition of [0, 5, 6]) await add(connection, partition, 1, 101);
      const reader = await readerOf(url, connection, { countMax: 7 });
      const seen = new Map<number, number[]>();
      const adding = add(connection, 7, 1, 201);
      for (let total = 0; total < 400; ) {
        for (const { partition, entries } of await reader.next()) {
          const numbers = seen.get(partition) ?? [];
          expect(entries.length).toBeLessThanOrEqual(7);
          for (const { position, fields } of entries) {
            expect(fields.map(String)).toEqual(["s", "x", "d", String(Number.parseInt(position, 10))]);
            numbers.push(Number.parseInt(position, 10));
          }
          seen.set(partition, numbers);
          total += entries.length;
        }
      }
      await adding;
      reader.stop();
      const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
      expect(Object.fromEntries(seen)).toEqual({ 0: upTo(100), 5: upTo(100), 7: upTo(200) });
    });
  });

  test("begins behind the positions it is given", async () => {
    await withRedis(async (connection, url) => {
      await add(connection, 0, 1, 11);
      const from = new Map([[0 as PartitionIndex, "8-1" as Position]]);
      const reader = await readerOf(url, connection, { countMax: 100 }, from);
      const batches = await reader.next();
      expect(batches.map(({ partition, entries }) => [partition, entries.map((entry) => entry.position)])).toEqual([
        [0, ["9-1", "10-1"]],
      ]);
      reader.stop();
    });
  });

  test("is empty after a silence, wakes for an entry, and ends at once when stopped", async () => {
    await withRedis(async (connection, url) => {
      const reader = await readerOf(url, connection, { countMax: 10, blockMs: 50 });
      expect(await reader.next()).toEqual([]);
      await add(connection, 5, 1, 2);
      const batches = [...(await reader.next()), ...(await reader.next())];
      expect(batches.map((batch) => batch.partition)).toEqual([5]);
      const waiting = reader.next();
      reader.stop();
      expect(await waiting).toEqual([]);
      expect(await reader.next()).toEqual([]);
    });
  });

  test("tells that its connection was lost", async () => {
    await withRedis(async (waker, url) => {
      const connection = await open(url);
      const reader = createLogReader({ connection, waker, countMax: 10 });
      for (const partition of partitions) reader.add(partition, BEGINNING);
      const waiting = reader.next();
      connection.close();
      await expect(waiting).rejects.toThrow();
      await expect(reader.next()).rejects.toThrow();
    });
  });
});
