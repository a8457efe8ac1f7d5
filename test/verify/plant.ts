// Makes what Redis has stored wrong in one place, so that nothing else about it looks wrong.
import type { Redis } from "ioredis";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { murmur128 } from "../../engine/domain/hash.ts";
import { decodeCommit, encodeCommit } from "../../engine/journal/commit-record.ts";

const FORMAT = 0x4e425001;
const CHECKSUM_AT = 12;

/** Changes one number of the registers, or one letter of the state, and writes a checksum that fits. */
export async function corruptProfile(client: Redis, key: string, where: "register" | "state"): Promise<void> {
  const bytes = (await client.getBuffer(key)) as Buffer;
  if (where === "register") {
    const place = indexOfDouble(bytes, 270.5);
    bytes.writeDoubleLE(271.5, place);
  } else {
    const place = bytes.indexOf("gold");
    bytes.write("cold", place);
  }
  bytes.writeUInt32LE(0, CHECKSUM_AT);
  const words = new Uint32Array(4);
  murmur128(bytes, FORMAT, words);
  bytes.writeUInt32LE(words[0] as number, CHECKSUM_AT);
  await client.set(key, bytes);
}

function indexOfDouble(bytes: Buffer, value: number): number {
  for (let at = 0; at + 8 <= bytes.length; at += 8) if (bytes.readDoubleLE(at) === value) return at;
  throw new Error(`no number of the profile is ${value}`);
}

/** Writes the journal anew with other decisions in each commit that has some. */
export async function rewriteCommit(
  client: Redis,
  partition: number,
  change: (decisions: readonly DecisionRecord[]) => readonly DecisionRecord[],
): Promise<void> {
  const key = `nba:{${partition}}:journal`;
  const entries = await client.xrangeBuffer(key, "-", "+");
  await client.del(key);
  for (const [id, fields] of entries) {
    const commit = decodeCommit(fields[1] as Buffer);
    const payload = encodeCommit({ ...commit, decisions: change(commit.decisions) });
    await client.xadd(key, id, "c", payload);
  }
}
