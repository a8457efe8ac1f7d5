import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CustomerEvent, LogEntry } from "../../engine/domain/event.ts";
import { anonymousKey, type CustomerKey, customerKey, type Position } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { DAY_MS, type Instant } from "../../engine/domain/time.ts";
import { decodeEvent } from "../../engine/ingest/decode-event.ts";
import { encodeForward, encodeMerge, encodeSeal } from "../../engine/ingest/join-entry.ts";
import { decodeLogEntry, type EntryFields, encodeEvent } from "../../engine/ingest/log-entry.ts";
import { pack } from "../../engine/ingest/messagepack.ts";

const PARTITIONS = 64;
const TAKEN_MS = 1_763_800_000_000;
const place = { position: `${TAKEN_MS}-3` as Position, arrivedAt: TAKEN_MS, movesClock: false };
const C = customerKey("c-17");
const A = anonymousKey("device-1");
const event: CustomerEvent = {
  id: "e-1",
  type: "page_view",
  key: A,
  ts: TAKEN_MS as Instant,
  source: "clickstream",
  props: { section: "loans" },
  session: "s-1",
};

function decode(fields: EntryFields, of: CustomerKey = C): LogEntry {
  const buffers = fields.map((each) => (typeof each === "string" ? Buffer.from(each) : each));
  return decodeLogEntry(place.position, buffers, {
    partition: partitionOf(of, PARTITIONS),
    partitions: PARTITIONS,
    skewMs: 0,
  });
}

describe("an entry that joins", () => {
  test("carries what was encoded", () => {
    expect(decode(encodeSeal(A, C), A)).toEqual({ ...place, kind: "seal", anonymous: A, customer: C });
    const merge = { ...place, kind: "merge", key: C, anonymous: A };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40_000 }), fc.boolean(), (bytes, isJoined) => {
        const packed = Buffer.from(bytes);
        expect(decode(encodeMerge(C, A, isJoined, bytes))).toEqual({ ...merge, isJoined, packed });
      }),
      { numRuns: 20 },
    );
    expect(decode(encodeMerge(C, A, false))).toEqual({ ...merge, isJoined: false, packed: undefined });
  });

  test("forwards an event under the customer's key, with its id, source and time", () => {
    const forwarded = { kind: "event", event: { ...event, key: C }, isForwarded: true };
    expect(decode(encodeForward(C, event))).toEqual({ ...place, ...forwarded });
    const driven = (TAKEN_MS - 5 * DAY_MS) as Instant;
    expect(decode(encodeForward(C, event, driven))).toEqual({
      ...place,
      ...forwarded,
      arrivedAt: driven,
      movesClock: true,
      event: { ...forwarded.event, ts: driven + DAY_MS },
    });
    // On the way it became too old: it was accepted, so it counts at the edge of what is.
    const old = decode(encodeForward(C, { ...event, ts: (TAKEN_MS - 90 * DAY_MS - 5) as Instant }));
    expect(old).toMatchObject({ kind: "event", event: { ts: TAKEN_MS - 90 * DAY_MS } });
  });

  test("an identify keeps both ids, from outside and through the log", () => {
    const sent = { id: "i-1", type: "identify", customer: "c-17", anonymousId: "device-1", ts: TAKEN_MS };
    const identify = decodeEvent(sent, "http") as CustomerEvent;
    expect(identify).toMatchObject({ key: C, anonymousId: "device-1" });
    expect(decode(encodeEvent(identify))).toMatchObject({ kind: "event", event: identify });
    expect(decodeEvent({ ...sent, type: "page_view" }, "http")).not.toHaveProperty("anonymousId");
    expect(decodeEvent({ ...sent, customer: undefined }, "http")).toMatchObject({ key: A });
  });

  test("is refused where it is not whole, or joins what may not be joined", () => {
    const bad: [EntryFields, CustomerKey][] = [
      [encodeSeal(C, C), C],
      [encodeSeal(A, A), A],
      [["s", "$seal", "d", pack({ k: A })], A],
      [encodeMerge(A, A, true), A],
      [encodeMerge(C, customerKey("c-18"), true), C],
      [["s", "$merge", "d", pack({ k: C, anonymous: A })], C],
      [encodeForward(A, event), A],
      [["s", "$forward", "d", pack({ k: C, source: "http" })], C],
      [["s", "$forward", "d", pack({ k: C, source: "http" }), "b", "{broken"], C],
      [["s", "$forward", "d", pack({ k: C, source: "" }), "b", "{}"], C],
      [["s", "$merge", "d", pack({ k: "", anonymous: A, joined: true })], C],
    ];
    for (const [fields, of] of bad) expect(decode(fields, of), fields[1] as string).toMatchObject({ kind: "dead" });
    expect(decode(encodeSeal(A, C), C)).toMatchObject({ kind: "dead", reason: "wrong-partition" });
  });
});
