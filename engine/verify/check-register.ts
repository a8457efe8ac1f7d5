// The register of customers and their timers: everybody is in it, and nobody's timer goes off later than something falls due
// (W5, W20, W21 of engine/README.md). That of the day is armed with the profile, so it is demanded of who is stored since there are
// daily triggers.
import type { CommitSeq, CustomerKey } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import type { StoredCheck } from "./check-stored.ts";
import { dueOf } from "./contact-steps.ts";
import type { Differ } from "./difference.ts";
import type { Known } from "./known.ts";
import type { PartitionSource } from "./partition-source.ts";
import { nextOwnHour } from "./tell-timer.ts";
import type { Telling } from "./telling.ts";
import type { Walk } from "./walk-partition.ts";

const CUSTOMERS_PER_READ = 500;

/** Walks on where commits are written meanwhile. */
export async function checkRegister(
  source: PartitionSource,
  walk: Walk,
  walkTo: (seq: CommitSeq) => Promise<void>,
  stored: Pick<StoredCheck, "reflectedBy">,
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
      const known = telling.known.get(key);
      if (known === undefined || telling.disarmed.has(key)) continue; // erased meanwhile, or its timer was isolated
      checkOne(known, key, due[nth], day(telling, known, stored.reflectedBy(key)), differ);
    }
  }
}

function checkOne(known: Known, key: CustomerKey, armed: Instant | undefined, byDay: number, differ: Differ): void {
  if (known.changed === 0) return;
  const expected = Math.min(soonest(known), byDay);
  if (armed === undefined) differ("S5", key, "register of customers", "not in it", "in it");
  else if (armed > expected) differ("S5", key, "timer", armed, `${expected} or earlier`);
}

/** At the latest then the day comes round; NEVER where nobody can have armed it yet, or it is another's by now. */
function day(telling: Telling, known: Known, reflected: CommitSeq): number {
  const { dailySince, lastNow } = telling;
  const isArmed = dailySince !== undefined && reflected > dailySince && reflected >= known.changed;
  return isArmed && known.sealedTo === undefined ? nextOwnHour(known, lastNow) : NEVER;
}

function soonest({ contacts, patterns, held }: Known): Instant {
  const due = [
    ...contacts.map(dueOf),
    ...[...patterns.values()].map((pattern) => pattern.due),
    ...held.map(({ until }) => until),
  ];
  return due.reduce((a, b) => (b < a ? b : a), NEVER);
}
