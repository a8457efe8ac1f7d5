// What is used and left of each quota: over all partitions for whoever asks, of this process for its metrics.
import type { Instant } from "../domain/time.ts";
import type { QuotaUse } from "../engine.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Quota } from "../rulebook/policies.ts";
import type { Partition } from "./partition.ts";
import { activeOf, timeHere } from "./present.ts";
import type { QuotaExchange } from "./quota-exchange.ts";
import { decisionUnits, leftOn, limitOf, lineOf } from "./quota-ledger.ts";
import type { Session } from "./session.ts";

/** Of the active rulebook's quotas, now. What partitions of other processes spent is as of their last exchange. */
export async function quotaUse(session: Session, clock: () => number): Promise<readonly QuotaUse[]> {
  const { partitions, quotas } = session;
  const now = timeHere(session, clock);
  return await Promise.all(
    activeOf(session).rulebook.quotas.map(async (quota): Promise<QuotaUse> => {
      const line = lineOf(quota, now);
      const standing = await quotas.read(line);
      const spent = new Map(standing.partitions.map(({ partition, spent: told }) => [partition, told]));
      for (const { index, quotas: ledger } of partitions) spent.set(index, ledger.get(line)?.spent ?? 0);
      const { id, unit, per, max } = quota;
      return {
        id,
        unit,
        per,
        period: line.slice(line.lastIndexOf("/") + 1),
        max,
        open: decisionUnits(quota, limitOf(quota, now)),
        granted: decisionUnits(quota, standing.sum),
        spent: decisionUnits(
          quota,
          [...spent.values()].reduce((sum, units) => sum + units, 0),
        ),
      };
    }),
  );
}

/** By QuotaIndex: what a decision of this partition could spend now, of what it holds and what it would be granted. */
export async function obtainable(
  quotas: Pick<QuotaExchange, "read">,
  partition: Partition,
  now: Instant,
): Promise<Float64Array> {
  const declared = partition.active.rulebook.quotas;
  const view = new Float64Array(declared.length);
  for (const quota of declared) {
    const line = lineOf(quota, now);
    const { sum } = await quotas.read(line);
    const free = Math.max(0, limitOf(quota, now) - sum);
    view[quota.index] = decisionUnits(quota, leftOn(partition.quotas, line) + free);
  }
  return view;
}

/** Sets nba_quota_units for the partitions of this process. */
export function countQuotaUnits(metrics: Metrics, partitions: readonly Partition[], clock: () => number): void {
  metrics.quotaUnits.clear();
  const sums = new Map<string, { granted: number; spent: number }>();
  for (const { active, quotas: ledger, lastNow, skewMs } of partitions) {
    const now = Math.max(clock() + skewMs, lastNow) as Instant;
    for (const quota of active.rulebook.quotas) {
      const held = ledger.get(lineOf(quota, now));
      const sum = sums.get(quota.id) ?? { granted: 0, spent: 0 };
      sums.set(quota.id, sum);
      sum.granted += unitsOf(quota, held?.granted);
      sum.spent += unitsOf(quota, held?.spent);
    }
  }
  for (const [quota, { granted, spent }] of sums) {
    metrics.quotaUnits.set(metrics.quotaUnits.slot(quota, "granted"), granted);
    metrics.quotaUnits.set(metrics.quotaUnits.slot(quota, "spent"), spent);
  }
}

function unitsOf(quota: Quota, whole: number | undefined): number {
  return decisionUnits(quota, whole ?? 0);
}
