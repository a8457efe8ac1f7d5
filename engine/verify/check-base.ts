// The checkpoint of a partition against what the streams tell, at the very commit of which it is.
import { ringCapacityOf, SEEN_ENTRIES } from "../ingest/seen-window.ts";
import type { Base } from "../journal/base.ts";
import { type Differ, plainJson } from "./difference.ts";
import type { StoredHead } from "./partition-source.ts";
import type { Telling } from "./telling.ts";

export function checkBase(telling: Telling, base: Base, ring: StoredHead["ring"], differ: Differ): void {
  const same = (field: string, found: unknown, expected: unknown): void => {
    if (plainJson(found) !== plainJson(expected)) differ("S5", undefined, `checkpoint: ${field}`, found, expected);
  };
  same("position", base.position, telling.position);
  same("rulebook", base.rulebook, telling.book.rulebook.hash);
  same("skewMs", base.skewMs, telling.skewMs);
  same("lastNow", base.lastNow, telling.lastNow);
  same("counts", base.counts, telling.counts);
  const evidence = [...telling.evidence].map(([treatment, [trials, positives]]) => [treatment, trials, positives]);
  same("learned", base.learned.map(plainJson).sort(), evidence.map(plainJson).sort());
  const campaigns = [...telling.campaigns].map(([run, [asked, acted]]) => [run, asked, acted]);
  same("campaigns", base.campaigns.map(plainJson).sort(), campaigns.map(plainJson).sort());
  for (const [line, granted, spent] of base.quotas) {
    same(`quota ${line}`, { granted, spent }, telling.ledger.get(line) ?? { granted: 0, spent: 0 });
  }
  checkRing(telling, base, ring, differ);
}

/** S1: what is known as seen decides what is a duplicate after a restart. */
function checkRing(telling: Telling, { seenHead }: Base, ring: Buffer, differ: Differ): void {
  const { recent } = telling;
  if (recent.head() !== seenHead) {
    differ("S1", undefined, "checkpoint: events seen", seenHead, recent.head());
    return;
  }
  for (let nth = Math.max(0, seenHead - SEEN_ENTRIES); nth < seenHead; nth++) {
    const at = (nth % ringCapacityOf(SEEN_ENTRIES)) * 8;
    const found = at + 8 <= ring.length ? ring.readBigUInt64LE(at) : undefined;
    const expected = recent.hashOf(nth);
    if (found === expected) continue;
    differ("S1", undefined, `ring of seen events: number ${nth}`, found?.toString(16), expected?.toString(16));
    return; // one that is wrong is enough to tell: the rest may be shifted
  }
}
