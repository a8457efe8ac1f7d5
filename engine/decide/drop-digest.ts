// One fingerprint of everything that was dropped and why, so that a replay can prove that it found the same.

import { BlockHash } from "../domain/block-hash.ts";
import {
  BECAUSE_OF,
  DROPPED,
  type DropList,
  hasCause,
  hasNumber,
  isRule,
  type PackedDrop,
  STAGE_OF,
  WORDS_PER_DROP,
} from "../domain/drop-list.ts";
import { fieldsOf, wordHash } from "./drop-fields.ts";
import { firstDropDigest } from "./first-drop-digest.ts";
import type { Prepared } from "./prepared.ts";

const PREFIX = "2:";
const FIRST = /^[0-9a-f]{32}$/;

const hash = new BlockHash();
const KINDS = Int32Array.from(STAGE_OF, (stage, code) =>
  stage === undefined ? 0 : kindOf(wordHash(stage), BECAUSE_OF[code] === undefined ? 0 : wordHash(BECAUSE_OF[code])),
);

/**
 * `2:` and, in hex, murmur3 (x86, 128 bits) over blocks of four words, in canonical order: by action, then by treatment. A drop is
 * one block: kind, subject, rule or policy or rival, placement; where it has numbers, another one with two of them.
 * Names enter by their hashes, never by an index, so the digest does not depend on how a rulebook was compiled.
 */
export function dropDigest(prepared: Prepared, dropped: DropList): string {
  const { rulebook, ruleHashes, table } = prepared;
  const { words, numbers } = dropped;
  let next = 0;
  hash.open(dropped.length);
  for (let at = 0; at < words.length; at += WORDS_PER_DROP) {
    const row = words[at] as number;
    const meta = words[at + 1] as number;
    const operand = words[at + 2] as number;
    const code = meta & 0xff;
    const number = hasNumber(code) ? (numbers[next++] as number) : 0;
    const kind = KINDS[code] as number;
    const subject = table.hashOf[row] as number;
    if (isRule(code)) hash.mix(kind, subject, ruleHashes[operand] as number, 0);
    else if (hasCause(code)) mixWhole(prepared, dropped, { row, code, placement: meta >>> 8, operand, number });
    else if (code === DROPPED.belowFloor) mixDrop(kind, subject, 0, 0, number, table.floorOf[row] as number);
    else if (code < DROPPED.belowFloor) hash.mix(kind, subject, 0, 0);
    else {
      const rival = table.hashOf[table.rowOfTreatment[operand] as number] as number;
      mixDrop(kind, subject, rival, rulebook.placements[meta >>> 8]?.hash ?? 0, number, 0);
    }
  }
  return PREFIX + hash.hex();
}

/** In the form that a recorded one has. */
export function dropDigestLike(recorded: string, prepared: Prepared, dropped: DropList): string {
  return FIRST.test(recorded) ? firstDropDigest(prepared, dropped) : dropDigest(prepared, dropped);
}

function mixWhole(prepared: Prepared, dropped: DropList, packed: PackedDrop): void {
  const drop = dropped.whole(packed);
  const { subject, because, rival, placement, first, second } = fieldsOf(prepared, drop);
  mixDrop(kindOf(wordHash(drop.stage), because), subject, rival, placement, first, second);
}

function mixDrop(kind: number, subject: number, rival: number, placement: number, first: number, second: number): void {
  if (first === 0 && second === 0) {
    hash.mix(kind, subject, rival, placement);
    return;
  }
  hash.mix(kind | 1, subject, rival, placement);
  hash.mixNumbers(first, second);
}

/** Its lowest bit is free: it tells whether numbers follow. */
function kindOf(stage: number, because: number): number {
  return (Math.imul(stage, 31) + because) & ~1;
}
