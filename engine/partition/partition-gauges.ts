import type { Metrics } from "../observe/metrics.ts";
import { countQuotaUnits } from "./quota-use.ts";
import type { Session } from "./session.ts";

const watched = new WeakMap<Metrics, { session: Session }>();

/** Gauges of what this process holds, read when somebody scrapes. A new session takes the place of the last. */
export function watchPartitions(metrics: Metrics, session: Session, clock: () => number): void {
  const before = watched.get(metrics);
  if (before !== undefined) {
    before.session = session;
    return;
  }
  const current = { session };
  watched.set(metrics, current);
  metrics.onScrape(() => {
    let bytes = 0;
    let epoch = 0;
    for (const gauge of [metrics.rulebook, metrics.profiles, metrics.partitionOwner, metrics.partitionBroken])
      gauge.clear();
    for (const partition of current.session.partitions) {
      const label = String(partition.index);
      metrics.profiles.set(metrics.profiles.slot(label), partition.store.size);
      metrics.partitionOwner.set(metrics.partitionOwner.slot(label), 1);
      bytes += partition.store.bytes;
      epoch = Math.max(epoch, partition.epoch);
      const { hash, version } = partition.active.rulebook;
      metrics.rulebook.set(metrics.rulebook.slot(hash, version), 1);
    }
    for (const index of current.session.rests.broken().keys()) {
      metrics.partitionBroken.set(metrics.partitionBroken.slot(String(index)), 1);
    }
    metrics.profileBytes.set(metrics.profileBytes.slot(), bytes);
    countQuotaUnits(metrics, current.session.partitions, clock);
    metrics.epoch.set(metrics.epoch.slot(), epoch);
  });
}
