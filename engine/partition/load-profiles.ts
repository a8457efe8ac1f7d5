import type { CustomerKey } from "../domain/ids.ts";
import { NEVER } from "../domain/time.ts";
import type { Partition } from "./partition.ts";
import type { RecoverContext } from "./recover.ts";

/**
 * Loads those of `keys` that are not in memory; a customer without a stored profile gets an empty one. Whose stored
 * profile cannot be read is noted as damaged, and not in memory then: to begin anew would forget contacts and break caps.
 */
export async function loadProfiles(
  context: Pick<RecoverContext, "journal" | "learnLayout">,
  partition: Partition,
  keys: Iterable<CustomerKey>,
): Promise<void> {
  const missing = [...keys].filter((key) => !partition.store.has(key));
  if (missing.length === 0) return;
  const [stored, armed] = await Promise.all([
    context.journal.profiles(partition.index, missing),
    context.journal.armed(partition.index, missing),
  ]);
  for (const [index, key] of missing.entries()) {
    if (partition.store.has(key)) continue;
    let loaded = partition.store.load(key, stored[index]);
    if (loaded.kind === "unknown-layout") {
      partition.store.learn(await context.learnLayout(loaded.hash));
      loaded = partition.store.load(key, stored[index]);
    }
    if (loaded.kind !== "loaded") {
      const why = loaded.kind === "corrupt" ? loaded.why : `layout ${loaded.hash} is not described in Redis`;
      partition.damaged.set(key, `a stored profile of partition ${partition.index} cannot be read: ${why}`);
      continue;
    }
    partition.damaged.delete(key);
    const due = armed[index];
    if (due === undefined) partition.unregistered.add(key);
    else if (due !== NEVER) partition.armed.set(key, due);
  }
}
