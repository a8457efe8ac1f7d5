// What producers send: events as JSON, MessagePack and CloudEvents, entries of front-door streams and of input logs.
import { describe, expect } from "vitest";
import { decodeMessage, SUBPROTOCOLS } from "../../engine/deliver/live-messages.ts";
import { parseJson } from "../../engine/deliver/parse-json.ts";
import { type CustomerEvent, DEAD_REASONS } from "../../engine/domain/event.ts";
import type { PartitionIndex, Position } from "../../engine/domain/ids.ts";
import { decodeEvent, decodeEventBytes } from "../../engine/ingest/decode-event.ts";
import { decodeLogEntry } from "../../engine/ingest/log-entry.ts";
import { pack } from "../../engine/ingest/messagepack.ts";
import { isRefused } from "../../engine/ingest/refused.ts";
import { routeEntry } from "../../engine/ingest/route.ts";
import type { Chance } from "./chance.ts";
import { fuzzTarget } from "./fuzz-target.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateValue } from "./mutate-value.ts";
import { ENTRIES, EVENTS, MESSAGES, TAKEN_AT } from "./valid-inputs.ts";

const POSITION = `${TAKEN_AT}-3` as Position;
const ONE = { partition: 0 as PartitionIndex, partitions: 1, skewMs: 0 };

/** What nobody checks again inside. */
function expectEvent(event: CustomerEvent): void {
  const { key, id, type, ts, props } = event;
  expect(typeof key === "string" && key !== "" && key.length <= 256, `key ${key}`).toBe(true);
  expect(typeof id === "string" && id !== "" && typeof type === "string" && type !== "").toBe(true);
  expect(Number.isSafeInteger(ts) && ts >= 0, `ts ${ts}`).toBe(true);
  expect(Object.getPrototypeOf(props)).toBe(Object.prototype);
  for (const [name, value] of Object.entries(props)) {
    const isSet = Array.isArray(value) && value.length <= 64 && value.every((text) => typeof text === "string");
    const isFlat = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value) || isSet;
    expect(isFlat && name !== "" && name.length <= 64, `props.${name}`).toBe(true);
  }
}

function judgeEvent(decoded: ReturnType<typeof decodeEvent>): string {
  if (!isRefused(decoded)) {
    expectEvent(decoded);
    return "taken";
  }
  expect(DEAD_REASONS).toContain(decoded.refused);
  expect(decoded.detail.length > 0 && decoded.detail.length < 400, decoded.detail).toBe(true);
  return "refused";
}

/** The fields of an entry as bytes and back, so that all of them may change, also how many there are. */
const joined = (fields: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(fields.flatMap((field) => [Buffer.from([Math.min(255, field.length)]), Buffer.from(field as Buffer)]));

function split(bytes: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] as number))
    fields.push(bytes.subarray(at + 1, at + 1 + (bytes[at] as number)));
  return fields;
}

/** One field changed, the others as they were: what reaches behind the first check. */
function mutateField(seed: Buffer, chance: Chance, all: readonly Buffer[]): Buffer {
  if (chance.below(4) === 0) return mutateBytes(seed, chance, all);
  const fields = split(seed);
  const at = chance.below(fields.length);
  fields[at] = mutateBytes(fields[at] as Buffer, chance, all).subarray(0, 250);
  return joined(fields);
}

describe("bytes of producers", () => {
  fuzzTarget({
    name: "an event gives an event within its bounds, or a refusal",
    from: EVENTS.flatMap((event) => [JSON.stringify(event), pack(event)]),
    some: 20_000,
    many: 60_000,
    judge: (bytes) => judgeEvent(decodeEventBytes(bytes, "clickstream")),
    expect: ["taken", "refused"],
  });

  fuzzTarget({
    name: "a JSON value close to an event does, too",
    from: EVENTS.map((event) => JSON.stringify(event)),
    some: 5_000,
    many: 20_000,
    mutate: (seed, chance) => Buffer.from(mutateValue(JSON.parse(seed.toString()), chance)),
    judge: (bytes) => {
      const parsed = parseJson(bytes);
      if (parsed.kind === "malformed") return parsed.why.length < 200 ? "malformed" : expect.fail(parsed.why);
      return judgeEvent(decodeEvent(parsed.value, "http"));
    },
    expect: ["taken", "refused", "malformed"],
  });

  fuzzTarget({
    name: "an entry of an input log, of every kind, is what it says or a dead letter",
    from: ENTRIES.map(joined),
    some: 8_000,
    many: 40_000,
    mutate: mutateField,
    judge: (bytes) => {
      const entry = decodeLogEntry(POSITION, split(bytes), ONE);
      expect(entry.position).toBe(POSITION);
      expect(Number.isSafeInteger(entry.arrivedAt), `arrivedAt ${entry.arrivedAt}`).toBe(true);
      if (entry.kind === "event") expectEvent(entry.event);
      if (entry.kind === "dead") expect(DEAD_REASONS).toContain(entry.reason);
      return entry.kind;
    },
    expect: ["event", "dead", "timer", "delivered", "campaign", "again", "activation", "seal", "merge"],
  });

  fuzzTarget({
    name: "an entry of a named stream goes to a log or to the dead letters",
    from: EVENTS.flatMap((event) => [joined(["d", JSON.stringify(event)]), joined(["d", pack(event), "t", "7"])]),
    some: 5_000,
    many: 20_000,
    mutate: mutateField,
    judge: (bytes) => {
      const route = routeEntry({ position: POSITION, fields: split(bytes) }, "clickstream", 64);
      if (route.kind === "log") expect(route.partition >= 0 && route.partition < 64).toBe(true);
      else expect(DEAD_REASONS).toContain(route.reason);
      return route.kind;
    },
    expect: ["log", "dead"],
  });
});

describe("messages of a screen", () => {
  for (const subprotocol of SUBPROTOCOLS) {
    const isBinary = subprotocol === "nba.v1.msgpack";
    fuzzTarget({
      name: `${subprotocol}: a message that is known, or why not`,
      from: MESSAGES.map((message) => (isBinary ? pack(message) : JSON.stringify(message))),
      some: 3_000,
      many: 20_000,
      mutate: (seed, chance, all) =>
        isBinary || chance.below(2) === 0
          ? mutateBytes(seed, chance, all)
          : Buffer.from(mutateValue(JSON.parse(seed.toString()), chance)),
      judge: (bytes, chance) => {
        const decoded = decodeMessage(bytes, chance.below(20) === 0 ? !isBinary : isBinary, subprotocol);
        if (decoded.kind === "bad") expect(decoded.why.length < 500, decoded.why).toBe(true);
        return decoded.kind;
      },
      expect: ["message", "bad"],
    });
  }
});
