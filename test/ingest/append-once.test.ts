import { describe, expect, test } from "vitest";
import type { PartitionIndex, Position } from "../../engine/domain/ids.ts";
import { appendOnce, deadTarget, idAfter, logTarget, readMark } from "../../engine/ingest/append-once.ts";
import type { RedisConnection } from "../../engine/journal/redis.ts";
import { withRedis } from "./redis-server.ts";

const target = logTarget(3 as PartitionIndex, "clickstream");
const entry = (id: string) => ({ id, fields: ["s", "clickstream", "d", `payload ${id}`] });

async function payloads(connection: RedisConnection, stream: string): Promise<string[]> {
  const reply = (await connection.command(["XRANGE", stream, "-", "+"])) as [Buffer, Buffer[]][];
  return reply.map(([, fields]) => String(fields[fields.findIndex((each) => String(each) === "d") + 1]));
}

describe("append once", () => {
  test("appends in order, and what is sent again is skipped", async () => {
    await withRedis(async (connection) => {
      expect(await appendOnce(connection, target, [entry("5-0"), entry("5-1")])).toEqual({
        appended: 2,
        skipped: 0,
        length: 2,
      });
      const overlapping = [entry("5-0"), entry("5-1"), entry("6-0"), entry("6-0")];
      expect(await appendOnce(connection, target, overlapping)).toEqual({ appended: 1, skipped: 3, length: 3 });
      expect(await payloads(connection, target.stream)).toEqual(["payload 5-0", "payload 5-1", "payload 6-0"]);
      expect(String(await connection.command(["HGET", "nba:{3}:checkpoint", "moved:clickstream"]))).toBe("6-0");
    });
  });

  test("ids are compared as numbers on both sides of the dash, beyond what a double holds", async () => {
    await withRedis(async (connection) => {
      const ascending = [
        "9-9",
        "9-10",
        "10-0",
        "10-2",
        "9007199254740992-0",
        "9007199254740993-0",
        "9007199254740993-18446744073709551614",
        "9007199254740993-18446744073709551615",
      ];
      for (const id of ascending) expect((await appendOnce(connection, target, [entry(id)])).appended, id).toBe(1);
      for (const id of ascending) expect((await appendOnce(connection, target, [entry(id)])).skipped, id).toBe(1);
    });
  });

  test("elements that all begin with are sent once, and entries may have more or fewer of their own", async () => {
    await withRedis(async (connection) => {
      const begin = ["s", "clickstream", "d"];
      const own = (id: string, ...fields: string[]) => ({ id, fields });
      await appendOnce(connection, target, [own("5-0", "a"), own("5-1", "b")], 0, begin);
      const mixed = [own("5-1", "b"), own("6-0", "c", "t", "7"), own("7-0", "e"), own("6-5", "f"), own("8-0", "g")];
      expect(await appendOnce(connection, target, mixed, 0, begin)).toEqual({ appended: 3, skipped: 2, length: 5 });
      const reply = (await connection.command(["XRANGE", target.stream, "-", "+"])) as [Buffer, Buffer[]][];
      expect(reply.map(([, fields]) => fields.map(String).slice(3).join(" "))).toEqual(["a", "b", "c t 7", "e", "g"]);
      for (const odd of [[own("9-0", "a", "b")], [own("9-0", "a"), own("9-1")], [own("9-0")]])
        await expect(appendOnce(connection, target, odd, 0, begin)).rejects.toThrow(/ERR entry/);
      expect(await connection.command(["XLEN", target.stream])).toBe(5);
    });
  });

  test("each source has its own watermark", async () => {
    await withRedis(async (connection) => {
      const other = logTarget(3 as PartitionIndex, "transactions");
      await appendOnce(connection, target, [entry("9-0")]);
      expect((await appendOnce(connection, other, [entry("1-0")])).appended).toBe(1);
      expect((await appendOnce(connection, target, [entry("1-0")])).skipped).toBe(1);
    });
  });

  test("a watermark of an earlier generation is void, and one of a later generation refuses", async () => {
    await withRedis(async (connection) => {
      await appendOnce(connection, target, [entry("9-0")]);
      expect((await appendOnce(connection, target, [entry("5-0")], 7)).appended).toBe(1);
      expect((await appendOnce(connection, target, [entry("5-0"), entry("6-0")], 7)).appended).toBe(1);
      const written = String(await connection.command(["HGET", "nba:{3}:checkpoint", "moved:clickstream"]));
      expect(readMark(written)).toEqual({ id: "6-0", generation: 7 });
      await expect(appendOnce(connection, target, [entry("10-0")])).rejects.toThrow(/^STALE moved:clickstream .* 7$/);
      await expect(appendOnce(connection, target, [entry("10-0")], 6)).rejects.toThrow(/^STALE/);
      expect(await payloads(connection, target.stream)).toEqual(["payload 9-0", "payload 5-0", "payload 6-0"]);
    });
  });

  test("nothing is written where a key has another type, an id another form or fields are odd", async () => {
    await withRedis(async (connection) => {
      const bad = [
        [entry("7-0"), { id: "7", fields: ["d", "x"] }],
        [entry("7-0"), { id: "7-x", fields: ["d", "x"] }],
        [entry("7-0"), { id: "8-0", fields: ["d"] }],
        [entry("7-0"), { id: "8-0", fields: [] }],
      ];
      for (const entries of bad) await expect(appendOnce(connection, target, entries)).rejects.toThrow(/ERR entry/);
      expect(await connection.command(["EXISTS", target.stream, target.watermarks])).toBe(0);

      await connection.command(["SET", target.watermarks, "x"]);
      await expect(appendOnce(connection, target, [entry("7-0")])).rejects.toThrow(
        /WRONGTYPE watermark .*string, not a hash/,
      );
      expect(await connection.command(["EXISTS", target.stream])).toBe(0);
      await connection.command(["DEL", target.watermarks]);
      await connection.command(["LPUSH", target.stream, "x"]);
      await expect(appendOnce(connection, target, [entry("7-0")])).rejects.toThrow(
        /WRONGTYPE target .*list, not a stream/,
      );
      expect(await connection.command(["EXISTS", target.watermarks])).toBe(0);
      await connection.command(["DEL", target.stream]);
      await connection.command(["HSET", target.watermarks, target.field, "yesterday"]);
      await expect(appendOnce(connection, target, [entry("7-0")])).rejects.toThrow(
        /watermark moved:clickstream .* is not/,
      );
    });
  });

  test("every pair of keys lies in one slot, so that a cluster runs it", async () => {
    await withRedis(
      async (connection) => {
        for (const each of [target, deadTarget("outcomes")]) {
          const slots = await Promise.all(
            [each.stream, each.watermarks].map((key) => connection.command(["CLUSTER", "KEYSLOT", key])),
          );
          expect(slots[0]).toBe(slots[1]);
        }
      },
      ["--cluster-enabled", "yes"],
    );
  });

  test("the id after another", () => {
    expect(idAfter("17-9" as Position)).toBe("17-10");
    expect(idAfter("17-18446744073709551614" as Position)).toBe("17-18446744073709551615");
  });
});
