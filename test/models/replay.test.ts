import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSpeed, replayCommand } from "../../engine/cli/replay.ts";
import type { RecordedEvent } from "../../engine/cli/replay-file.ts";
import { REPLAY_BATCH_MAX, type ReplayPlan, replayCommandOf, sendRecorded } from "../../engine/cli/replay-send.ts";
import { connectRedis, type RedisConnection, type Reply, text } from "../../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { CDNOW, skipShared, TAOBAO } from "./shared-data.ts";

const DRIVE: ReplayPlan = { clock: { kind: "drive" }, speed: Number.POSITIVE_INFINITY, stream: undefined };

function eventAt(ts: number, stream = "clickstream"): RecordedEvent {
  return { stream, line: 1, body: { id: `e-${ts}`, type: "page_view", customer: "c", ts } };
}

describe("playing recorded events", () => {
  it("drive keeps ts and writes the driven clock beside it", () => {
    expect(replayCommandOf(eventAt(1000), DRIVE, 5000)).toEqual([
      "XADD",
      "clickstream",
      "*",
      "d",
      '{"id":"e-1000","type":"page_view","customer":"c","ts":1000}',
      "t",
      "5000",
    ]);
  });

  it("shift adds a constant to ts and writes no clock", () => {
    const plan: ReplayPlan = { ...DRIVE, clock: { kind: "shift", byMs: 500 }, stream: "all" };
    expect(replayCommandOf(eventAt(1000), plan, 0)).toEqual([
      "XADD",
      "all",
      "*",
      "d",
      '{"id":"e-1000","type":"page_view","customer":"c","ts":1500}',
    ]);
  });

  it("sends each event when it is due, at the speed asked for", async () => {
    let now = 0;
    const sent: [number, number][] = [];
    const events = [0, 1000, 1000, 61_000, 601_000].map((ts) => eventAt(ts));
    const count = await sendRecorded(
      events,
      { ...DRIVE, speed: 10 },
      {
        command: async (args) => {
          sent.push([now, Number(args.at(-1))]);
          return "ok";
        },
        clock: () => now,
        sleep: async (ms) => {
          expect(ms).toBeLessThanOrEqual(1000);
          now += ms;
        },
        onSent: () => undefined,
      },
    );
    expect(count).toBe(5);
    expect(sent).toEqual([
      [0, 0],
      [100, 1000],
      [100, 1000],
      [6100, 61_000],
      [60_100, 601_000],
    ]);
  });

  it("has at most one batch under way, in order, and stops at the first refusal", async () => {
    let underWay = 0;
    let most = 0;
    const order: string[] = [];
    const events = Array.from({ length: 3 * REPLAY_BATCH_MAX }, (_, index) => eventAt(index));
    const sending = sendRecorded(events, DRIVE, {
      command: async (args) => {
        order.push(String(args.at(-1)));
        most = Math.max(most, ++underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay--;
        if (order.length > 2 * REPLAY_BATCH_MAX) throw new Error("OOM command not allowed");
        return "ok";
      },
      clock: () => 0,
      sleep: async () => undefined,
      onSent: () => undefined,
    });
    await expect(sending).rejects.toThrow("OOM");
    expect(most).toBe(REPLAY_BATCH_MAX);
    expect(order).toEqual(order.map((_, index) => String(index)));
  });

  it("reads speeds", () => {
    expect([parseSpeed("max"), parseSpeed("0"), parseSpeed("60")]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      60,
    ]);
    for (const wrong of ["", "-1", "fast"]) expect(() => parseSpeed(wrong)).toThrow("neither a number above 0");
  });
});

describe("nba replay on a real Redis", () => {
  let redis: TestRedis;
  let connection: RedisConnection;
  beforeAll(async () => {
    redis = await startTestRedis();
    connection = await connectRedis({ url: redis.url, silenceMs: 10_000 });
  });
  afterAll(async () => {
    connection.close();
    await redis.stop();
  });

  async function run(...args: string[]): Promise<{ readonly out: string; readonly err: string }> {
    const printed = { out: "", err: "" };
    const command = replayCommand()
      .exitOverride()
      .configureOutput({
        writeOut: (line) => {
          printed.out += line;
        },
        writeErr: (line) => {
          printed.err += line;
        },
      });
    await command.parseAsync([...args, "--redis", redis.url], { from: "user" });
    return printed;
  }

  async function entriesOf(stream: string): Promise<{ readonly d: Record<string, unknown>; readonly t: string }[]> {
    const reply = (await connection.command(["XRANGE", stream, "-", "+"])) as readonly Reply[];
    return reply.map((entry) => {
      const fields = ((entry as readonly Reply[])[1] as readonly Reply[]).map(text);
      return { d: JSON.parse(fields[1] as string) as Record<string, unknown>, t: fields[3] ?? "" };
    });
  }

  it.skipIf(skipShared)("plays all of taobao by the clock of its events", { timeout: 120_000 }, async () => {
    const { out, err } = await run(TAOBAO, "--mapping", "taobao", "--clock", "drive", "--json");
    expect(JSON.parse(out)).toMatchObject({ sent: 84475, rows: 84476, refused: { "not 5 cells": 1 } });
    expect(err).toContain("refused 1 rows: not 5 cells (first at line 84476)");
    const [clicks, purchases] = [await entriesOf("clickstream"), await entriesOf("transactions")];
    expect([clicks.length, purchases.length]).toEqual([82725, 1750]);
    const wrong = clicks.filter(({ d, t }, index) => Number(t) !== d["ts"] || t < (clicks[index - 1]?.t ?? ""));
    expect(wrong).toEqual([]);
  });

  it.skipIf(skipShared)("plays a file a second time with the same ids", async () => {
    for (const stream of ["first", "second"]) {
      await run(CDNOW, "--mapping", "cdnow", "--clock", "drive", "--stream", stream);
    }
    const ids = new Set((await entriesOf("first")).map(({ d }) => d["id"]));
    expect(ids.size).toBe(6919);
    expect((await entriesOf("second")).filter(({ d }) => !ids.has(d["id"]))).toEqual([]);
  });

  it.skipIf(skipShared)("shifts so that the last event is now, and says what will be too old", async () => {
    await connection.command(["DEL", "transactions"]);
    const before = Date.now();
    const { err } = await run(CDNOW, "--mapping", "cdnow");
    const entries = await entriesOf("transactions");
    expect(entries).toHaveLength(6919);
    const last = entries.at(-1)?.d["ts"] as number;
    expect(last).toBeGreaterThanOrEqual(before);
    expect(last).toBeLessThanOrEqual(Date.now());
    expect(last - (entries[0]?.d["ts"] as number)).toBe(Date.UTC(1998, 5, 30) - Date.UTC(1997, 0, 1));
    expect(err).toMatch(
      /\d{4} events are more than 90 days before the last one: the engine will refuse them; use --clock drive/,
    );
    expect(entries.every(({ t }) => t === "")).toBe(true);
  });

  it("says what is wrong: no such file, no such mapping, no Redis", async () => {
    await expect(run("/nowhere.ndjson")).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining("cannot read /nowhere.ndjson"),
    });
    await expect(run("x", "--mapping", "amazon")).rejects.toThrow('"amazon" is none of cdnow, grocery, taobao');
    const file = join(redis.dir, "events.ndjson");
    writeFileSync(file, '{"id":"1","type":"x","customer":"c","ts":1}\n');
    const quiet = replayCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    const lost = quiet.parseAsync([file, "--redis", `unix://${redis.dir}/other.sock`], { from: "user" });
    await expect(lost).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining("no Redis at unix://") });
  });

  it("sends nothing from a file without events, and says so", async () => {
    const file = join(redis.dir, "empty.ndjson");
    writeFileSync(file, "");
    const { out } = await run(file, "--json");
    expect(JSON.parse(out)).toMatchObject({ sent: 0, rows: 0, first: null, last: null });
  });
});
