// Resharding by hand: a slot goes from one master to another key by key, and then as a whole.
import type { ClusterNode } from "./start-cluster.ts";

export interface Way {
  readonly from: ClusterNode;
  readonly to: ClusterNode;
}

/** Begins to move the slot, and moves these keys. Begun already, it goes on. */
export async function moveKeys({ from, to }: Way, slot: number, keys: readonly string[]): Promise<void> {
  const [fromId, toId] = [await from.admin.cluster("MYID"), await to.admin.cluster("MYID")];
  await to.admin.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
  await from.admin.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
  if (keys.length > 0) await from.admin.call("MIGRATE", "127.0.0.1", to.port, "", 0, 5_000, "KEYS", ...keys);
}

/** Moves all of it, a few keys at a time, `pauseMs` between them. */
export async function moveSlot(way: Way, slot: number, pauseMs = 0): Promise<void> {
  await moveKeys(way, slot, []);
  for (;;) {
    const keys = (await way.from.admin.call("CLUSTER", "GETKEYSINSLOT", slot, 3)) as string[];
    if (keys.length === 0) break;
    await moveKeys(way, slot, keys);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const toId = await way.to.admin.cluster("MYID");
  await way.to.admin.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
  await way.from.admin.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
}
