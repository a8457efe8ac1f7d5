// The slots of one decision while they are filled: who is placed where, which actions are taken, why the others lost.
import type { Contact } from "../domain/contact.ts";
import type { Content, Priority } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex, PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Placement } from "../rulebook/rulebook.ts";
import type { PreparedTreatment } from "./prepared.ts";

export interface Slots {
  readonly placement: Placement;
  readonly limit: number;
  readonly placed: Placed[];
}

export interface Placed {
  readonly treatment: PreparedTreatment;
  /** The live contact that it goes on showing; undefined: newly offered. */
  readonly kept: Contact | undefined;
  readonly factors: Priority;
  readonly content: Content;
}

export interface Board {
  readonly slots: readonly Slots[];
  readonly taken: Map<ActionIndex, TreatmentIndex>;
  /** By TreatmentIndex: the strongest of the losses of one that found no slot. */
  readonly losses: (Drop | undefined)[];
  free: number;
}

export function createBoard(
  asked: readonly { readonly placement: Placement; readonly limit: number }[],
  treatments: number,
): Board {
  const slots = asked.map(({ placement, limit }) => ({ placement, limit, placed: [] }));
  const free = asked.reduce((sum, { limit }) => sum + limit, 0);
  return { slots, taken: new Map(), losses: new Array(treatments).fill(undefined), free };
}

export function slotsOf(board: Board, placement: PlacementIndex): Slots {
  let at = 0;
  while (board.slots[at]?.placement.index !== placement) at++;
  return board.slots[at] as Slots;
}

export function place(board: Board, slots: Slots, placed: Placed): void {
  slots.placed.push(placed);
  board.free--;
  board.taken.set(placed.treatment.action.index, placed.treatment.treatment.index);
  board.losses[placed.treatment.treatment.index] = undefined;
}

/** Lost because its action has a slot already, or its placement none left; undefined where neither is so. */
export function outrun(
  board: Board,
  { treatment, action }: PreparedTreatment,
  slots: Slots,
  priority: number,
): Drop | undefined {
  const { index } = treatment;
  const placement = slots.placement.index;
  const lostTo = board.taken.get(action.index);
  if (lostTo !== undefined) {
    return { stage: "arbitration", treatment: index, placement, lostTo, priority, because: "same-action" };
  }
  if (slots.placed.length < slots.limit) return undefined;
  const last = slots.placed.at(-1) as Placed;
  return { stage: "slots", treatment: index, placement, lostTo: last.treatment.treatment.index, priority };
}

/**
 * Of the losses of one treatment, one that would hold in every placement tells more than one of this placement; of
 * equals the one in the first placement is told.
 */
export function lose(board: Board, treatment: TreatmentIndex, loss: Drop): void {
  const told = board.losses[treatment];
  if (told === undefined || tellsMore(loss, told)) board.losses[treatment] = loss;
}

function tellsMore(loss: Drop, told: Drop): boolean {
  if (holdsEverywhere(loss) || holdsEverywhere(told)) return !holdsEverywhere(told);
  return "placement" in loss && "placement" in told && loss.placement < told.placement;
}

function holdsEverywhere({ stage }: Drop): boolean {
  return stage === "content" || stage === "contact-limit";
}
