// One fingerprint of everything that was dropped and why, so that a replay can prove that it found the same.
import {
  BECAUSE_OF,
  DROPPED,
  type DropList,
  hasCause,
  hasNumber,
  isRule,
  STAGE_OF,
  WORDS_PER_DROP,
} from "../domain/drop-list.ts";
import { murmur128Words } from "../domain/hash.ts";
import { fieldsOf, wordHash } from "./drop-fields.ts";
import { firstDropDigest } from "./first-drop-digest.ts";
import type { Prepared } from "./prepared.ts";

const PREFIX = "2:";
const FIRST = /^[0-9a-f]{32}$/;
const CANONICAL_NAN_HIGH = 0x7ff80000;
/** Kind, subject, rival, placement, two float64. */
const WORDS_MAX = 8;
/** In the lowest bits of a kind: what follows the subject. */
const HAS = { rival: 1, placement: 2, first: 4, second: 8 } as const;
const ALL_FLAGS = 15;

/** By code of a drop. */
const KINDS = Int32Array.from(STAGE_OF, (stage, code) => (stage === undefined ? 0 : kindOf(stage, becauseOf(code))));

let scratch = new Int32Array(4_096);
/** The same memory, as the hash reads it. */
let unsigned = new Uint32Array(scratch.buffer);
const hash = new Uint32Array(4);
/** Low half first: every machine that Node runs on is little endian. */
const float = new Float64Array(1);
const halves = new Int32Array(float.buffer);

/**
 * `2:` and, in hex, murmur3 (x86, 128 bits) over words of 32 bits, drop by drop in canonical order: by action, then by treatment.
 * Each is its kind and its subject, then what flags in the kind announce: rule, policy or rival; placement; two float64. Zeros fill
 * up a multiple of four. Names enter by their hashes, never by an index, so the digest does not depend on how a rulebook was compiled.
 */
export function dropDigest(prepared: Prepared, dropped: DropList): string {
  const { rulebook, ruleHashes, table } = prepared;
  const { hashOf, rowOfTreatment, floorOf } = table;
  const { words, numbers } = dropped;
  const out = roomFor(dropped.length * WORDS_MAX + 4);
  let end = 0;
  let next = 0;
  for (let at = 0; at < words.length; at += WORDS_PER_DROP) {
    const row = words[at] as number;
    const meta = words[at + 1] as number;
    const operand = words[at + 2] as number;
    const code = meta & 0xff;
    if (isRule(code)) {
      out[end++] = (KINDS[code] as number) | HAS.rival;
      out[end++] = hashOf[row] as number;
      out[end++] = ruleHashes[operand] as number;
    } else if (hasNumber(code)) {
      const isFloor = code === DROPPED.belowFloor;
      const rival = isFloor ? 0 : (hashOf[rowOfTreatment[operand] as number] as number);
      const placement = isFloor ? 0 : (rulebook.placements[meta >>> 8]?.hash ?? 0);
      const floor = isFloor ? (floorOf[row] as number) : 0;
      const number = numbers[next++] as number;
      end = writeDrop(out, end, KINDS[code] as number, hashOf[row] as number, rival, placement, number, floor);
    } else if (hasCause(code)) end = writeWhole(prepared, dropped, row, code, operand, out, end);
    else {
      out[end++] = KINDS[code] as number;
      out[end++] = hashOf[row] as number;
    }
  }
  while ((end & 3) !== 0) out[end++] = 0;
  murmur128Words(unsigned, 0, end, dropped.length, hash);
  return PREFIX + hexOf(hash);
}

/** In the form that a recorded one has. */
export function dropDigestLike(recorded: string, prepared: Prepared, dropped: DropList): string {
  return FIRST.test(recorded) ? firstDropDigest(prepared, dropped) : dropDigest(prepared, dropped);
}

function roomFor(words: number): Int32Array {
  if (words > scratch.length) {
    scratch = new Int32Array(2 * words);
    unsigned = new Uint32Array(scratch.buffer);
  }
  return scratch;
}

function writeWhole(
  prepared: Prepared,
  dropped: DropList,
  row: number,
  code: number,
  operand: number,
  out: Int32Array,
  end: number,
): number {
  const drop = dropped.whole({ row, code, placement: 0, operand, number: Number.NaN });
  const { subject, because, rival, placement, first, second } = fieldsOf(prepared, drop);
  return writeDrop(out, end, kindOf(drop.stage, because), subject, rival, placement, first, second);
}

/** Gives the new end. */
function writeDrop(
  out: Int32Array,
  start: number,
  kind: number,
  subject: number,
  rival: number,
  placement: number,
  first: number,
  second: number,
): number {
  let end = start + 2;
  let flags = 0;
  if (rival !== 0) {
    flags |= HAS.rival;
    out[end++] = rival;
  }
  if (placement !== 0) {
    flags |= HAS.placement;
    out[end++] = placement;
  }
  if (first !== 0) {
    flags |= HAS.first;
    end = writeNumber(out, end, first);
  }
  if (second !== 0) {
    flags |= HAS.second;
    end = writeNumber(out, end, second);
  }
  out[start] = kind | flags;
  out[start + 1] = subject;
  return end;
}

/** Every NaN is the same. */
function writeNumber(out: Int32Array, end: number, value: number): number {
  float[0] = value;
  const isNumber = !Number.isNaN(value);
  out[end] = isNumber ? (halves[0] as number) : 0;
  out[end + 1] = isNumber ? (halves[1] as number) : CANONICAL_NAN_HIGH;
  return end + 2;
}

function kindOf(stage: string, because: number): number {
  return (Math.imul(wordHash(stage), 31) + because) & ~ALL_FLAGS;
}

function becauseOf(code: number): number {
  const word = BECAUSE_OF[code];
  return word === undefined ? 0 : wordHash(word);
}

const DIGITS = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const letters: number[] = new Array(32).fill(0);

/** 32 characters; `toString(16)` of each word is several times as slow. */
function hexOf(words: Uint32Array): string {
  for (let at = 0; at < letters.length; at++) {
    const word = words[at >> 3] as number;
    letters[at] = DIGITS[(word >>> (28 - 4 * (at & 7))) & 15] as number;
  }
  return String.fromCharCode.apply(undefined, letters);
}
