import type { Instant } from "../domain/time.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { nowOf } from "./recover.ts";
import type { Session } from "./session.ts";

/** What runs here, or was activated last where this process holds nothing. */
export function activeOf({ partitions, latest }: Pick<Session, "partitions" | "latest">): ActiveRulebook {
  return partitions[0]?.active ?? latest.active;
}

/** The time of a partition that is held here: the clock, unless a replay drives it. */
export function timeHere({ partitions }: Pick<Session, "partitions">, clock: () => number): Instant {
  const [first] = partitions;
  return first === undefined ? (clock() as Instant) : nowOf(first, clock);
}
