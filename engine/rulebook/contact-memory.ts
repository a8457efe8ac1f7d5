import { CONTACT_MEMORY_MAX_MS } from "./compile-policy.ts";
import type { Rulebook } from "./rulebook.ts";

/** After so many half-lives a sixteenth is left: what is forgotten then moves no decision. */
const HALF_LIVES = 4;

/** Milliseconds for which a contact can matter to anything that looks at past contacts. */
export function contactMemory({
  contactLimits,
  coolDowns,
  related,
  boosts,
  fatigue,
}: Pick<Rulebook, "contactLimits" | "coolDowns" | "related" | "boosts" | "fatigue">): number {
  const fading = (halfLifeMs: number): number => Math.min(HALF_LIVES * halfLifeMs, CONTACT_MEMORY_MAX_MS);
  return Math.max(
    0,
    ...contactLimits.map((limit) => limit.windowMs),
    ...coolDowns.map((coolDown) => coolDown.forMs + (coolDown.withinMs ?? 0)),
    ...related.map((suppression) => suppression.forMs),
    ...boosts.map((boost) => fading(boost.halfLifeMs)),
    ...(fatigue === undefined ? [] : [fading(fatigue.halfLifeMs)]),
  );
}
