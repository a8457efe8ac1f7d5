// Actions that are offered side by side or not at all: who belongs together, and what the others are told where one is missing.
import type { Contact } from "../domain/contact.ts";
import type { Drop } from "../domain/drop.ts";
import type { PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Bundle } from "../rulebook/policies.ts";
import type { Prepared, PreparedTreatment } from "./prepared.ts";
import type { Placed, Slots } from "./slots.ts";
import type { KeptContact } from "./sticky.ts";

/** A candidate in one placement. */
export interface Entry {
  readonly treatment: PreparedTreatment;
  readonly placement: PlacementIndex;
  readonly priority: number;
  /** The live contact that it goes on showing; undefined: newly offered. */
  readonly kept: Contact | undefined;
}

/** Does it wait for the lead of a bundle, rather than compete? */
export function isFollower(prepared: Prepared, { action }: PreparedTreatment): boolean {
  const bundle = prepared.actions[action.index]?.bundle;
  return bundle !== undefined && bundle.actions[0] !== action.index;
}

/**
 * For each action of the bundle the entries that could stand beside the lead: in its placement and on its channel, best first.
 * One without any means that the bundle is not whole.
 */
export function partsOf(bundle: Bundle, lead: Entry, followers: readonly Entry[]): readonly (readonly Entry[])[] {
  const [, ...others] = bundle.actions;
  const beside = others.map((action) =>
    followers
      .filter(
        ({ treatment, placement }) =>
          treatment.action.index === action &&
          placement === lead.placement &&
          treatment.channel.index === lead.treatment.channel.index,
      )
      .sort((a, b) => b.priority - a.priority || a.treatment.treatment.index - b.treatment.treatment.index),
  );
  return [[lead], ...beside];
}

export interface Party {
  readonly placement: PlacementIndex;
  readonly bundle: Bundle | undefined;
  readonly members: KeptContact[];
}

/** What is kept, with what belongs together in one place; in the order of the first of each. */
export function keptParties(prepared: Prepared, kept: readonly KeptContact[]): readonly Party[] {
  const parties: Party[] = [];
  for (const entry of kept) {
    const bundle = prepared.actions[entry.treatment.action.index]?.bundle;
    const { placement } = entry;
    const known =
      bundle === undefined
        ? undefined
        : parties.find((party) => party.bundle === bundle && party.placement === placement);
    if (known === undefined) parties.push({ placement, bundle, members: [entry] });
    else known.members.push(entry);
  }
  return parties;
}

/** Is there one of each action of its bundle? */
export function isWhole({ bundle, members }: Party): boolean {
  return (
    bundle === undefined ||
    bundle.actions.every((action) => members.some(({ treatment }) => treatment.action.index === action))
  );
}

/** Fewer slots are free than the bundle needs: it lost to the last one placed; in a slate that it can never fit, to nobody. */
export function lacksRoom(bundle: Bundle, lead: Entry, slots: Slots): Drop | undefined {
  if (slots.limit - slots.placed.length >= bundle.actions.length) return undefined;
  if (slots.limit < bundle.actions.length) return incomplete(bundle, lead, slots);
  const { treatment, placement, priority } = lead;
  const lostTo = (slots.placed.at(-1) as Placed).treatment.treatment.index;
  return { stage: "slots", treatment: treatment.treatment.index, placement, lostTo, priority };
}

/** `lostTo`: the one that was missing; itself where it is none of the candidates. */
export function incomplete(
  bundle: Bundle,
  { treatment, priority }: Pick<Entry, "treatment" | "priority">,
  slots: Slots,
  lostTo: TreatmentIndex = treatment.treatment.index,
): Drop {
  return {
    stage: "arbitration",
    treatment: treatment.treatment.index,
    placement: slots.placement.index,
    lostTo,
    priority,
    because: "bundle-incomplete",
    policy: bundle.index,
  };
}
