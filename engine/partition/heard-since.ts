// What became of a key since its erasure was done, as Redis itself knows: an owner may not have folded yet what was accepted a
// moment ago, and nobody may have told of an erasure that is already in the log.
import type { LogEntry } from "../domain/event.ts";
import type { CustomerKey, PartitionIndex, Position } from "../domain/ids.ts";
import { decodeLogEntry, ENGINE_SOURCE } from "../ingest/log-entry.ts";
import { decodeBase } from "../journal/base.ts";
import type { Journal } from "../journal/journal.ts";

const PAGE = 1_000;

/**
 * `come-again`: after the last erasure something was accepted under this key. `erasing`: it is being erased once more.
 * Reads the checkpoint and the log behind it, of which the fold of an owner may be anywhere.
 */
export async function heardSince(
  journal: Pick<Journal, "head" | "entries">,
  { partition, partitions }: { readonly partition: PartitionIndex; readonly partitions: number },
  key: CustomerKey,
): Promise<"come-again" | "erasing" | "nothing"> {
  const { base } = await journal.head(partition);
  const stored = base === undefined ? undefined : decodeBase(base);
  const isErasing = stored?.erasing.some((one) => one.key === key && one.of === undefined) === true;
  let heard: "come-again" | "erasing" | "nothing" = isErasing ? "erasing" : "nothing";
  for (let after = stored?.position ?? ("0-0" as Position); ; ) {
    const page = await journal.entries(partition, after, undefined, PAGE);
    for (const { position, fields } of page) {
      heard = told(decodeLogEntry(position, fields, { partition, partitions, skewMs: 0 }), key) ?? heard;
    }
    const last = page.at(-1);
    if (last === undefined) return heard;
    after = last.position;
  }
}

/** Undefined: the entry says nothing of the key, or is a note of an engine, which brings nobody back. */
function told(entry: LogEntry, key: CustomerKey): "come-again" | "erasing" | undefined {
  switch (entry.kind) {
    case "event":
      return entry.event.key === key && entry.event.source !== ENGINE_SOURCE ? "come-again" : undefined;
    case "merge":
      return entry.key === key ? "come-again" : undefined;
    case "erase":
      return entry.key === key ? "erasing" : undefined;
    case "timer":
    case "campaign":
    case "again":
    case "delivered":
    case "seal":
    case "activation":
    case "erased":
    case "dead":
      return undefined;
  }
}
