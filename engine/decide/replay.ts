// A journalled decision computed again from what it was given.
import type { Decision, DecisionRecord } from "../domain/decision.ts";
import { type Decider, decide } from "./decide.ts";
import { dropDigestLike } from "./drop-digest.ts";
import { inputOf, scoresOf, slateRecords, spentByName } from "./record.ts";

export interface Replay {
  /** Undefined where the decider holds another rulebook than the record names. */
  readonly decision: Decision | undefined;
  /** Slates, what was withheld, contacts, arms, spending, pressure and the digest of what was dropped are the same, bit for bit. */
  readonly reproduced: boolean;
  /** `path: recorded X, computed Y` */
  readonly differences: readonly string[];
}

export function replay(decider: Decider, record: DecisionRecord): Replay {
  const { hash } = decider.rulebook;
  if (hash !== record.rulebook) {
    const difference = `rulebook: recorded "${record.rulebook}", given "${hash}"`;
    return { decision: undefined, reproduced: false, differences: [difference] };
  }
  const decision = decide(decider, inputOf(decider, record), scoresOf(decider, record));
  const differences: string[] = [];
  compare("kind", record.kind, decision.kind, differences);
  compare("slates", record.slates, slateRecords(decider.prepared, decision.slates), differences);
  compare("withheld", record.withheld, slateRecords(decider.prepared, decision.withheld), differences);
  compare("contacts", record.contacts, decision.contacts, differences);
  compare("arms", record.arms, decision.arms, differences);
  compare("spent", record.spent, spentByName(decider, decision), differences);
  compare("pressure", record.pressure, decision.pressure, differences);
  compare("heldUntil", record.heldUntil, decision.heldUntil, differences);
  const digest = dropDigestLike(record.droppedDigest, decider.prepared, decision.dropped);
  compare("droppedDigest", record.droppedDigest, digest, differences);
  return { decision, reproduced: differences.length === 0, differences };
}

type Comparable =
  | string
  | number
  | boolean
  | undefined
  | readonly Comparable[]
  | { readonly [key: string]: Comparable };

function compare(path: string, recorded: unknown, computed: unknown, differences: string[]): void {
  compareValues(path, recorded as Comparable, computed as Comparable, differences);
}

function compareValues(path: string, recorded: Comparable, computed: Comparable, differences: string[]): void {
  if (typeof recorded !== "object" || typeof computed !== "object") {
    if (!Object.is(recorded, computed)) {
      differences.push(`${path}: recorded ${show(recorded)}, computed ${show(computed)}`);
    }
    return;
  }
  const before = recorded as { readonly [key: string]: Comparable };
  const after = computed as { readonly [key: string]: Comparable };
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    compareValues(`${path}.${key}`, before[key], after[key], differences);
  }
}

function show(value: Comparable): string {
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "nothing");
}
