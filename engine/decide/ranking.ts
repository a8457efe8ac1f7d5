// The order in which candidates are tried.

/** Stands for "none is left", and for the priority of what does not wait. */
export const NONE = -1;

/** Few are taken of many: the next best is looked for among all, so often; then a heap is worth its making. */
const SCANS_MAX = 8;

/**
 * Pairs of treatment and placement by (priority descending, treatment ascending, placement ascending); a pair is known by its
 * position in the columns. Used again for the next customer: `open` starts over.
 */
export class Ranking {
  /** By position: the priority of what waits, else NONE. */
  priorities = new Float64Array(64);
  /** Of the pair that was taken last. */
  priority = 0;
  /** How many wait. */
  waiting = 0;
  private treatments: Int32Array = new Int32Array(0);
  private placements: Int32Array = new Int32Array(0);
  private scans = 0;
  /** Positions; all that wait, from when the scans are over. */
  private heap = new Int32Array(0);

  /** Nothing waits. */
  open(treatments: Int32Array, placements: Int32Array): void {
    const { length } = treatments;
    if (this.priorities.length < length) this.priorities = new Float64Array(2 * length);
    this.priorities.fill(NONE, 0, length);
    this.treatments = treatments;
    this.placements = placements;
    this.waiting = 0;
    this.scans = 0;
  }

  /** `priority` >= 0. Not after anything was taken. */
  add(at: number, priority: number): void {
    this.priorities[at] = priority;
    this.waiting++;
  }

  /** The first of those that wait; it does no longer. */
  take(): number {
    if (this.waiting === 0) return NONE;
    const at = this.scans < SCANS_MAX ? this.first() : this.top();
    this.priority = this.priorities[at] as number;
    this.priorities[at] = NONE;
    this.waiting--;
    return at;
  }

  private first(): number {
    this.scans++;
    const { priorities } = this;
    const { length } = this.treatments;
    let best = NONE;
    let most: number = NONE;
    for (let at = 0; at < length; at++) {
      const priority = priorities[at] as number;
      if (priority < most || (priority === most && !this.isBefore(at, best))) continue;
      best = at;
      most = priority;
    }
    return best;
  }

  private top(): number {
    if (this.scans === SCANS_MAX) this.heapify();
    const { heap, waiting } = this;
    const first = heap[0] as number;
    heap[0] = heap[waiting - 1] as number;
    this.sink(0, waiting - 1);
    return first;
  }

  private heapify(): void {
    this.scans++;
    const { priorities, waiting } = this;
    if (this.heap.length < waiting) this.heap = new Int32Array(2 * waiting);
    let size = 0;
    for (let at = 0; size < waiting; at++) if (priorities[at] !== NONE) this.heap[size++] = at;
    for (let at = (size >> 1) - 1; at >= 0; at--) this.sink(at, size);
  }

  private sink(from: number, size: number): void {
    const { heap } = this;
    const entry = heap[from] as number;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.isBefore(heap[child] as number, entry)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = entry;
  }

  private isBefore(a: number, b: number): boolean {
    if (b === NONE) return false;
    const byPriority = (this.priorities[a] as number) - (this.priorities[b] as number);
    if (byPriority !== 0) return byPriority > 0;
    const byTreatment = (this.treatments[a] as number) - (this.treatments[b] as number);
    return byTreatment !== 0 ? byTreatment < 0 : (this.placements[a] as number) < (this.placements[b] as number);
  }
}
