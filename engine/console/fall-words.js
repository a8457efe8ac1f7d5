import { amount, dayAndTime, humane, percent, stretch } from "./words.js";

/** Why a candidate fell, in one sentence with the values that decided it; undefined where a rule that is false says it all. */
export function fallWords(fell) {
  const { because, stage, placement } = fell;
  const named = fell.policy === undefined ? "" : ` “${humane(fell.policy)}”`;
  const again = Number.isFinite(fell.reopensAt) ? `, again from ${dayAndTime(fell.reopensAt)}` : "";
  if (fell.rule !== undefined) return because === "rule-error" ? "The rule could not be computed" : undefined;
  if (fell.heldFor !== undefined) return `The last room under${named} is held for ${humane(fell.heldFor)}`;
  if (fell.counted !== undefined) {
    const of = fell.max === undefined ? "" : ` of ${fell.max}`;
    const over = fell.windowMs === undefined ? "" : ` ${stretch(fell.windowMs, fell.calendarDays)}`;
    return `Limit${named}: ${fell.counted}${of}${over}${again}`;
  }
  if (fell.needed !== undefined) return `Quota${named}: ${amount(fell.left)} left, ${amount(fell.needed)} needed`;
  if (fell.missing !== undefined) return `No value for ${fell.missing}`;
  if (fell.propensity !== undefined)
    return `Chance of a yes ${percent(fell.propensity)}, at least ${percent(fell.floor)} wanted`;
  if (fell.floor !== undefined)
    return `Priority ${amount(fell.priority)} in ${placement}, at least ${amount(fell.floor)} wanted`;
  if (fell.lostTo !== undefined) {
    const why = named === "" ? "" : ` (${humane(because).toLowerCase()}${named})`;
    return `Behind ${fell.lostTo} in ${placement}${why}, with priority ${amount(fell.priority)}`;
  }
  if (because === "no-treatment") return "Not made for this placement and channel";
  if (stage === "holdout") return `It won its place in ${placement} and was withheld`;
  return `${humane(because ?? stage)}${named}${again}`;
}
