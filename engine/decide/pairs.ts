// Pairs of treatment and placement that may still win, collected in columns that are used again.
import { twice } from "../domain/drop-list.ts";

export interface Pairs {
  readonly clear: () => void;
  readonly isEmpty: () => boolean;
  readonly add: (treatment: number, placement: number) => void;
  /** Copies of both columns. */
  readonly take: () => { readonly treatments: Int32Array; readonly placements: Int32Array };
}

export function createPairs(): Pairs {
  let treatments = new Int32Array(64);
  let placements = new Int32Array(64);
  let end = 0;
  return {
    clear: () => {
      end = 0;
    },
    isEmpty: () => end === 0,
    add: (treatment, placement) => {
      if (end === treatments.length) {
        treatments = twice(treatments, Int32Array);
        placements = twice(placements, Int32Array);
      }
      treatments[end] = treatment;
      placements[end++] = placement;
    },
    take: () => ({ treatments: treatments.slice(0, end), placements: placements.slice(0, end) }),
  };
}
