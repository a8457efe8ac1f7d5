// What was asked for once, and came to nothing that the customer could see, is asked for again: with what is known now.
import type { LogEntry } from "../domain/event.ts";
import { AGAIN } from "../ingest/log-entry.ts";
import { eventHash } from "../ingest/seen-window.ts";
import { askAt, momentOf } from "./ask-at.ts";
import type { Partition } from "./partition.ts";

const hash = new Uint32Array(4);

/** Heard once, within the window of duplicates. A trigger that the rulebook does not have any more asks for nothing. */
export function foldAgain(
  partition: Partition,
  entry: Extract<LogEntry, { kind: "again" }>,
  seed: number,
  isReflected: boolean,
): void {
  const { key, trigger, again, context, arrivedAt, position } = entry;
  eventHash(key, AGAIN, again, seed, hash);
  if (partition.seen.check(hash[0] as number, hash[1] as number) || isReflected) return;
  if (partition.store.state(key).sealedTo !== undefined) return;
  const { triggers, campaigns } = partition.active.rulebook;
  const asker = triggers.find(({ id }) => id === trigger) ?? campaigns.find(({ id }) => id === trigger);
  if (asker === undefined) return;
  const cause = { source: AGAIN, event: again, at: arrivedAt, context };
  askAt(momentOf(partition, key, arrivedAt, position), asker, cause);
}
