// The fold of one entry on a copy of what it may change: does it throw? Costs several times the fold itself, so it is done only
// where an entry has failed a short while ago.
import type { LogEntry } from "../domain/event.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { createSeenWindow } from "../ingest/seen-window.ts";
import { createProfileStore } from "../profile/store.ts";
import { type FoldContext, foldEntry } from "./fold-entry.ts";
import { addKey } from "./log-cursor.ts";
import { emptyDraft, type Partition } from "./partition.ts";
import { placeOfError } from "./poison.ts";

/** What is wrong; undefined where the fold will do, and for what brings packed profiles or rulebooks along. */
export function tryFold(partition: Partition, entry: LogEntry, context: FoldContext): string | undefined {
  if (entry.kind === "merge" || entry.kind === "activation" || entry.kind === "dead") return undefined;
  const keys = new Set<CustomerKey>();
  addKey(keys, entry);
  const store = createProfileStore({ layout: partition.store.layout() });
  for (const key of keys) store.load(key, partition.store.pack(key));
  const copy: Partition = {
    ...partition,
    store,
    seen: createSeenWindow(),
    evidence: new Map(partition.evidence),
    quotas: new Map(partition.quotas),
    campaigns: new Map(partition.campaigns),
    dirty: new Map(),
    armed: new Map(),
    damaged: new Map(partition.damaged),
    erasing: [...partition.erasing],
    unregistered: new Set(),
    counts: { ...partition.counts },
    outbox: [],
    draft: emptyDraft(),
  };
  try {
    foldEntry(copy, entry, context);
    return undefined;
  } catch (error) {
    return placeOfError(error);
  }
}
