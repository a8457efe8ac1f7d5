// Why candidates that had passed every test before the ranking have no slot, as columns by TreatmentIndex.

import type { Drop } from "../domain/drop.ts";
import { DROPPED } from "../domain/drop-list.ts";
import type { PlacementIndex, TreatmentIndex } from "../domain/ids.ts";

const NONE = 255;
/** Stands for the placement of what would hold in every placement. */
const EVERYWHERE = -1;

/**
 * Of the losses of one treatment, one that would hold in every placement tells more than one of a single placement; of
 * equals the one in the first placement is told.
 */
export class Losses {
  /** A code of DROPPED that has a number or is `other`; NONE where it has lost nothing. */
  readonly codes: Uint8Array;
  readonly placements: Int32Array;
  readonly rivals: Int32Array;
  readonly priorities: Float64Array;
  private readonly others = new Map<number, Drop>();

  constructor(treatments: number) {
    this.codes = new Uint8Array(treatments).fill(NONE);
    this.placements = new Int32Array(treatments);
    this.rivals = new Int32Array(treatments);
    this.priorities = new Float64Array(treatments);
  }

  has(treatment: number): boolean {
    return this.codes[treatment] !== NONE;
  }

  /** `code`: `slots` or `sameAction`. */
  lose(treatment: number, code: number, placement: number, rival: number, priority: number): void {
    if (!this.tellsMore(treatment, placement)) return;
    this.codes[treatment] = code;
    this.placements[treatment] = placement;
    this.rivals[treatment] = rival;
    this.priorities[treatment] = priority;
  }

  loseFor(treatment: TreatmentIndex, loss: Drop): void {
    const placement: PlacementIndex | typeof EVERYWHERE = placementOf(loss);
    if (!this.tellsMore(treatment, placement)) return;
    this.codes[treatment] = DROPPED.other;
    this.placements[treatment] = placement;
    this.others.set(treatment, loss);
  }

  /** Says this and nothing that was said before. */
  replace(treatment: TreatmentIndex, loss: Drop): void {
    this.clear(treatment);
    this.loseFor(treatment, loss);
  }

  otherOf(treatment: number): Drop {
    return this.others.get(treatment) as Drop;
  }

  clear(treatment: number): void {
    if (this.codes[treatment] === DROPPED.other) this.others.delete(treatment);
    this.codes[treatment] = NONE;
  }

  reset(): void {
    this.codes.fill(NONE);
    this.others.clear();
  }

  private tellsMore(treatment: number, placement: number): boolean {
    if (this.codes[treatment] === NONE) return true;
    const told = this.placements[treatment] as number;
    return told !== EVERYWHERE && (placement === EVERYWHERE || placement < told);
  }
}

function placementOf(loss: Drop): PlacementIndex | typeof EVERYWHERE {
  return "placement" in loss && loss.stage !== "content" ? loss.placement : EVERYWHERE;
}
