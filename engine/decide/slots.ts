// The slots of one decision while they are filled: who is placed where, which actions are taken, why the others lost.
import type { Contact } from "../domain/contact.ts";
import type { Content, Drop, Priority } from "../domain/decision.ts";
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
  /** One for each treatment that found no slot: the strongest of its losses. */
  readonly losses: Map<TreatmentIndex, Drop>;
  free: number;
}

export function createBoard(asked: readonly { readonly placement: Placement; readonly limit: number }[]): Board {
  const slots = asked.map(({ placement, limit }) => ({ placement, limit, placed: [] }));
  const free = asked.reduce((sum, { limit }) => sum + limit, 0);
  return { slots, taken: new Map(), losses: new Map(), free };
}

export function slotsOf(board: Board, placement: PlacementIndex): Slots {
  return board.slots.find((slots) => slots.placement.index === placement) as Slots;
}

export function place(board: Board, slots: Slots, placed: Placed): void {
  slots.placed.push(placed);
  board.free--;
  board.taken.set(placed.treatment.action.index, placed.treatment.treatment.index);
  board.losses.delete(placed.treatment.treatment.index);
}

/** Lost because its action has a slot already, or its placement none left; undefined where neither is so. */
export function outrun(
  board: Board,
  { treatment, action }: PreparedTreatment,
  slots: Slots,
  priority: number,
): Drop | undefined {
  const at = { treatment: treatment.index, placement: slots.placement.index, priority };
  const winner = board.taken.get(action.index);
  if (winner !== undefined) return { stage: "arbitration", ...at, lostTo: winner, because: "same-action" };
  if (slots.placed.length < slots.limit) return undefined;
  const last = slots.placed.at(-1) as Placed;
  return { stage: "slots", ...at, lostTo: last.treatment.treatment.index };
}

/**
 * Of the losses of one treatment, one that would hold in every placement tells more than one of this placement; of
 * equals the one in the first placement is told.
 */
export function lose(board: Board, treatment: TreatmentIndex, loss: Drop): void {
  const told = board.losses.get(treatment);
  if (told === undefined || tellsMore(loss, told)) board.losses.set(treatment, loss);
}

function tellsMore(loss: Drop, told: Drop): boolean {
  if (holdsEverywhere(loss) || holdsEverywhere(told)) return !holdsEverywhere(told);
  return "placement" in loss && "placement" in told && loss.placement < told.placement;
}

function holdsEverywhere({ stage }: Drop): boolean {
  return stage === "content" || stage === "contact-limit";
}
