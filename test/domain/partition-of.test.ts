import { describe, expect, test } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { crc16, partitionOf } from "../../engine/domain/partition-of.ts";
import { withRedis } from "../ingest/redis-server.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("partition of a key", () => {
  test("crc16 gives the published check values of CRC-16/XMODEM", () => {
    expect(crc16(bytes("123456789"))).toBe(0x31c3);
    expect(crc16(bytes(""))).toBe(0);
    expect(crc16(bytes("A"))).toBe(0x58e5);
  });

  test("agrees with CLUSTER KEYSLOT of a real Redis, beyond ASCII too", async () => {
    const keys = [
      "c-17",
      "anon:device-9",
      "",
      "Ольга",
      "größe",
      "客户",
      "👩‍💻",
      "a".repeat(256),
      "x y\n\u0000z",
      "\u007f\u0080",
    ];
    for (let index = 0; index < 300; index++) keys.push(`customer-${index * 7919}`);
    await withRedis(
      async (connection) => {
        const slots = await Promise.all(keys.map((key) => connection.command(["CLUSTER", "KEYSLOT", key])));
        for (const [index, key] of keys.entries()) {
          expect(partitionOf(customerKey(key), 16_384), JSON.stringify(key)).toBe(slots[index]);
        }
      },
      ["--cluster-enabled", "yes"],
    );
  });

  test("braces are no hash tag here: the whole key counts", () => {
    expect(partitionOf(customerKey("{a}b"), 65_536)).toBe(crc16(bytes("{a}b")));
  });

  test("64 partitions share 64,000 customers evenly", () => {
    const counts = new Array<number>(64).fill(0);
    for (let index = 0; index < 64_000; index++) {
      const partition = partitionOf(customerKey(`c-${index}`), 64);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
  });
});
