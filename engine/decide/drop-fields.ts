// What one drop says, as the hashes and numbers that enter a digest; and the policy that it names.
import type { Drop } from "../domain/drop.ts";
import { hashText } from "../domain/hash.ts";
import type { PolicyIndex } from "../domain/ids.ts";
import { ROOM_POLICY } from "./contact-limits.ts";
import { LIVE_POLICY, SNOOZED_POLICY, TURNED_DOWN_POLICY } from "./contact-policy.ts";
import type { DeclaredPolicy } from "./policy-table.ts";
import type { Prepared } from "./prepared.ts";

/** Names as 32-bit hashes, never an index; 0 where the drop has none. A policy beside a rival is the second number. */
export interface DropFields {
  subject: number;
  because: number;
  /** Rule, policy, quota or rival. */
  rival: number;
  placement: number;
  first: number;
  second: number;
}

const wordHashes = new Map<string, number>();

/** The words of stages and causes are few; placeholder names are bounded by the rulebook. */
export function wordHash(word: string): number {
  const known = wordHashes.get(word);
  if (known !== undefined) return known;
  const hash = hashText(word, 0)[0] as number;
  wordHashes.set(word, hash);
  return hash;
}

export function fieldsOf(prepared: Prepared, drop: Drop): DropFields {
  const { rulebook, ruleHashes } = prepared;
  const subject = "action" in drop ? rulebook.actions[drop.action] : rulebook.treatments[drop.treatment];
  const placement = "placement" in drop ? rulebook.placements[drop.placement] : undefined;
  const told: DropFields = {
    subject: subject?.hash ?? 0,
    because: 0,
    rival: 0,
    placement: placement?.hash ?? 0,
    first: 0,
    second: 0,
  };
  switch (drop.stage) {
    case "availability":
    case "consent":
      told.because = wordHash(drop.because);
      break;
    case "eligibility":
    case "applicability":
    case "suitability":
      told.because = wordHash(drop.because);
      told.rival = ruleHashes[drop.rule] ?? 0;
      break;
    case "suppression":
    case "quiet-hours":
      told.because = wordHash(drop.because);
      told.rival = policyNamed(prepared, drop).hash;
      told.first = drop.reopensAt;
      break;
    case "contact-limit":
      told.rival = policyNamed(prepared, drop).hash;
      told.first = drop.reopensAt;
      told.second = drop.counted;
      if (drop.heldFor !== undefined) told.because = rulebook.actions[drop.heldFor]?.hash ?? 0;
      break;
    case "quota":
      told.rival = rulebook.quotas[drop.quota]?.hash ?? 0;
      told.first = drop.left;
      told.second = drop.needed;
      break;
    case "propensity":
      told.first = drop.propensity;
      told.second = drop.floor;
      break;
    case "arbitration":
      told.because = wordHash(drop.because);
      told.rival = rulebook.treatments[drop.lostTo]?.hash ?? 0;
      told.first = drop.priority;
      if (drop.policy !== undefined) told.second = policyNamed(prepared, drop).hash;
      break;
    case "content":
      told.because = wordHash(drop.missing);
      told.first = drop.priority;
      break;
    case "slots":
      told.rival = rulebook.treatments[drop.lostTo]?.hash ?? 0;
      told.first = drop.priority;
      break;
    case "holdout":
      told.first = drop.priority;
      break;
  }
  return told;
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
