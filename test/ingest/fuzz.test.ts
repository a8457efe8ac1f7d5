import { describe, expect, test } from "vitest";
import { DEAD_REASONS } from "../../engine/domain/event.ts";
import { decodeEventBytes } from "../../engine/ingest/decode-event.ts";
import { pack } from "../../engine/ingest/messagepack.ts";
import { isRefused } from "../../engine/ingest/refused.ts";

const runs = process.env["NBA_LONG"] === "1" ? 2_000_000 : 30_000;
const SEED = 20_251_122;

/** mulberry32, public domain. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const event = {
  id: "e-1",
  type: "purchase",
  customer: "c-17",
  ts: 1_763_800_000_000,
  session: "s",
  props: { amount: 129.9, held: ["card", "loan"], vip: true, größe: "xl" },
};
const outcome = {
  ...event,
  type: "outcome",
  props: { trackingCode: "AAECAwQFBgcICQoLDA0ODw.1", outcome: "later", until: 1_763_900_000_000 },
};
const cloud = {
  specversion: "1.0",
  id: "7",
  source: "/shop",
  type: "purchase",
  subject: "c-17",
  time: "2025-11-22T08:26:40Z",
  data: { amount: 9.5 },
};
const seeds = [event, outcome, cloud].flatMap((each) => [Buffer.from(JSON.stringify(each)), pack(each)]);
const spice = ["__proto__", "constructor", "\u0000", '"', "{", "[", "1e999", "\\ud800", "\xff\xfe"].map((each) =>
  Buffer.from(each, "latin1"),
);
const tokens = [0xc1, 0xc4, 0xc7, 0xca, 0xcb, 0xcf, 0xd3, 0xd4, 0xd9, 0xdb, 0xdd, 0xdf, 0x80, 0x9f, 0xff, 0x72];

function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  const mutated = Buffer.from(bytes);
  const at = random(mutated.length);
  const kind = random(6);
  if (kind === 0) mutated[at] = random(256);
  if (kind === 1) mutated[at] = tokens[random(tokens.length)] as number;
  if (kind === 2) return mutated.subarray(0, at);
  if (kind === 3)
    return Buffer.concat([mutated.subarray(0, at), spice[random(spice.length)] as Buffer, mutated.subarray(at)]);
  if (kind === 4)
    return Buffer.concat([mutated.subarray(0, at), mutated.subarray(Math.min(mutated.length, at + 1 + random(8)))]);
  const piece = mutated.subarray(at, at + 1 + random(40));
  return kind === 5
    ? Buffer.concat([mutated.subarray(0, at), piece, piece, mutated.subarray(at + piece.length)])
    : mutated;
}

describe("mutated bytes", () => {
  test(`give an event within its bounds or a refusal, never an exception (seed ${SEED}, ${runs} runs)`, {
    timeout: 600_000,
  }, () => {
    const random = randomFrom(SEED);
    const prototype = Object.getOwnPropertyNames(Object.prototype).join();
    const counts = { taken: 0, refused: 0 };
    for (let run = 0; run < runs; run++) {
      let bytes = seeds[random(seeds.length)] as Buffer;
      for (let times = 1 + random(3); times > 0 && bytes.length > 0; times--) bytes = mutate(bytes, random);
      const fault = faultOf(bytes, counts);
      if (fault !== undefined) expect.fail(`run ${run}, bytes ${bytes.toString("hex")}: ${fault}`);
    }
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(prototype);
    expect(Math.min(counts.taken, counts.refused)).toBeGreaterThan(runs / 50);
  });
});

function faultOf(bytes: Buffer, counts: { taken: number; refused: number }): string | undefined {
  let decoded: ReturnType<typeof decodeEventBytes>;
  try {
    decoded = decodeEventBytes(bytes, "clickstream");
  } catch (error) {
    return `threw ${String(error)}`;
  }
  if (isRefused(decoded)) {
    counts.refused++;
    if (!DEAD_REASONS.includes(decoded.refused)) return `reason ${decoded.refused}`;
    return decoded.detail.length > 0 && decoded.detail.length < 400 ? undefined : `detail ${decoded.detail}`;
  }
  counts.taken++;
  if (typeof decoded.key !== "string" || decoded.key === "" || decoded.key.length > 256) return "key out of bounds";
  if (!Number.isInteger(decoded.ts) || decoded.ts < 0) return `ts ${decoded.ts}`;
  if (Object.getPrototypeOf(decoded.props) !== Object.prototype) return "props have another prototype";
  for (const [name, value] of Object.entries(decoded.props)) {
    const isFlat =
      typeof value === "string" || typeof value === "boolean" || Number.isFinite(value) || Array.isArray(value);
    if (!isFlat || name === "" || name.length > 64) return `props.${name} out of bounds`;
  }
  return undefined;
}
