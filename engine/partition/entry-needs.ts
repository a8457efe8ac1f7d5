// Entries of an input log on their way to the fold: decoded, and what has to be in memory before they can be folded.
import type { LogEntry } from "../domain/event.ts";
import { type CustomerKey, positionMs, type RulebookHash } from "../domain/ids.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import type { RawEntry } from "../journal/journal.ts";
import { layoutHashIn } from "../profile/record.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import type { Partition } from "./partition.ts";
import type { RecoverContext } from "./recover.ts";

/** Decodes an entry and moves the partition's clock with it. Must see every entry, in order. */
export function decodeInto(partition: Partition, raw: RawEntry, partitions: number): LogEntry {
  const entry = decodeLogEntry(raw.position, raw.fields, {
    partition: partition.index,
    partitions,
    skewMs: partition.skewMs,
  });
  if (entry.movesClock) partition.skewMs = entry.arrivedAt - positionMs(entry.position);
  return entry;
}

export function addKey(keys: Set<CustomerKey>, entry: LogEntry): void {
  switch (entry.kind) {
    case "event":
      keys.add(entry.event.key);
      return;
    case "timer":
    case "campaign":
    case "again":
    case "delivered":
    case "merge":
      keys.add(entry.key);
      return;
    case "seal":
      keys.add(entry.anonymous);
      return;
    case "erase":
      keys.add(entry.key);
      return;
    case "activation":
    case "erased":
    case "dead":
      return;
  }
}

/** Layouts under which these entries bring profiles along, learnt before the fold needs them. */
export async function learnLayouts(
  context: Pick<RecoverContext, "learnLayout">,
  { store }: Partition,
  entries: readonly LogEntry[],
): Promise<void> {
  for (const entry of entries) {
    if (entry.kind !== "merge" || entry.packed === undefined) continue;
    const hash = layoutHashIn(entry.packed);
    if (hash !== undefined && !store.knows(hash)) store.learn(await context.learnLayout(hash));
  }
}

/** The rulebooks that these entries activate, compiled before the fold needs them. */
export async function compiled(
  context: Pick<RecoverContext, "findRulebook">,
  entries: readonly LogEntry[],
): Promise<(hash: RulebookHash) => ActiveRulebook | undefined> {
  const found = new Map<RulebookHash, ActiveRulebook>();
  for (const entry of entries) {
    if (entry.kind !== "activation") continue;
    const active = await context.findRulebook(entry.rulebook);
    if (active !== undefined) found.set(entry.rulebook, active);
  }
  return (hash) => found.get(hash);
}
