// One fingerprint of everything that was dropped and why, so that a replay can prove that it found the same.
import type { Drop } from "../domain/drop.ts";
import {
  BECAUSE_OF,
  DROPPED,
  type DropList,
  hasCause,
  isRule,
  type PackedDrop,
  STAGE_OF,
} from "../domain/drop-list.ts";
import { hashText, murmur128 } from "../domain/hash.ts";
import type { PolicyIndex } from "../domain/ids.ts";
import { ROOM_POLICY } from "./contact-limits.ts";
import { LIVE_POLICY, SNOOZED_POLICY, TURNED_DOWN_POLICY } from "./contact-policy.ts";
import type { DeclaredPolicy } from "./policy-table.ts";
import type { Prepared } from "./prepared.ts";

/** Stage, subject, cause, rule or policy or rival, placement (32-bit hashes of names), then two float64. A policy beside a rival is the second. */
const BYTES_PER_DROP = 5 * 4 + 2 * 8;
const CANONICAL_NAN_HIGH = 0x7ff80000;

const wordHashes = new Map<string, number>();

/**
 * murmur3 (x86, 128 bits, hex) over the drops in canonical order: by action, then by treatment. Names enter by their
 * hashes, never by an index, so the digest does not depend on how a rulebook was compiled.
 */
export function dropDigest(prepared: Prepared, dropped: DropList): string {
  const bytes = new Uint8Array(dropped.length * BYTES_PER_DROP);
  const view = new DataView(bytes.buffer);
  let at = 0;
  dropped.forEachPacked((drop) => {
    if (!writePacked(prepared, drop, view, at)) write(prepared, dropped.whole(drop), view, at);
    at += BYTES_PER_DROP;
  });
  const words = new Uint32Array(4);
  murmur128(bytes, dropped.length, words);
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}

const STAGE_HASHES = STAGE_OF.map((stage) => (stage === undefined ? 0 : wordHash(stage)));
const BECAUSE_HASHES = BECAUSE_OF.map((word) => (word === undefined ? 0 : wordHash(word)));

/** What has no cause of its own; false: the whole drop is needed. */
function writePacked(prepared: Prepared, drop: Readonly<PackedDrop>, view: DataView, at: number): boolean {
  const { code, row, operand } = drop;
  if (hasCause(code)) return false;
  const { rulebook, ruleHashes, table } = prepared;
  const treatment = table.treatmentOf[row] as number;
  const subject = treatment < 0 ? rulebook.actions[table.actionOf[row] as number] : rulebook.treatments[treatment];
  const isRival = code === DROPPED.slots || code === DROPPED.sameAction;
  const rival = isRule(code) ? ruleHashes[operand] : isRival ? rulebook.treatments[operand]?.hash : 0;
  view.setUint32(at, STAGE_HASHES[code] as number, true);
  view.setUint32(at + 4, subject?.hash ?? 0, true);
  view.setUint32(at + 8, BECAUSE_HASHES[code] as number, true);
  view.setUint32(at + 12, rival ?? 0, true);
  view.setUint32(at + 16, isRival ? (rulebook.placements[drop.placement]?.hash ?? 0) : 0, true);
  setFloat(view, at + 20, code >= DROPPED.belowFloor ? drop.number : 0);
  setFloat(view, at + 28, code === DROPPED.belowFloor ? (table.floorOf[row] as number) : 0);
  return true;
}

function write(prepared: Prepared, drop: Drop, view: DataView, at: number): void {
  const { rulebook, ruleHashes } = prepared;
  const subject = "action" in drop ? rulebook.actions[drop.action] : rulebook.treatments[drop.treatment];
  let because = 0;
  let rival = 0;
  let first = 0;
  let second = 0;
  switch (drop.stage) {
    case "availability":
    case "consent":
      because = wordHash(drop.because);
      break;
    case "eligibility":
    case "applicability":
    case "suitability":
      because = wordHash(drop.because);
      rival = ruleHashes[drop.rule] ?? 0;
      break;
    case "suppression":
    case "quiet-hours":
      because = wordHash(drop.because);
      rival = policyNamed(prepared, drop).hash;
      first = drop.reopensAt;
      break;
    case "contact-limit":
      rival = policyNamed(prepared, drop).hash;
      first = drop.reopensAt;
      second = drop.counted;
      if (drop.heldFor !== undefined) because = rulebook.actions[drop.heldFor]?.hash ?? 0;
      break;
    case "quota":
      rival = rulebook.quotas[drop.quota]?.hash ?? 0;
      first = drop.left;
      second = drop.needed;
      break;
    case "propensity":
      first = drop.propensity;
      second = drop.floor;
      break;
    case "arbitration":
      because = wordHash(drop.because);
      rival = rulebook.treatments[drop.lostTo]?.hash ?? 0;
      first = drop.priority;
      if (drop.policy !== undefined) second = policyNamed(prepared, drop).hash;
      break;
    case "content":
      because = wordHash(drop.missing);
      first = drop.priority;
      break;
    case "slots":
      rival = rulebook.treatments[drop.lostTo]?.hash ?? 0;
      first = drop.priority;
      break;
    case "holdout":
      first = drop.priority;
      break;
  }
  view.setUint32(at, wordHash(drop.stage), true);
  view.setUint32(at + 4, subject?.hash ?? 0, true);
  view.setUint32(at + 8, because, true);
  view.setUint32(at + 12, rival, true);
  view.setUint32(at + 16, "placement" in drop ? (rulebook.placements[drop.placement]?.hash ?? 0) : 0, true);
  setFloat(view, at + 20, first);
  setFloat(view, at + 28, second);
}

interface PolicyDrop {
  readonly stage: "suppression" | "quiet-hours" | "contact-limit" | "arbitration";
  readonly policy?: PolicyIndex;
}

type Policy = Pick<DeclaredPolicy, "id" | "hash"> & Partial<DeclaredPolicy>;

const KEPT = builtIn("built-in/contacts-kept");
const SNOOZED = builtIn("built-in/snoozed");
const LIVE = builtIn("built-in/already-live");
const TURNED_DOWN = builtIn("built-in/turned-down");

/** The declared policy, or what the engine itself sees to: that has no place. */
export function policyNamed({ policies }: Prepared, { stage, policy }: PolicyDrop): Policy {
  if (policy === ROOM_POLICY) return KEPT;
  if (policy === SNOOZED_POLICY) return SNOOZED;
  if (policy === LIVE_POLICY) return LIVE;
  if (policy === TURNED_DOWN_POLICY) return TURNED_DOWN;
  const declared = policy === undefined ? undefined : policies[stage][policy];
  if (declared === undefined) throw new RangeError(`a drop at ${stage} names policy ${policy}, which nobody declares`);
  return declared;
}

function builtIn(id: string): Policy {
  return { id, hash: hashText(id, 0)[0] as number };
}

function setFloat(view: DataView, at: number, value: number): void {
  if (Number.isNaN(value)) {
    view.setUint32(at, 0, true);
    view.setUint32(at + 4, CANONICAL_NAN_HIGH, true);
  } else view.setFloat64(at, value + 0, true);
}

/** The words of stages and causes are few; placeholder names are bounded by the rulebook. */
function wordHash(word: string): number {
  const known = wordHashes.get(word);
  if (known !== undefined) return known;
  const hash = hashText(word, 0)[0] as number;
  wordHashes.set(word, hash);
  return hash;
}
