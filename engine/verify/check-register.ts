// The register of customers and their timers: everybody is in it, and nobody's timer goes off later than something falls due
// (W5, W20, W21 of engine/README.md). That of the day alone is armed with the profile, and not told here.
import type { CommitSeq, CustomerKey } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import { dueOf } from "./contact-steps.ts";
import type { Differ } from "./difference.ts";
import type { Known } from "./known.ts";
import type { PartitionSource } from "./partition-source.ts";
import type { Walk } from "./walk-partition.ts";

const CUSTOMERS_PER_READ = 500;

/** Walks on where commits are written meanwhile. */
export async function checkRegister(
  source: PartitionSource,
  walk: Walk,
  walkTo: (seq: CommitSeq) => Promise<void>,
  differ: Differ,
): Promise<void> {
  const { telling } = walk;
  const keys = [...telling.known.keys()];
  for (let from = 0; from < keys.length; from += CUSTOMERS_PER_READ) {
    const some = keys.slice(from, from + CUSTOMERS_PER_READ);
    const { seq, due } = await source.armed(some);
    await walkTo(seq);
    if (walk.isBroken()) return;
    for (const [nth, key] of some.entries()) {
      if (!telling.disarmed.has(key)) checkOne(telling.known.get(key) as Known, key, due[nth], differ);
    }
  }
}

function checkOne(known: Known, key: CustomerKey, armed: Instant | undefined, differ: Differ): void {
  if (known.changed === 0) return;
  const expected = soonest(known);
  if (armed === undefined) differ("S5", key, "register of customers", "not in it", "in it");
  else if (armed > expected) differ("S5", key, "timer", armed, `${expected} or earlier`);
}

function soonest({ contacts, patterns, held }: Known): Instant {
  const due = [
    ...contacts.map(dueOf),
    ...[...patterns.values()].map((pattern) => pattern.due),
    ...held.map(({ until }) => until),
  ];
  return due.reduce((a, b) => (b < a ? b : a), NEVER);
}
