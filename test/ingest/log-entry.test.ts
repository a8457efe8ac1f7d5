import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CustomerEvent, LogEntry } from "../../engine/domain/event.ts";
import {
  anonymousKey,
  type CustomerKey,
  customerKey,
  type Position,
  type RulebookHash,
  type TrackingCode,
} from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { DAY_MS, type Instant } from "../../engine/domain/time.ts";
import {
  decodeLogEntry,
  ENGINE_SOURCE,
  type EntryFields,
  encodeActivation,
  encodeCampaign,
  encodeDelivered,
  encodeEvent,
  encodeTimer,
} from "../../engine/ingest/log-entry.ts";
import { pack } from "../../engine/ingest/messagepack.ts";

const PARTITIONS = 64;
const POSITION = "1763800000000-3" as Position;
const key = customerKey("c-17");
const code = "AAECAwQFBgcICQoLDA0ODw.1" as TrackingCode;
const event: CustomerEvent = {
  id: "e-1",
  type: "page_view",
  key,
  ts: 1_763_800_000_000 as Instant,
  source: "clickstream",
  props: { section: "loans" },
};

const buffers = (fields: EntryFields): Buffer[] =>
  fields.map((each) => (typeof each === "string" ? Buffer.from(each) : each));
const decode = (fields: EntryFields, of: CustomerKey = key, skewMs = 0): LogEntry =>
  decodeLogEntry(POSITION, buffers(fields), { partition: partitionOf(of, PARTITIONS), partitions: PARTITIONS, skewMs });
const at = (ts: number): EntryFields => encodeEvent({ ...event, ts: ts as Instant });

describe("an entry of an input log", () => {
  test("S3: what the engine itself reports is taken however far a replay drove the clock meanwhile", () => {
    const props = { trackingCode: code, outcome: "not-delivered" };
    const own = { ...event, type: "outcome", source: ENGINE_SOURCE, props };
    for (const drivenBy of [-100 * DAY_MS, -2 * DAY_MS, -DAY_MS, 0, DAY_MS, 90 * DAY_MS, 400 * DAY_MS]) {
      const entry = decode(encodeEvent(own), key, drivenBy);
      const ts = Math.min(Math.max(event.ts, event.ts + drivenBy - 90 * DAY_MS), event.ts + drivenBy + DAY_MS);
      expect(entry).toMatchObject({ kind: "event", event: { id: own.id, ts } });
    }
  });

  test("carries what was encoded", () => {
    const place = { position: POSITION, arrivedAt: 1_763_800_000_000, movesClock: false };
    expect(decode(encodeEvent(event))).toEqual({ ...place, movesClock: true, kind: "event", event });
    const due = 1_763_800_123_456 as Instant;
    expect(decode(encodeTimer(key, due))).toEqual({ ...place, kind: "timer", key, due });
    const campaign = { kind: "campaign", key, campaign: "spring", from: 7 };
    expect(decode(encodeCampaign(key, "spring", 7 as Instant))).toEqual({ ...place, ...campaign });
    expect(decode(["s", "$campaign", "d", pack({ k: key, campaign: "spring" })])).toMatchObject({ kind: "dead" });
    expect(decode(encodeDelivered(key, code))).toEqual({ ...place, kind: "delivered", key, trackingCode: code });
    const hash = "0123456789abcdef".repeat(4) as RulebookHash;
    expect(decode(encodeActivation(hash, "ops"), customerKey("any"))).toEqual({
      ...place,
      kind: "activation",
      rulebook: hash,
      by: "ops",
    });
  });

  test("whatever event was accepted comes back the same", () => {
    const text = (maxLength: number) =>
      fc.string({ minLength: 1, maxLength, unit: "grapheme" }).filter((each) => each.length <= maxLength);
    const name = text(64).filter((each) => !["__proto__", "constructor", "prototype"].includes(each));
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => each + 0);
    const value = fc.oneof(text(100), number, fc.boolean(), fc.array(text(20), { maxLength: 5 }));
    const whose = fc.oneof(
      text(100)
        .filter((each) => !each.startsWith("anon:"))
        .map(customerKey),
      text(100)
        .filter((each) => !each.startsWith("anon:"))
        .map(anonymousKey),
    );
    const events = fc.record(
      {
        id: text(128),
        type: text(40).map((each) => `x${each}`),
        key: whose,
        ts: fc.integer({ min: 0, max: DAY_MS }).map((ms) => (1_763_800_000_000 - ms) as Instant),
        source: fc.constantFrom("clickstream", "http"),
        props: fc.dictionary(name, value, { maxKeys: 12, noNullPrototype: true }),
        session: text(40),
        channel: text(40),
      },
      { requiredKeys: ["id", "type", "key", "ts", "source", "props"] },
    );
    fc.assert(
      fc.property(events, (each) => {
        expect(decode(encodeEvent(each), each.key)).toMatchObject({ kind: "event", event: each });
      }),
      { numRuns: process.env["NBA_LONG"] === "1" ? 5_000 : 300 },
    );
  });

  test("an event of the permitted size stays so when it is packed", () => {
    const set = Array.from({ length: 15 }, (_, index) => `${index}`.padEnd(1_000, "x"));
    const fractions = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`n${index}`, 0.5]));
    const props = { ...fractions, set, pad: "" };
    const whole = { id: "e-1", type: "t", customer: "c-17", ts: event.ts, props };
    props.pad = "p".repeat(16_384 - JSON.stringify(whole).length);
    expect(JSON.stringify(whole).length).toBe(16_384);
    expect(decode(encodeEvent({ ...event, type: "t", props })).kind).toBe("event");
  });

  test("arrives when Redis took it, or when a replay says; the engine's own follow a driven clock", () => {
    expect(decode(at(1_763_800_000_000 - 1_000), key, -500)).toMatchObject({
      arrivedAt: 1_763_800_000_000,
      movesClock: true,
    });
    expect(decode(encodeTimer(key, 1 as Instant), key, -500)).toMatchObject({
      arrivedAt: 1_763_799_999_500,
      movesClock: false,
    });
    const driven = encodeEvent({ ...event, ts: 870_000_000_000 as Instant }, 870_000_000_500 as Instant);
    expect(decode(driven, key, -500)).toMatchObject({ kind: "event", arrivedAt: 870_000_000_500, movesClock: true });
    for (const t of ["soon", "1763800000001", "999999999999999"]) {
      expect(decode([...encodeEvent(event), "t", t])).toMatchObject({
        kind: "dead",
        reason: "invalid",
        movesClock: false,
      });
    }
  });

  test("an event at most a day ahead and 90 days behind its arrival, to the millisecond", () => {
    const now = 1_763_800_000_000;
    expect(decode(at(now + DAY_MS)).kind).toBe("event");
    expect(decode(at(now + DAY_MS + 1))).toMatchObject({ kind: "dead", reason: "too-far-ahead" });
    expect(decode(at(now - 90 * DAY_MS)).kind).toBe("event");
    expect(decode(at(now - 90 * DAY_MS - 1))).toMatchObject({ kind: "dead", reason: "too-old" });
  });

  test("in the wrong partition is dead, whatever its kind", () => {
    const elsewhere = customerKey("c-18");
    expect(partitionOf(elsewhere, PARTITIONS)).not.toBe(partitionOf(key, PARTITIONS));
    for (const fields of [encodeEvent(event), encodeTimer(key, 1 as Instant), encodeDelivered(key, code)]) {
      const entry = decode(fields, elsewhere);
      expect(entry).toMatchObject({
        kind: "dead",
        reason: "wrong-partition",
        detail: expect.stringContaining(`partition ${partitionOf(key, PARTITIONS)}`),
      });
    }
  });

  test("that makes no sense is dead, with its source and its bytes", () => {
    const bad: [EntryFields, string, RegExp][] = [
      [["s", "clickstream"], "invalid", /field d/],
      [["d", "{}"], "invalid", /field s/],
      [[], "invalid", /field d/],
      [["s", "x".repeat(65), "d", "{}"], "invalid", /field s/],
      [["s", "clickstream", "d", "{"], "not-parseable", /JSON/],
      [["s", "clickstream", "d", "{}"], "invalid", /^\/id is missing/],
      [["s", "$timer", "d", pack({ k: "c-17" })], "invalid", /due/],
      [["s", "$timer", "d", pack({ k: 17, due: 1 })], "invalid", /k, the key/],
      [["s", "$timer", "d", pack({ k: "", due: 1 })], "invalid", /k, the key/],
      [["s", "$delivered", "d", pack({ k: "c-17", c: "x" })], "invalid", /tracking code/],
      [["s", "$activate", "d", pack({ hash: "x", by: "y" })], "invalid", /hash/],
      [["s", "$nothing", "d", pack({ k: "c-17" })], "invalid", /begins with \$/],
    ];
    for (const [fields, reason, words] of bad) {
      const entry = decode(fields);
      expect(entry).toMatchObject({ kind: "dead", reason, detail: expect.stringMatching(words), position: POSITION });
      if (entry.kind === "dead")
        expect(Buffer.from(entry.bytes).equals(buffers(fields)[3] ?? Buffer.alloc(0)) || fields.length < 4).toBe(true);
    }
  });
});
