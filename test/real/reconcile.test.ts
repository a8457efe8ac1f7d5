// Recorded customers through the real streams: every event is accounted for, and every profile is what the file says.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { skipShared } from "../models/shared-data.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { untilStored } from "../until-stored.ts";
import { type DeclaredFeature, readDeclaredFeatures } from "./naive-features.ts";
import { eventMetrics, profileFaults, replay, settle, untilMoved } from "./real-run.ts";
import { type Recording, readCdnow, readTaobao } from "./recorded-rows.ts";
import { readBooks, totals } from "./redis-books.ts";

const PARTITIONS = 64;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** All profiles are looked at in the end; on the way there one of so many, but in the long run. */
const ONE_OF = process.env["NBA_LONG"] === "1" ? 1 : 4;

describe.skipIf(skipShared)("recorded files through the real streams", () => {
  let server: TestRedis;
  let redis: Redis;
  let engine: EngineProcess;
  let declared: readonly DeclaredFeature[];
  let cdnow: Recording;
  let taobao: Recording;
  const ticks: string[] = [];
  const start = () =>
    startEngineProcess({ REDIS_URL: server.url, PARTITIONS: String(PARTITIONS), NBA_LEASE_MS: "500" });
  let drivenMs = 0;
  const driveTo = async (atMs: number): Promise<void> => {
    drivenMs = atMs;
    ticks.push(...(await settle(redis, engine.url, PARTITIONS, atMs)));
  };

  beforeAll(async () => {
    declared = readDeclaredFeatures();
    [cdnow, taobao] = [readCdnow(), readTaobao()];
    server = await startTestRedis();
    redis = new Redis(server.tcpUrl);
    engine = await start();
  });
  afterAll(async () => {
    redis?.disconnect();
    await engine?.stop();
    await server?.stop();
  });

  it("S5: CDNOW, and what is forgotten as time goes by: profiles of a naive fold", { timeout: 120_000 }, async () => {
    expect(await replay(cdnow, server.url)).toMatchObject({ sent: 6_919, rows: 6_919, refused: {} });
    for (const later of [0, 40 * DAY]) {
      await driveTo(cdnow.lastTs + later);
      expect(await profileFaults(engine.url, cdnow, declared, drivenMs, ONE_OF)).toEqual([]);
    }
  });

  it("S5: taobao, and what is forgotten as time goes by: profiles of a naive fold", { timeout: 120_000 }, async () => {
    expect(taobao.cut).toBe(1);
    expect(await replay(taobao, server.url)).toMatchObject({
      sent: 84_475,
      rows: 84_476,
      refused: { "not 5 cells": 1 },
    });
    for (const later of [0, HOUR / 2, 5 * HOUR, 4 * DAY]) {
      await driveTo(taobao.lastTs + later);
      expect(await profileFaults(engine.url, taobao, declared, drivenMs, ONE_OF)).toEqual([]);
    }
  });

  it("S1: both files again, and some broken events, change no profile", { timeout: 120_000 }, async () => {
    await redis.xadd("clickstream", "*", "d", "100370,1968385,1875258,pv");
    await redis.xadd("clickstream", "*", "d", '{"id":"cut","type":"page_view","customer":"taobao-100370"}');
    const now = String(taobao.lastTs + 5 * DAY);
    const old = { id: "old", type: "purchase", customer: "cdnow-00004", ts: cdnow.lastTs };
    await redis.xadd("transactions", "*", "d", JSON.stringify(old), "t", now);
    await replay(cdnow, server.url);
    await replay(taobao, server.url);
    await driveTo(taobao.lastTs + 5 * DAY);
    for (const recording of [cdnow, taobao])
      expect(await profileFaults(engine.url, recording, declared, drivenMs, ONE_OF)).toEqual([]);
  });

  it("S1: every event of the files was folded once, and once known as a duplicate", { timeout: 120_000 }, async () => {
    const clicks = [...taobao.rows.values()].filter(({ type }) => type !== "purchase").length;
    const purchases = cdnow.rows.size + taobao.rows.size - clicks;
    // What a message was sent for may be over when the clock is driven on: the engine reports it, an event like any other.
    const { "engine folded": own = 0, ...sent } = await eventMetrics(engine.url);
    expect(sent).toEqual({
      "clickstream folded": clicks + ticks.length,
      "clickstream duplicate": clicks,
      "clickstream dead": 2,
      "transactions folded": purchases,
      "transactions duplicate": purchases,
      "transactions dead": 1,
    });
    await untilMoved(redis);
    await untilStored(redis, PARTITIONS);
    expect(await engine.stop()).toBe(0);
    const books = await readBooks(redis, PARTITIONS);
    for (const { counts, entries, internal, astray } of books) {
      expect(counts.folded + counts.dead + counts.duplicate).toBe(entries - internal);
      expect(counts.internal).toBe(internal);
      expect(astray).toEqual([]);
    }
    const files = cdnow.rows.size + taobao.rows.size;
    expect(totals(books)).toMatchObject({ folded: files + ticks.length + own, duplicate: files, dead: 2 });
    const letters = books.flatMap(({ dead }) => dead).sort();
    expect(letters.filter((reason) => reason !== "undelivered")).toEqual(["invalid", "too-old"]);
    expect(letters.length - 2).toBeLessThanOrEqual(own);
    expect(await redis.xlen("nba:dead")).toBe(1);

    const inLogs = new Map(books.flatMap(({ events }) => [...events]));
    const reports = [...inLogs].filter(([id]) => id.startsWith("engine "));
    expect(reports.map(([, times]) => times)).toEqual(Array.from({ length: own }, () => 1));
    const wanted = new Map<string, number>([...ticks, "cut"].map((id) => [`clickstream ${id}`, 1]));
    wanted.set("transactions old", 1);
    for (const { rows, idOf } of [cdnow, taobao]) {
      for (const [line, { type }] of rows) {
        wanted.set(`${type === "purchase" ? "transactions" : "clickstream"} ${idOf(line)}`, 2);
      }
    }
    expect(inLogs.size).toBe(wanted.size + own);
    expect([...wanted].filter(([id, times]) => inLogs.get(id) !== times)).toEqual([]);
  });

  it("S5: an engine that starts on what this one left behind has the same profiles", { timeout: 120_000 }, async () => {
    engine = await start();
    for (const recording of [cdnow, taobao])
      expect(await profileFaults(engine.url, recording, declared, drivenMs)).toEqual([]);
  });
});
