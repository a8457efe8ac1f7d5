// What became of the slots, as a decision: items and reservations, what the holdout withholds, and one drop for each loser.
import type { Contact } from "../domain/contact.ts";
import type { Decision, DecisionInput, Item, NoneReason, Slate } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex, PlacementIndex, QuotaIndex } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import type { Placement } from "../rulebook/rulebook.ts";
import type { Choice } from "./choice.ts";
import { renderReasons } from "./content.ts";
import { namesOfArms } from "./experiments.ts";
import { inHoldout } from "./holdout.ts";
import type { Prepared } from "./prepared.ts";
import { reserve } from "./reserve.ts";
import type { Placed, Slots } from "./slots.ts";

interface Results {
  readonly slates: Slate[];
  readonly withheld: Slate[];
  readonly contacts: Contact[];
  /** By QuotaIndex. */
  readonly spent: Float64Array;
}

/** `early`: what fell before the ranking, in canonical order. */
export function conclude(prepared: Prepared, choice: Choice, early: readonly Drop[], pressure: number): Decision {
  const { input, qualified, board, fallen } = choice;
  const isHeldOut = board.taken.size > 0 && inHoldout(prepared.rulebook, input.profile.key);
  const results: Results = {
    slates: [],
    withheld: [],
    contacts: [],
    spent: new Float64Array(prepared.rulebook.quotas.length),
  };
  for (const slots of board.slots) share(prepared, choice, slots, isHeldOut, results);
  const { slates, withheld, contacts, spent } = results;
  const isAct = slates.some(({ kind }) => kind === "act");
  const decided = {
    slates,
    withheld,
    dropped: allDrops(prepared, early, board.losses, fallen),
    contacts,
    arms: namesOfArms(qualified.arms),
    spent: spendings(spent),
    pressure,
    heldUntil: isAct || withheld.length > 0 ? undefined : heldUntil(prepared, input, qualified.quietUntil),
  };
  return isAct ? { kind: "act", ...decided } : { kind: "none", because: whyNone(slates), ...decided };
}

/** One slate: what is shown gets ranks of its own, what is withheld keeps those that it would have had. */
function share(prepared: Prepared, choice: Choice, slots: Slots, isHeldOut: boolean, results: Results): void {
  const { placement } = slots;
  const items: Item[] = [];
  const withheld: Item[] = [];
  for (const [position, placed] of slots.placed.entries()) {
    const { treatment, action } = placed.treatment;
    const isWithheld = isHeldOut && !action.exempt;
    const rank = (isWithheld ? position : items.length) + 1;
    const contact =
      placed.kept ?? reserve(choice.input, placed.treatment, placement, results.contacts.length, rank, isWithheld);
    if (placed.kept === undefined) {
      results.contacts.push(contact);
      if (!isWithheld) note(prepared, placed, results.spent);
    }
    (isWithheld ? withheld : items).push(itemOf(choice, placed, contact, rank));
    // It won: whatever it lost elsewhere does not matter any more.
    const { priority } = placed.factors;
    choice.board.losses[treatment.index] = isWithheld
      ? { stage: "holdout", treatment: treatment.index, placement: placement.index, priority }
      : undefined;
  }
  const { index } = placement;
  if (withheld.length > 0) results.withheld.push({ placement: index, kind: "act", items: withheld });
  if (items.length > 0) results.slates.push({ placement: index, kind: "act", items });
  else {
    const because = withheld.length > 0 ? "holdout" : whyEmpty(prepared, placement, choice.input);
    results.slates.push({ placement: index, kind: "none", because, items });
  }
}

function itemOf(
  { locales, scope, verdicts }: Choice,
  { treatment, kept, factors, content }: Placed,
  contact: Contact,
  rank: number,
): Item {
  return {
    action: treatment.action.index,
    treatment: treatment.treatment.index,
    rank,
    trackingCode: contact.trackingCode,
    kept: kept !== undefined,
    factors,
    content,
    reasons: renderReasons(treatment, locales, scope, verdicts),
    expiresAt: contact.expiresAt,
  };
}

function note({ quotas }: Prepared, { treatment }: Placed, spent: Float64Array): void {
  for (const { quota, units } of quotas[treatment.treatment.index] ?? [])
    spent[quota] = (spent[quota] as number) + units;
}

function spendings(spent: Float64Array): Decision["spent"] {
  const found: { quota: QuotaIndex; units: number }[] = [];
  spent.forEach((units, quota) => {
    if (units > 0) found.push({ quota: quota as QuotaIndex, units });
  });
  return found;
}

function whyEmpty(prepared: Prepared, { index }: Placement, { request }: DecisionInput): NoneReason {
  const fits = prepared.treatments.some(
    ({ channel, placements }) =>
      placements.includes(index as PlacementIndex) &&
      (request.channel === undefined || request.channel === channel.index),
  );
  return fits ? "all-dropped" : "no-treatment";
}

function whyNone(slates: readonly Slate[]): NoneReason {
  if (slates.some(({ because }) => because === "holdout")) return "holdout";
  return slates.every(({ because }) => because === "no-treatment") ? "no-treatment" : "all-dropped";
}

/** Only what asked by itself can be decided again, and only where its author gave it time. */
function heldUntil({ holdForMs }: Prepared, { request }: DecisionInput, quietUntil: Instant): Instant | undefined {
  if (request.direction !== "outbound" || request.trigger === undefined || quietUntil === NEVER) return undefined;
  return (holdForMs.get(request.trigger) ?? 0) > 0 ? quietUntil : undefined;
}

/**
 * One for each action that fell as a whole, else one for each of its treatments, in canonical order: `early` has that
 * order already, and a treatment is either there or among the losses.
 */
function allDrops(
  prepared: Prepared,
  early: readonly Drop[],
  losses: readonly (Drop | undefined)[],
  fallen: ReadonlyMap<ActionIndex, Drop>,
): readonly Drop[] {
  const dropped: Drop[] = [];
  let next = 0;
  for (const { action, treatments } of prepared.actions) {
    const fell = fallen.get(action.index);
    if (fell !== undefined) dropped.push(fell);
    const first = early[next];
    if (first !== undefined && "action" in first && first.action === action.index) {
      dropped.push(first);
      next++;
      continue;
    }
    for (const { treatment } of treatments) {
      const drop = early[next];
      const isNext = drop !== undefined && "treatment" in drop && drop.treatment === treatment.index;
      if (isNext) next++;
      const loss = isNext ? drop : losses[treatment.index];
      if (loss !== undefined && fell === undefined) dropped.push(loss);
    }
  }
  return dropped;
}
