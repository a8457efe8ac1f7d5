// Putting candidates into slots: the last tests, which depend on what this decision has placed already, and bundles, which are
// placed as a whole or not at all.
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex } from "../domain/ids.ts";
import type { Bundle } from "../rulebook/policies.ts";
import { type Entry, incomplete, lacksRoom, partsOf } from "./bundles.ts";
import type { Choice } from "./choice.ts";
import type { Ledger } from "./contact-limits.ts";
import { renderContent } from "./content.ts";
import { heldRoom } from "./held-room.ts";
import type { Prepared, PreparedAction, PreparedTreatment } from "./prepared.ts";
import type { Purse } from "./quotas.ts";
import type { Scales } from "./scales.ts";
import { lose, outrun, place, type Slots, slotsOf, takenBy, unplace } from "./slots.ts";

type Parts = readonly (readonly Entry[])[];

export interface Placing {
  /** Offers it, with all of its bundle where it leads one; notes why not. */
  readonly offer: (entry: Entry, choice: Choice) => void;
  /** Of each part the first entry that can be placed; where a part has none, nothing is placed. Of one part without a bundle. */
  readonly placeAll: (parts: Parts, slots: Slots, bundle: Bundle | undefined, choice: Choice) => void;
  /** Why a candidate cannot have a slot any more, whatever else it would pass. */
  readonly beaten: (entry: Entry, choice: Choice) => Drop | undefined;
}

/** `ledger`, `purse` and `scales` are open for the decision of the choice. */
export function createPlacing(prepared: Prepared, ledger: Ledger, purse: Purse, scales: Scales): Placing {
  function offer(entry: Entry, choice: Choice): void {
    const { board, followers } = choice;
    const { treatment, placement } = entry;
    const { bundle } = prepared.actions[treatment.action.index] as PreparedAction;
    const slots = slotsOf(board, placement);
    if (bundle === undefined) {
      const loss = tryPlace(entry, slots, choice);
      if (loss !== undefined) lose(board, treatment.treatment.index, loss);
      return;
    }
    const loss = beaten(entry, choice) ?? lacksRoom(bundle, entry, slots);
    if (loss !== undefined) lose(board, treatment.treatment.index, loss);
    else placeAll(partsOf(bundle, entry, followers), slots, bundle, choice);
  }

  function placeAll(parts: Parts, slots: Slots, bundle: Bundle | undefined, choice: Choice): void {
    const { board } = choice;
    const placed: Entry[] = [];
    for (const part of parts) {
      const found = part.find((entry) => {
        const loss = tryPlace(entry, slots, choice);
        if (loss !== undefined) lose(board, entry.treatment.treatment.index, loss);
        return loss === undefined;
      });
      if (found !== undefined) {
        placed.push(found);
        continue;
      }
      for (const entry of placed.reverse()) takeBack(entry, slots, choice);
      if (bundle !== undefined) breakUp(bundle, parts, part, slots, choice);
      return;
    }
  }

  /** All but the missing part itself, which has reasons of its own. */
  function breakUp(bundle: Bundle, parts: Parts, missing: readonly Entry[], slots: Slots, { board }: Choice): void {
    const lostTo = missing.at(-1)?.treatment.treatment.index;
    for (const part of parts) {
      if (part === missing) continue;
      for (const entry of part) lose(board, entry.treatment.treatment.index, incomplete(bundle, entry, slots, lostTo));
    }
  }

  /** Places it, and counts it where it is new; else says why it cannot be. */
  function tryPlace(entry: Entry, slots: Slots, choice: Choice): Drop | undefined {
    const { treatment, priority, kept } = entry;
    const { index } = treatment.treatment;
    const loss = beaten(entry, choice);
    if (loss !== undefined) return loss;
    if (Number.isNaN(priority)) return unranked(treatment, slots, "rule-error", priority);
    if (kept === undefined) {
      const refusal = ledger.refusal(index) ?? heldAgainst(treatment, choice);
      if (refusal !== undefined) return { stage: "contact-limit", treatment: index, ...refusal };
      const shortage = purse.shortage(index);
      if (shortage !== undefined) return { stage: "quota", treatment: index, ...shortage };
    }
    const rendered = renderContent(treatment, choice.locales, choice.scope);
    if (rendered.kind === "missing") {
      const placement = slots.placement.index;
      return { stage: "content", treatment: index, placement, missing: rendered.read, priority };
    }
    place(choice.board, slots, { treatment, kept, factors: scales.factorsOf(treatment), content: rendered.content });
    if (kept === undefined) {
      ledger.add(index);
      purse.spend(index);
    }
    return undefined;
  }

  function heldAgainst(treatment: PreparedTreatment, { input, qualified, verdicts, board }: Choice) {
    if (qualified.due.length === 0) return undefined;
    const isTaken = (action: ActionIndex) => takenBy(board, action) !== undefined;
    return heldRoom(prepared, ledger, qualified.due, treatment, input, verdicts, scales.worth, isTaken);
  }

  function takeBack({ treatment, kept }: Entry, slots: Slots, { board }: Choice): void {
    const { index } = treatment.treatment;
    unplace(board, slots);
    if (kept !== undefined) return;
    ledger.undo();
    purse.takeBack(index);
  }

  function beaten({ treatment, placement, priority }: Entry, { board }: Choice): Drop | undefined {
    const { slateLimits } = prepared.actions[treatment.action.index] as PreparedAction;
    return outrun(board, treatment, slotsOf(board, placement), priority, slateLimits);
  }

  return { offer, placeAll, beaten };
}

/** It lost to nobody: its priority cannot be computed, or is too small. */
export function unranked(
  { treatment }: PreparedTreatment,
  { placement }: Slots,
  because: "rule-error" | "below-minimum",
  priority: number,
): Drop {
  const { index } = treatment;
  return { stage: "arbitration", treatment: index, placement: placement.index, lostTo: index, priority, because };
}
