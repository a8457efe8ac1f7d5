// What became of the slots, as a decision: items and reservations, what the holdout withholds, and one drop for each loser.
import type { Contact } from "../domain/contact.ts";
import type { Decision, DecisionInput, Item, NoneReason, Slate } from "../domain/decision.ts";
import type { DropWriter } from "../domain/drop-list.ts";
import type { QuotaIndex } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import type { Placement, Rulebook } from "../rulebook/rulebook.ts";
import { allDrops } from "./all-drops.ts";
import type { Choice } from "./choice.ts";
import { renderReasons } from "./content.ts";
import { namesOfArms } from "./experiments.ts";
import { inHoldout } from "./holdout.ts";
import type { Prepared } from "./prepared.ts";
import { reserve } from "./reserve.ts";
import type { Board, Placed, Slots } from "./slots.ts";

interface Results {
  readonly slates: Slate[];
  readonly withheld: Slate[];
  readonly contacts: Contact[];
  /** By QuotaIndex. */
  readonly spent: Float64Array;
}

const NO_UNITS = new Float64Array(0);

/** `drops` is used again for each decision. */
export function conclude(prepared: Prepared, choice: Choice, drops: DropWriter, pressure: number): Decision {
  const { input, qualified, board } = choice;
  const { quotas } = prepared.rulebook;
  const isHeldOut =
    prepared.rulebook.holdout !== undefined && isAnyPlaced(board) && inHoldout(prepared.rulebook, input.profile.key);
  const results: Results = {
    slates: [],
    withheld: [],
    contacts: [],
    spent: quotas.length === 0 ? NO_UNITS : new Float64Array(quotas.length),
  };
  for (const slots of board.slots) share(prepared, choice, slots, isHeldOut, results);
  const { slates, withheld, contacts } = results;
  const isAct = slates.some(({ kind }) => kind === "act");
  const dropped = allDrops(prepared, choice, drops);
  const arms = namesOfArms(qualified.arms);
  const spent = spendings(results.spent);
  if (isAct) return { kind: "act", slates, withheld, dropped, contacts, arms, spent, pressure, heldUntil: undefined };
  const until = withheld.length > 0 ? undefined : heldUntil(prepared, input, qualified.quietUntil);
  const because = whyNone(slates);
  return { kind: "none", because, slates, withheld, dropped, contacts, arms, spent, pressure, heldUntil: until };
}

/** One slate: what is shown gets ranks of its own, what is withheld keeps those that it would have had. */
function share(prepared: Prepared, choice: Choice, slots: Slots, isHeldOut: boolean, results: Results): void {
  const { placement } = slots;
  const items: Item[] = [];
  const withheld: Item[] = [];
  for (let position = 0; position < slots.placed.length; position++) {
    const placed = slots.placed[position] as Placed;
    const { treatment, action } = placed.treatment;
    const isWithheld = isHeldOut && !action.exempt;
    const rank = (isWithheld ? position : items.length) + 1;
    const contact =
      placed.kept ?? reserve(choice.input, placed.treatment, placement, results.contacts.length, rank, isWithheld);
    if (placed.kept === undefined) {
      results.contacts.push(contact);
      if (!isWithheld) note(prepared, placed, results.spent);
    }
    (isWithheld ? withheld : items).push(itemOf(prepared.rulebook, choice, placed, contact, rank));
    // It won: whatever it lost elsewhere does not matter any more.
    const { priority } = placed.factors;
    const { losses } = choice.board;
    if (isWithheld) {
      losses.replace(treatment.index, {
        stage: "holdout",
        treatment: treatment.index,
        placement: placement.index,
        priority,
      });
    } else losses.clear(treatment.index);
  }
  const { index } = placement;
  if (withheld.length > 0) results.withheld.push({ placement: index, kind: "act", items: withheld });
  if (items.length > 0) results.slates.push({ placement: index, kind: "act", items });
  else {
    const because = withheld.length > 0 ? "holdout" : whyEmpty(choice, placement);
    results.slates.push({ placement: index, kind: "none", because, items });
  }
}

function itemOf(
  { rules }: Rulebook,
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
    reasons: renderReasons(treatment, locales, scope, rules, verdicts),
    expiresAt: contact.expiresAt,
  };
}

function note({ quotas }: Prepared, { treatment }: Placed, spent: Float64Array): void {
  for (const { quota, units } of quotas[treatment.treatment.index] ?? [])
    spent[quota] = (spent[quota] as number) + units;
}

function spendings(spent: Float64Array): Decision["spent"] {
  const found: { quota: QuotaIndex; units: number }[] = [];
  if (spent.length === 0) return found;
  spent.forEach((units, quota) => {
    if (units > 0) found.push({ quota: quota as QuotaIndex, units });
  });
  return found;
}

function whyEmpty({ qualified }: Choice, { index }: Placement): NoneReason {
  return qualified.plan.isServed[index] === 1 ? "all-dropped" : "no-treatment";
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

function isAnyPlaced({ slots }: Board): boolean {
  return slots.some(({ placed }) => placed.length > 0);
}
