// Which partitions an engine should have: an even share of them, moving no more than that needs.
import type { PartitionIndex } from "../domain/ids.ts";

/** A live engine as the register knows it. */
export interface Sharer {
  readonly id: string;
  /** When it joined: who came first has one more where they do not divide evenly. */
  readonly since: number;
  readonly owned: ReadonlySet<PartitionIndex>;
}

export interface Share {
  /** How many it should own. */
  readonly target: number;
  /** Those of which nobody says that he owns them, in the order in which this engine should try them; none where it has enough. */
  readonly take: readonly PartitionIndex[];
  /** How many it should give up, because others have fewer than theirs. */
  readonly give: number;
}

/** Pure. `self` need not be among the engines: then it has no share. The targets of all engines add up to `partitions`. */
export function shareOf(engines: readonly Sharer[], self: string, partitions: number): Share {
  const sorted = [...engines].sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
  const rank = sorted.findIndex(({ id }) => id === self);
  const own = sorted[rank];
  if (own === undefined) return { target: 0, take: [], give: 0 };
  const targetOf = (at: number): number =>
    Math.floor(partitions / sorted.length) + (at < partitions % sorted.length ? 1 : 0);
  const target = targetOf(rank);
  const missing = sorted.reduce((sum, { owned }, at) => sum + Math.max(0, targetOf(at) - owned.size), 0);
  if (own.owned.size >= target) return { target, take: [], give: Math.min(own.owned.size - target, missing) };
  const claimed = new Set(sorted.flatMap(({ owned }) => [...owned]));
  const free: PartitionIndex[] = [];
  for (let index = 0; index < partitions; index++) {
    if (!claimed.has(index as PartitionIndex)) free.push(index as PartitionIndex);
  }
  // Each engine begins elsewhere, so that two that miss some seldom try the same one.
  const start = Math.floor((free.length * rank) / sorted.length);
  return { target, take: [...free.slice(start), ...free.slice(0, start)], give: 0 };
}
