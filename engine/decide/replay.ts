// A journalled decision computed again from what it was given.
import type { Decision, DecisionRecord } from "../domain/decision.ts";
import { type Decider, decide } from "./decide.ts";
import { dropDigest } from "./drop-digest.ts";
import { inputOf, scoresOf, slateRecord, slateRecords } from "./record.ts";

export interface Replay {
  /** Undefined where the decider holds another rulebook than the record names. */
  readonly decision: Decision | undefined;
  /** Slates, contacts and the digest of what was dropped are the same, bit for bit. */
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
  compare("slates", record.slates, slateRecords(decider.prepared, decision), differences);
  const withheld = decision.withheld.map((slate) => slateRecord(decider.prepared, slate));
  compare("withheld", record.withheld, withheld, differences);
  compare("contacts", record.contacts, decision.contacts, differences);
  compare("arms", record.arms, decision.arms, differences);
  const spent = decision.spent.map(({ quota, units }) => ({ quota: decider.rulebook.quotas[quota]?.id ?? "", units }));
  compare("spent", record.spent, spent, differences);
  compare("pressure", record.pressure, decision.pressure, differences);
  compare("heldUntil", record.heldUntil, decision.heldUntil, differences);
  compare("droppedDigest", record.droppedDigest, dropDigest(decider.prepared, decision.dropped), differences);
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
