// What is refused changes nothing: WebSocket messages, and entries of streams that anybody may write to. Everything that Redis
// holds is compared, but for the entries themselves, the commits that passed them, and their dead letters.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SUBPROTOCOLS, type Subprotocol } from "../../engine/deliver/live-messages.ts";
import type { PartitionIndex, Position } from "../../engine/domain/ids.ts";
import { decodeLogEntry } from "../../engine/ingest/log-entry.ts";
import { pack, unpackStrictly } from "../../engine/ingest/messagepack.ts";
import { logFields, routeEntry } from "../../engine/ingest/route.ts";
import { journalOf } from "../partition/harness.ts";
import { untilStored } from "../until-stored.ts";
import { type Chance, chanceOf, inputs, SEED } from "./chance.ts";
import { type EngineAtBay, PARTITIONS, startAtBay } from "./engine-at-bay.ts";
import { frameOf, framesOf, OPCODE, openWire } from "./live-wire.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateValue } from "./mutate-value.ts";
import { differing, digestOf, settledDigest } from "./redis-digest.ts";
import { asOfNow, ENTRIES, EVENTS, MESSAGES } from "./valid-inputs.ts";

const TIMEOUT = { timeout: 1_800_000 };
const LANES = 8;
const NAMED = ["clickstream", "transactions", "outcomes"] as const;
/** Where entries go, are passed and end when they are refused. */
const PASSED =
  /^(nba:\{\d+\}:(events|journal|checkpoint|dead)|nba:dead|\{nba:dead\}:moved|clickstream|transactions|outcomes)$/;
const PLACES = Array.from({ length: PARTITIONS }, (_, partition) => partition);
let bay: EngineAtBay;

beforeAll(async () => {
  bay = await startAtBay();
  await post("/v1/events", { id: "e", type: "purchase", customer: "c-17", ts: Date.now(), props: { amount: 5 } });
  const placements = [{ name: "app-home" }];
  await post("/v1/decisions", { customer: "c-17", channel: "app", placements, deadlineMs: 1_000 });
});
afterAll(async () => await bay?.stop());

async function post(path: string, value: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${bay.engine.url}${path}`, { method: "POST", headers, body: JSON.stringify(value) });
  expect([path, answer.ok]).toEqual([path, true]);
}

/** Everything that was taken is in the checkpoints: from then on nothing is written that was not caused. */
async function restingDigest(isCompared: (key: string) => boolean): Promise<ReadonlyMap<string, string>> {
  await untilStored(bay.client, PARTITIONS);
  return new Map([...(await settledDigest(bay.client))].filter(([key]) => isCompared(key)));
}

describe("WebSocket", () => {
  /** What was said to it; nothing where it was closed before the answer was ready, for who asks does not wait. */
  async function answerTo(payload: Uint8Array, subprotocol: Subprotocol): Promise<"refused" | "taken" | "nothing"> {
    const isBinary = subprotocol === "nba.v1.msgpack";
    const wire = await openWire(bay.port, subprotocol);
    wire.socket.end(frameOf(payload, { opcode: isBinary ? OPCODE.binary : OPCODE.text }, chanceOf("mask")));
    await wire.closed();
    const said = framesOf(wire.received()).flatMap(({ opcode, payload: bytes }) => {
      if (opcode === OPCODE.close) return bytes.length >= 2 && bytes.readUInt16BE(0) >= 1_002 ? ["closed"] : [];
      const unpacked = isBinary ? unpackStrictly(bytes) : { kind: "unpacked", value: JSON.parse(bytes.toString()) };
      return unpacked.kind === "unpacked" ? [(unpacked as { value: { op: string } }).value.op] : ["not read"];
    });
    if (said.length === 0) return "nothing";
    return said.every((op) => op === "error" || op === "closed") ? "refused" : "taken";
  }

  const payloadOf = (run: number, isBinary: boolean): Uint8Array => {
    const chance = chanceOf(`refused ${run}`);
    const message = { ...chance.pick(MESSAGES) };
    if (!isBinary && chance.below(2) === 0) return Buffer.from(mutateValue(message, chance));
    return mutateBytes(isBinary ? pack(message) : Buffer.from(JSON.stringify(message)), chance);
  };

  const messages = inputs(150, 8_000);
  test(`messages that are refused (up to ${messages} inputs, NBA_SEED=${SEED})`, TIMEOUT, async () => {
    const overLanes = async (runs: readonly number[], one: (run: number) => Promise<void>): Promise<void> => {
      const lane = async (_: unknown, at: number): Promise<void> => {
        for (let next = at; next < runs.length; next += LANES) await one(runs[next] as number);
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    };
    const send = (run: number): Promise<string> => {
      const subprotocol = SUBPROTOCOLS[run % 2] as Subprotocol;
      return answerTo(payloadOf(run, subprotocol === "nba.v1.msgpack"), subprotocol);
    };
    const refused: number[] = [];
    await overLanes(
      [...Array(messages).keys()],
      async (run) => void ((await send(run)) === "refused" && refused.push(run)),
    );
    expect(refused.length).toBeGreaterThan(messages / 4);
    const before = await restingDigest(() => true);
    await overLanes(refused, async (run) => expect([run, await send(run)]).not.toEqual([run, "taken"]));
    expect(differing(before, await restingDigest(() => true))).toEqual([]);
    await bay.expectWell();
  });
});

describe("streams", () => {
  /** Refused by its bytes alone, wherever it comes from. */
  function isDead(stream: (typeof NAMED)[number] | number, fields: readonly Buffer[]): boolean {
    const position = `${Date.now()}-0` as Position;
    const judged = (at: number, entry: readonly Buffer[]): boolean =>
      decodeLogEntry(position, entry, { partition: at as PartitionIndex, partitions: PARTITIONS, skewMs: 0 }).kind ===
      "dead";
    if (typeof stream === "number") return judged(stream, fields);
    const route = routeEntry({ position, fields }, stream, PARTITIONS);
    return (
      route.kind === "dead" ||
      judged(
        route.partition,
        [...logFields(stream), ...route.fields].map((field) => Buffer.from(field as Buffer)),
      )
    );
  }

  /** The engine's own entries, forged: in front of the door they are but payloads, and an unknown rulebook is none anywhere. */
  const forged = (): readonly (readonly [(typeof NAMED)[number] | number, readonly Buffer[]])[] => [
    ...ENTRIES.filter(([, source]) => String(source).startsWith("$")).flatMap((fields) =>
      NAMED.map((stream) => [stream, fields.map((field) => Buffer.from(field as Buffer))] as const),
    ),
    ...NAMED.map(
      (stream) =>
        [
          stream,
          ["s", "$activate", "d", JSON.stringify({ customer: "c-17", hash: "0".repeat(64), by: "x" })].map((field) =>
            Buffer.from(field),
          ),
        ] as const,
    ),
  ];

  function anything(chance: Chance): readonly [(typeof NAMED)[number] | number, readonly Buffer[]] {
    const isNamed = chance.below(2) === 0;
    const event = chance.pick(EVENTS);
    const named = ["d", chance.below(2) === 0 ? asOfNow(mutateValue(event, chance)) : pack(event)];
    const fields = (isNamed ? named : chance.pick(ENTRIES)).map((field) => asOfNow(field));
    const at = chance.below(fields.length);
    fields[at] = Buffer.from(mutateBytes(fields[at] as Buffer, chance));
    return [isNamed ? chance.pick(NAMED) : chance.below(PARTITIONS), fields];
  }

  const entries = inputs(800, 15_000);
  test(
    `entries that are refused, the engine's own forged too (up to ${entries} inputs, NBA_SEED=${SEED})`,
    TIMEOUT,
    async () => {
      const { client, engine } = bay;
      const chance = chanceOf("refused entries");
      const all = [...forged(), ...Array.from({ length: entries }, () => anything(chance))];
      const refused = all.filter(([stream, fields]) => isDead(stream, fields));
      expect(refused.length).toBeGreaterThan(entries / 4);
      expect(forged().filter(([stream, fields]) => !isDead(stream, fields))).toEqual([]);
      const letters = async (): Promise<number> => {
        const streams = ["nba:dead", ...PLACES.map((partition) => `nba:{${partition}}:dead`)];
        return (await Promise.all(streams.map((stream) => client.xlen(stream)))).reduce((sum, length) => sum + length);
      };
      const seen = async () => ({
        customer: {
          ...((await (await fetch(`${engine.url}/v1/customers/c-17`)).json()) as object),
          now: 0,
          cursor: "",
        },
        events: await (await fetch(`${engine.url}/v1/customers/c-17/events`)).text(),
        rulebook: await (await fetch(`${engine.url}/v1/rulebook`)).text(),
        decisions: (await Promise.all(PLACES.map((partition) => journalOf(client, partition)))).flatMap((commits) =>
          commits.flatMap(({ decisions, withdrawals }) => [decisions, withdrawals].flat()),
        ),
      });
      const isCompared = (key: string): boolean => !PASSED.test(key);
      const before = [await restingDigest(isCompared), await seen(), await letters()] as const;
      const pipeline = client.pipeline();
      for (const [stream, fields] of refused)
        pipeline.xadd(typeof stream === "number" ? `nba:{${stream}}:events` : stream, "*", ...fields);
      // An activation of a rulebook that Redis does not hold, where only an engine may write.
      for (const partition of PLACES)
        pipeline.xadd(`nba:{${partition}}:events`, "*", "s", "$activate", "d", pack({ hash: "0".repeat(64), by: "x" }));
      await pipeline.exec();
      await expect.poll(letters, { timeout: 60_000 }).toBe(before[2] + refused.length + PARTITIONS);
      expect(await seen()).toEqual(before[1]);
      await bay.expectWell();
      await engine.stop(); // stores what it has: nothing else needs to be waited for
      const after = new Map([...(await digestOf(client))].filter(([key]) => isCompared(key)));
      expect(differing(before[0], after)).toEqual([]);
    },
  );
});
