// The slots of one decision while they are filled: who is placed where, which actions are taken, why the others lost.
import type { Contact } from "../domain/contact.ts";
import type { Content, Priority } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex, PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import type { SlateLimit } from "../rulebook/policies.ts";
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
  /** By TreatmentIndex: the strongest of its losses, told where it found no slot in the end. */
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
}

/** Undoes the last `place` in these slots. */
export function unplace(board: Board, slots: Slots): void {
  const placed = slots.placed.pop() as Placed;
  board.free++;
  board.taken.delete(placed.treatment.action.index);
}

/**
 * Lost because its action has a slot already, because a slate limit lets no more of its set in, or because its placement has no
 * slot left; undefined where nothing is so. `limits`: those that name its action.
 */
export function outrun(
  board: Board,
  { treatment, action }: PreparedTreatment,
  slots: Slots,
  priority: number,
  limits: readonly SlateLimit[],
): Drop | undefined {
  const { index } = treatment;
  const placement = slots.placement.index;
  const lostTo = board.taken.get(action.index);
  if (lostTo !== undefined) {
    return { stage: "arbitration", treatment: index, placement, lostTo, priority, because: "same-action" };
  }
  for (const limit of limits) {
    const rival = rivalUnder(limit, board, slots, index);
    if (rival === undefined) continue;
    const policy = limit.index;
    return { stage: "arbitration", treatment: index, placement, lostTo: rival, priority, because: "excluded", policy };
  }
  if (slots.placed.length < slots.limit) return undefined;
  const last = slots.placed.at(-1) as Placed;
  return { stage: "slots", treatment: index, placement, lostTo: last.treatment.treatment.index, priority };
}

/** Where the limit is reached: the last placed of its set, `self` where it lets none in. */
function rivalUnder(
  { max, actions, per }: SlateLimit,
  board: Board,
  slots: Slots,
  self: TreatmentIndex,
): TreatmentIndex | undefined {
  let count = 0;
  let rival = self;
  for (const { placed } of per === "slate" ? [slots] : board.slots) {
    for (const { treatment } of placed) {
      if (!actions.has(treatment.action.index)) continue;
      count++;
      rival = treatment.treatment.index;
    }
  }
  return count >= max ? rival : undefined;
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

function holdsEverywhere(loss: Drop): boolean {
  return !("placement" in loss) || loss.stage === "content";
}
