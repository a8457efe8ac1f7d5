// MurmurHash3 x86 128-bit (Austin Appleby, public domain), over the UTF-8 bytes of a text: names, duplicates, draws.
// Not for secrets: decision ids are cut from sha256 by the adapters.
import type { NameHash } from "./ids.ts";

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** Four unsigned 32-bit words of the hash, written to `out`; of the first `length` bytes where it is given. */
export function murmur128(bytes: Uint8Array, seed: number, out: Uint32Array, length: number = bytes.length): void {
  const blocks = length >>> 4;
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  for (let block = 0; block < blocks; block++) {
    const at = block << 4;
    h1 ^= Math.imul(rotl(Math.imul(word(bytes, at), C1), 15), C2);
    h1 = (Math.imul((rotl(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotl(Math.imul(word(bytes, at + 4), C2), 16), C3);
    h2 = (Math.imul((rotl(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotl(Math.imul(word(bytes, at + 8), C3), 17), C4);
    h3 = (Math.imul((rotl(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotl(Math.imul(word(bytes, at + 12), C4), 18), C1);
    h4 = (Math.imul((rotl(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  const tail = blocks << 4;
  const rest = length & 15;
  if (rest > 12) h4 ^= Math.imul(rotl(Math.imul(partial(bytes, tail + 12, rest - 12), C4), 18), C1);
  if (rest > 8) h3 ^= Math.imul(rotl(Math.imul(partial(bytes, tail + 8, Math.min(rest - 8, 4)), C3), 17), C4);
  if (rest > 4) h2 ^= Math.imul(rotl(Math.imul(partial(bytes, tail + 4, Math.min(rest - 4, 4)), C2), 16), C3);
  if (rest > 0) h1 ^= Math.imul(rotl(Math.imul(partial(bytes, tail, Math.min(rest, 4)), C1), 15), C2);
  finish(h1, h2, h3, h4, length, out);
}

/**
 * As `murmur128` of the same memory, a word at a time: `count` words from `from` on, an even number of them. As with every packed
 * record, the machine is taken to be little endian.
 */
export function murmur128Words(
  words32: Uint32Array,
  from: number,
  count: number,
  seed: number,
  out: Uint32Array,
): void {
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  const tail = from + (count & ~3);
  for (let at = from; at < tail; at += 4) {
    h1 ^= Math.imul(rotl(Math.imul(words32[at] as number, C1), 15), C2);
    h1 = (Math.imul((rotl(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotl(Math.imul(words32[at + 1] as number, C2), 16), C3);
    h2 = (Math.imul((rotl(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotl(Math.imul(words32[at + 2] as number, C3), 17), C4);
    h3 = (Math.imul((rotl(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotl(Math.imul(words32[at + 3] as number, C4), 18), C1);
    h4 = (Math.imul((rotl(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  if ((count & 3) !== 0) {
    h2 ^= Math.imul(rotl(Math.imul(words32[tail + 1] as number, C2), 16), C3);
    h1 ^= Math.imul(rotl(Math.imul(words32[tail] as number, C1), 15), C2);
  }
  finish(h1, h2, h3, h4, count * 4, out);
}

function finish(a: number, b: number, c: number, d: number, length: number, out: Uint32Array): void {
  let h1 = a;
  let h2 = b;
  let h3 = c;
  let h4 = d;
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = mix(h1);
  h2 = mix(h2);
  h3 = mix(h3);
  h4 = mix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  out[0] = h1;
  out[1] = h2 + h1;
  out[2] = h3 + h1;
  out[3] = h4 + h1;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function partial(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = count - 1; index >= 0; index--) value = (value << 8) | (bytes[at + index] as number);
  return value;
}

function rotl(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(4096);
const words = new Uint32Array(4);

/** Hashes a text into a shared buffer of four words, valid until the next call. */
export function hashText(text: string, seed: number): Uint32Array {
  const length = writeAscii(text, scratch, 0);
  if (length >= 0) {
    murmur128(scratch, seed, words, length);
    return words;
  }
  const { read, written } = encoder.encodeInto(text, scratch);
  murmur128(read === text.length ? scratch.subarray(0, written) : encoder.encode(text), seed, words);
  return words;
}

/** Longer texts are better left to the encoder. */
const SHORT = 128;

/**
 * Where a short text of ASCII ends that is written at `at`; -1 where it is none, and what was written means nothing then. A call of
 * an encoder costs more than its letters. `to` must hold 128 bytes more.
 */
export function writeAscii(text: string, to: Uint8Array, at: number): number {
  const { length } = text;
  if (length > SHORT) return -1;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return -1;
    to[at + index] = code;
  }
  return at + length;
}

/** Stable hash of a rulebook name; `kind` keeps a channel `push` and an action `push` apart. */
export function nameHash(
  kind:
    | "issue"
    | "group"
    | "action"
    | "treatment"
    | "channel"
    | "placement"
    | "trigger"
    | "pattern"
    | "campaign"
    | "experiment"
    | "quota",
  name: string,
): NameHash {
  return hashText(`${kind}/${name}`, 0)[0] as NameHash;
}

/** Uniform in [0, 1) with 53 bits. */
export function drawOf(text: string): number {
  const [a, b] = hashText(text, 0x6e6261) as unknown as [number, number];
  return ((a >>> 5) * 67108864 + (b >>> 6)) / 9007199254740992;
}
