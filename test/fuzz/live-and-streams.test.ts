// The other doors of a real engine: WebSocket frames that no client would send, and streams that anybody may write to.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SUBPROTOCOLS, type Subprotocol } from "../../engine/deliver/live-messages.ts";
import { pack, unpackStrictly } from "../../engine/ingest/messagepack.ts";
import { type Chance, chanceOf, inputs, SEED } from "./chance.ts";
import { type EngineAtBay, PARTITIONS, startAtBay } from "./engine-at-bay.ts";
import { sendRaw, statusesOf } from "./http-lane.ts";
import { type FrameShape, frameOf, framesOf, handshakeOf, type LiveWire, OPCODE, openWire } from "./live-wire.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateValue } from "./mutate-value.ts";
import { asOfNow, ENTRIES, EVENTS, MESSAGES } from "./valid-inputs.ts";

const TIMEOUT = { timeout: 1_800_000 };
const FRAMES_PER_SOCKET = 5;
let bay: EngineAtBay;

beforeAll(async () => {
  bay = await startAtBay();
});
afterAll(async () => await bay?.stop());

function shapeOf(isBinary: boolean, size: number, chance: Chance): FrameShape {
  const opcode = isBinary ? OPCODE.binary : OPCODE.text;
  switch (chance.below(14)) {
    case 0:
      return { opcode: chance.below(16) };
    case 1:
      return { opcode, fin: false };
    case 2:
      return { opcode: OPCODE.continuation, fin: chance.below(2) === 0 };
    case 3:
      return { opcode, reserved: 1 + chance.below(7) };
    case 4:
      return { opcode, isMasked: false };
    case 5:
      return { opcode, length: chance.pick([0, size + 1, 65_535, 65_537, 2 ** 31, Number.MAX_SAFE_INTEGER]) };
    case 6:
      return { opcode: isBinary ? OPCODE.text : OPCODE.binary };
    case 7:
      return { opcode: chance.pick([OPCODE.close, OPCODE.ping, OPCODE.pong]), fin: chance.below(3) > 0 };
    default:
      return { opcode };
  }
}

function payloadOf(isBinary: boolean, chance: Chance): Uint8Array {
  const message = { ...chance.pick(MESSAGES) };
  if (chance.below(60) === 0) return Buffer.alloc(chance.pick([16_385, 70_000]), 0x7b);
  if (isBinary) return chance.below(3) === 0 ? pack(message) : mutateBytes(pack(message), chance);
  if (chance.below(4) === 0) return mutateBytes(Buffer.from(JSON.stringify(message)), chance);
  return Buffer.from(mutateValue(message, chance));
}

/** What the engine says is whole, in its subprotocol, and its close codes are those of the contract or of RFC 6455. */
function expectSaid(wire: LiveWire, isBinary: boolean): readonly string[] {
  return framesOf(wire.received()).map(({ opcode, payload }) => {
    if (opcode === OPCODE.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      expect([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009, 4400, 4401, 4403, 4408, 4429]).toContain(code);
      return `closed ${code}`;
    }
    if (opcode !== OPCODE.text && opcode !== OPCODE.binary) return "control";
    expect(opcode).toBe(isBinary ? OPCODE.binary : OPCODE.text);
    const said = isBinary ? unpackStrictly(payload) : { kind: "unpacked", value: JSON.parse(payload.toString()) };
    expect(said.kind).toBe("unpacked");
    return "said";
  });
}

async function talk(run: number, subprotocol: Subprotocol): Promise<readonly string[]> {
  const chance = chanceOf(`socket ${run}`);
  const isBinary = subprotocol === "nba.v1.msgpack";
  const wire = await openWire(bay.port, subprotocol);
  for (let left = FRAMES_PER_SOCKET; left > 0 && !wire.socket.destroyed; left--) {
    const payload = payloadOf(isBinary, chance);
    const frame = frameOf(payload, shapeOf(isBinary, payload.length, chance), chance);
    wire.socket.write(chance.below(20) === 0 ? mutateBytes(frame, chance) : frame);
  }
  // Half of them hang up without a word; the others say that nothing follows and wait for the end.
  if (chance.below(2) === 0) wire.socket.destroy();
  else wire.socket.end();
  await wire.closed();
  return expectSaid(wire, isBinary);
}

describe("WebSocket", () => {
  const sockets = inputs(150, 8_000);
  test(`frames, well-formed and not (${sockets * FRAMES_PER_SOCKET} inputs, NBA_SEED=${SEED})`, TIMEOUT, async () => {
    const seen = new Set<string>();
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let run = lane; run < sockets; run += 8)
        for (const each of await talk(run, SUBPROTOCOLS[run % 2] as Subprotocol)) seen.add(each);
    });
    await Promise.all(lanes);
    for (const each of ["said", "closed 4400"]) expect([...seen]).toContain(each);
    await bay.expectWell();
  });

  const tickets = inputs(200, 4_000);
  test(`handshakes and tickets, changed (${tickets} inputs, NBA_SEED=${SEED})`, TIMEOUT, async () => {
    const { ticket } = (await (await fetch(`${bay.engine.url}/v1/tickets`, { method: "POST" })).json()) as {
      ticket: string;
    };
    const seen = new Set<number>();
    for (let run = 0; run < tickets; run++) {
      const chance = chanceOf(`handshake ${run}`);
      const written = handshakeOf(bay.port, chance.pick(SUBPROTOCOLS), `?ticket=${ticket}`);
      const answered = await sendRaw(bay.port, mutateBytes(Buffer.from(written), chance));
      for (const status of statusesOf(answered)) {
        seen.add(status);
        if (status >= 500 && status !== 505) expect.fail(`run ${run}: ${status}`);
      }
    }
    expect([...seen]).toContain(101);
    await bay.expectWell();
  });
});

describe("streams", () => {
  const entries = inputs(1_000, 15_000);
  test(`anything in front-door streams and input logs (${entries} inputs, NBA_SEED=${SEED})`, TIMEOUT, async () => {
    const { client, engine } = bay;
    const chance = chanceOf("streams");
    const streams = ["clickstream", "transactions", "outcomes"];
    let pipeline = client.pipeline();
    for (let run = 0; run < entries; run++) {
      const isNamed = chance.below(2) === 0;
      const named = ["d", chance.below(2) === 0 ? mutateValue(chance.pick(EVENTS), chance) : pack(chance.pick(EVENTS))];
      const fields = (isNamed ? named : [...chance.pick(ENTRIES)]).map(asOfNow);
      const at = chance.below(fields.length);
      if (chance.below(3) > 0) fields[at] = Buffer.from(mutateBytes(fields[at] as Buffer, chance));
      // Activations are written by whoever may activate: their rulebook is there.
      if (fields.some((field) => field.includes("$activate"))) continue;
      const stream = isNamed ? chance.pick(streams) : `nba:{${chance.below(PARTITIONS)}}:events`;
      pipeline.xadd(stream, "*", ...fields);
      if (run % 500 === 499) {
        await pipeline.exec();
        pipeline = client.pipeline();
      }
    }
    await pipeline.exec();
    const marker = { id: "last", type: "purchase", customer: "c-17", ts: Date.now(), props: { amount: 1 } };
    await client.xadd("clickstream", "*", "d", JSON.stringify(marker));
    const isThrough = async (): Promise<boolean> => {
      const answer = await fetch(`${engine.url}/v1/customers/c-17/events?limit=100`);
      return answer.status === 200 && (await answer.text()).includes('"last"');
    };
    await expect.poll(isThrough, { timeout: 60_000, interval: 100 }).toBe(true);
    for (const customer of ["c-17", "somebody-new"]) {
      const body = JSON.stringify({ customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 1_000 });
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${engine.url}/v1/decisions`, { method: "POST", headers, body });
      expect([customer, answer.status]).toEqual([customer, 200]);
    }
    await bay.expectWell();
  });
});
