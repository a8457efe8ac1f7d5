// What became of a key since its erasure was done, as Redis itself knows: an owner may not have folded yet what was accepted a
// moment ago, and nobody may have told of an erasure that is already in the log.
import type { LogEntry } from "../domain/event.ts";
import { type CustomerKey, comparePositions, type PartitionIndex, type Position } from "../domain/ids.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { decodeBase } from "../journal/base.ts";
import type { Journal } from "../journal/journal.ts";

const PAGE = 1_000;

/** Clocks of engines and of Redis differ by no more. */
const SKEW_MS = 60_000;

/**
 * `come-again`: after the last erasure something was accepted under this key, or noted of it by an engine of a version that
 * notes without looking (W80), which names it in the log. `erasing`: it is being erased once more. Reads the log from shortly before `doneAt`
 * (ms since 1970) on, or behind the checkpoint where that is further back: the fold of an owner may be anywhere.
 */
export async function heardSince(
  journal: Pick<Journal, "head" | "entries">,
  { partition, partitions }: { readonly partition: PartitionIndex; readonly partitions: number },
  key: CustomerKey,
  doneAt: number,
): Promise<"come-again" | "erasing" | "nothing"> {
  const { base } = await journal.head(partition);
  const stored = base === undefined ? undefined : decodeBase(base);
  const isErasing = stored?.erasing.some((one) => one.key === key && one.of === undefined) === true;
  let heard: "come-again" | "erasing" | "nothing" = isErasing ? "erasing" : "nothing";
  const folded = stored?.position ?? ("0-0" as Position);
  const done = `${Math.max(0, doneAt - SKEW_MS)}-0` as Position;
  for (let after = comparePositions(folded, done) < 0 ? folded : done; ; ) {
    const page = await journal.entries(partition, after, undefined, PAGE);
    for (const { position, fields } of page) {
      heard = told(decodeLogEntry(position, fields, { partition, partitions, skewMs: 0 }), key) ?? heard;
    }
    const last = page.at(-1);
    if (last === undefined) return heard;
    after = last.position;
  }
}

/** Undefined: the entry says nothing of the key. What an erasure found in the log names nobody any more. */
function told(entry: LogEntry, key: CustomerKey): "come-again" | "erasing" | undefined {
  switch (entry.kind) {
    case "event":
      return entry.event.key === key ? "come-again" : undefined;
    case "merge":
    case "timer":
    case "campaign":
    case "again":
    case "delivered":
      return entry.key === key ? "come-again" : undefined;
    case "erase":
      return entry.key === key ? "erasing" : undefined;
    case "seal":
    case "activation":
    case "erased":
    case "dead":
      return undefined;
  }
}
