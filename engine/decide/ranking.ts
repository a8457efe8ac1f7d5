// The order in which candidates are tried.
import type { PlacementIndex, TreatmentIndex } from "../domain/ids.ts";

export interface Ranked {
  readonly treatment: TreatmentIndex;
  readonly placement: PlacementIndex;
  readonly priority: number;
}

/**
 * A binary heap over (priority descending, treatment ascending, placement ascending). Only the few that fill the slots
 * have to come out in order, so nothing sorts the rest. Used again for the next customer: `clear` starts over.
 */
export interface Ranking {
  readonly clear: () => void;
  readonly add: (treatment: number, placement: number, priority: number) => void;
  /** The first of those left; undefined where none is. Adding after taking is not allowed. */
  readonly take: () => Ranked | undefined;
  /** Those left, in no order. */
  readonly rest: (visit: (treatment: TreatmentIndex, placement: PlacementIndex, priority: number) => void) => void;
}

export function createRanking(): Ranking {
  let treatments = new Int32Array(64);
  let placements = new Int32Array(64);
  let priorities = new Float64Array(64);
  /** Positions in the columns; `size` of them are in the heap. */
  let heap = new Int32Array(64);
  let end = 0;
  let size = 0;
  let isOrdered = false;

  function clear(): void {
    end = 0;
    size = 0;
    isOrdered = false;
  }

  function add(treatment: number, placement: number, priority: number): void {
    if (end === heap.length) {
      treatments = twice(treatments, Int32Array);
      placements = twice(placements, Int32Array);
      priorities = twice(priorities, Float64Array);
      heap = twice(heap, Int32Array);
    }
    treatments[end] = treatment;
    placements[end] = placement;
    priorities[end] = priority;
    heap[size++] = end++;
  }

  function take(): Ranked | undefined {
    if (size === 0) return undefined;
    if (!isOrdered) {
      for (let at = (size >> 1) - 1; at >= 0; at--) sink(at);
      isOrdered = true;
    }
    const first = heap[0] as number;
    size--;
    if (size > 0) {
      heap[0] = heap[size] as number;
      sink(0);
    }
    return {
      treatment: treatments[first] as TreatmentIndex,
      placement: placements[first] as PlacementIndex,
      priority: priorities[first] as number,
    };
  }

  function rest(visit: (treatment: TreatmentIndex, placement: PlacementIndex, priority: number) => void): void {
    for (let at = 0; at < size; at++) {
      const entry = heap[at] as number;
      visit(treatments[entry] as TreatmentIndex, placements[entry] as PlacementIndex, priorities[entry] as number);
    }
  }

  function sink(from: number): void {
    const entry = heap[from] as number;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1] as number, heap[child] as number)) child++;
      if (!before(heap[child] as number, entry)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = entry;
  }

  function before(a: number, b: number): boolean {
    const byPriority = (priorities[a] as number) - (priorities[b] as number);
    if (byPriority !== 0) return byPriority > 0;
    const byTreatment = (treatments[a] as number) - (treatments[b] as number);
    return byTreatment !== 0 ? byTreatment < 0 : (placements[a] as number) < (placements[b] as number);
  }

  return { clear, add, take, rest };
}

/** Grown to twice its length, with what it held. */
function twice<T extends Int32Array | Float64Array>(full: T, kind: new (length: number) => T): T {
  const grown = new kind(full.length * 2);
  grown.set(full as never);
  return grown;
}
