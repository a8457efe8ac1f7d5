// The fingerprint of drops as records had it first, to replay those: 36 bytes for each drop, hashed as a whole.
import type { DropList } from "../domain/drop-list.ts";
import { murmur128 } from "../domain/hash.ts";
import { fieldsOf, wordHash } from "./drop-fields.ts";
import type { Prepared } from "./prepared.ts";

/** Stage, subject, cause, rule or policy or rival, placement, then two float64. */
const BYTES_PER_DROP = 5 * 4 + 2 * 8;
const CANONICAL_NAN_HIGH = 0x7ff80000;

/** murmur3 (x86, 128 bits, hex) over the drops in canonical order: 32 characters. */
export function firstDropDigest(prepared: Prepared, dropped: DropList): string {
  const bytes = new Uint8Array(dropped.length * BYTES_PER_DROP);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const drop of dropped) {
    const { subject, because, rival, placement, first, second } = fieldsOf(prepared, drop);
    view.setUint32(at, wordHash(drop.stage), true);
    view.setUint32(at + 4, subject, true);
    view.setUint32(at + 8, because, true);
    view.setUint32(at + 12, rival, true);
    view.setUint32(at + 16, placement, true);
    setFloat(view, at + 20, first);
    setFloat(view, at + 28, second);
    at += BYTES_PER_DROP;
  }
  const words = new Uint32Array(4);
  murmur128(bytes, dropped.length, words);
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}

function setFloat(view: DataView, at: number, value: number): void {
  if (Number.isNaN(value)) {
    view.setUint32(at, 0, true);
    view.setUint32(at + 4, CANONICAL_NAN_HIGH, true);
  } else view.setFloat64(at, value + 0, true);
}
