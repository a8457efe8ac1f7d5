// Dead letters of a partition against its log: each names an entry that could not be taken, and where no letter was ever removed
// every such entry has one. What decisions, joins and gateways left behind is no entry that was refused, and not told here.
import { type CommitSeq, comparePositions, type Position } from "../domain/ids.ts";
import type { Differ } from "./difference.ts";
import type { DeadLetter, PartitionSource } from "./partition-source.ts";
import type { Walk } from "./walk-partition.ts";

const OF_NO_ENTRY: ReadonlySet<string> = new Set(["$decide", "$merge"]);

/** `from`: where telling has begun. Walks on where commits are written meanwhile. */
export async function checkLetters(
  source: PartitionSource,
  walk: Walk,
  walkTo: (seq: CommitSeq) => Promise<void>,
  from: Position,
  differ: Differ,
): Promise<void> {
  const before = [...walk.telling.dead];
  const { letters, isWhole } = await source.deadLetters();
  await walkTo((await source.head()).seq); // a letter is written with the commit that passes its entry
  if (walk.isBroken()) return;
  const own = letters.filter(isOfEntry);
  for (const { position, reason } of own) {
    if (comparePositions(position, from) > 0 && !walk.telling.dead.has(position))
      differ("S1", undefined, `dead letter of entry ${position}`, reason, "an entry that can be folded");
  }
  if (!isWhole) return;
  const lying = new Set(own.map(({ position }) => position));
  for (const position of before)
    if (!lying.has(position))
      differ("S1", undefined, `entry ${position}`, "neither folded nor a dead letter", "either");
}

function isOfEntry({ reason, source }: DeadLetter): boolean {
  return reason !== "undelivered" && !OF_NO_ENTRY.has(source);
}
