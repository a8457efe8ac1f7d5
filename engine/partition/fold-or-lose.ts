// The fold of a step, and what becomes of an entry that it throws for.
import type { LogEntry } from "../domain/event.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { type FoldContext, foldEntry } from "./fold-entry.ts";
import { addKey } from "./log-cursor.ts";
import type { Partition } from "./partition.ts";
import { type Isolated, type PoisonBook, placeOfError } from "./poison.ts";
import type { StepInput } from "./step.ts";
import { tryFold } from "./try-fold.ts";

/** In order. Where one of them throws the partition is lost, and what is left of them is folded when it was recovered. */
export function foldAllOrLose(
  input: Pick<StepInput, "lose" | "onEntry">,
  partition: Partition,
  entries: readonly LogEntry[],
  context: FoldContext,
  poison: PoisonBook | undefined,
): void {
  for (const entry of entries) if (!foldOrLose(input, partition, entry, context, poison)) return;
}

/** What is known of this entry before it is folded; undefined: nothing is wrong with it. */
export function whyIsolated(
  partition: Partition,
  entry: LogEntry,
  poison: PoisonBook | undefined,
): Isolated | undefined {
  const damage = damageOf(partition, entry);
  if (damage !== undefined) return { reason: "damaged-profile", why: damage };
  const why = poison?.of(partition.index, entry.position);
  return why === undefined ? undefined : { reason: "poison", why };
}

/** False where the partition was lost by it, to be recovered without this entry. */
function foldOrLose(
  input: Pick<StepInput, "lose" | "onEntry">,
  partition: Partition,
  entry: LogEntry,
  context: FoldContext,
  poison: PoisonBook | undefined,
): boolean {
  const { index } = partition;
  try {
    if (poison?.isCareful(index) === true && context.isolated(entry) === undefined) {
      const why = tryFold(partition, entry, context);
      if (why !== undefined) poison.add(index, entry.position, why);
    }
    input.onEntry(partition, entry, foldEntry(partition, entry, context));
    return true;
  } catch (error) {
    if (input.lose === undefined || poison === undefined) throw error;
    const why = placeOfError(error);
    poison.add(index, entry.position, why);
    input.lose(partition, `entry ${entry.position} cannot be folded (${why}): it becomes a dead letter`);
    return false;
  }
}

/** Is the profile of somebody whom this entry concerns one that cannot be read? */
function damageOf({ damaged }: Partition, entry: LogEntry): string | undefined {
  // To be erased a profile need not be read.
  if (damaged.size === 0 || entry.kind === "erase") return undefined;
  const keys = new Set<CustomerKey>();
  addKey(keys, entry);
  for (const key of keys) if (damaged.has(key)) return damaged.get(key);
  return undefined;
}
