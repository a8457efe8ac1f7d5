// The slots of one decision while they are filled: who is placed where, which actions are taken, why the others lost.
import type { Contact } from "../domain/contact.ts";
import type { Content, Priority } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex, PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import type { SlateLimit } from "../rulebook/policies.ts";
import type { Placement, Rulebook } from "../rulebook/rulebook.ts";
import { Losses } from "./losses.ts";
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

/** Used again for the next decision: `openBoard` starts over, `closeBoard` forgets what was placed. */
export interface Board {
  readonly losses: Losses;
  slots: readonly Slots[];
  /** By ActionIndex: the treatment that was placed; NOBODY where none was. */
  readonly taken: Int32Array;
  /** By PlacementIndex. */
  readonly slotsAt: (Slots | undefined)[];
  free: number;
}

export const NOBODY = -1;

export function createBoard({ actions, treatments, placements }: Rulebook): Board {
  return {
    losses: new Losses(treatments.length),
    slots: [],
    taken: new Int32Array(actions.length).fill(NOBODY),
    slotsAt: new Array(placements.length).fill(undefined),
    free: 0,
  };
}

export function openBoard(
  board: Board,
  asked: readonly { readonly placement: Placement; readonly limit: number }[],
): void {
  const slots: Slots[] = [];
  board.free = 0;
  for (const { placement, limit } of asked) {
    const own: Slots = { placement, limit, placed: [] };
    slots.push(own);
    board.slotsAt[placement.index] = own;
    board.free += limit;
  }
  board.slots = slots;
}

export function closeBoard(board: Board): void {
  for (const { placement, placed } of board.slots) {
    board.slotsAt[placement.index] = undefined;
    for (const { treatment } of placed) board.taken[treatment.action.index] = NOBODY;
  }
}

/** What stands for the action; undefined where nothing does. */
export function takenBy(board: Board, action: ActionIndex): TreatmentIndex | undefined {
  const found = board.taken[action] as number;
  return found === NOBODY ? undefined : (found as TreatmentIndex);
}

export function slotsOf(board: Board, placement: PlacementIndex): Slots {
  return board.slotsAt[placement] as Slots;
}

/** The treatment placed last; of slots that are full. */
export function lastOf({ placed }: Slots): TreatmentIndex {
  return (placed.at(-1) as Placed).treatment.treatment.index;
}

export function place(board: Board, slots: Slots, placed: Placed): void {
  slots.placed.push(placed);
  board.free--;
  board.taken[placed.treatment.action.index] = placed.treatment.treatment.index;
}

/** Undoes the last `place` in these slots. */
export function unplace(board: Board, slots: Slots): void {
  const placed = slots.placed.pop() as Placed;
  board.free++;
  board.taken[placed.treatment.action.index] = NOBODY;
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
  const lostTo = takenBy(board, action.index);
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

export function lose(board: Board, treatment: TreatmentIndex, loss: Drop): void {
  board.losses.loseFor(treatment, loss);
}
