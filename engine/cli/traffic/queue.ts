/** Binary heap of what is due, earliest first; what is due at the same time comes in the order of adding. */
export interface DueQueue<T> {
  readonly add: (at: number, item: T) => void;
  /** The earliest, if it is due at `now` or before. */
  readonly take: (now: number) => { readonly at: number; readonly item: T } | undefined;
  readonly size: () => number;
}

interface Entry<T> {
  readonly at: number;
  readonly order: number;
  readonly item: T;
}

export function createDueQueue<T>(): DueQueue<T> {
  const heap: Entry<T>[] = [];
  let order = 0;
  return {
    add: (at, item) => {
      heap.push({ at, order: order++, item });
      rise(heap);
    },
    take: (now) => {
      const first = heap[0];
      if (first === undefined || first.at > now) return undefined;
      const last = heap.pop() as Entry<T>;
      if (heap.length > 0) {
        heap[0] = last;
        sink(heap);
      }
      return first;
    },
    size: () => heap.length,
  };
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function rise<T>(heap: Entry<T>[]): void {
  let at = heap.length - 1;
  const entry = heap[at] as Entry<T>;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(entry, heap[parent] as Entry<T>)) break;
    heap[at] = heap[parent] as Entry<T>;
    at = parent;
  }
  heap[at] = entry;
}

function sink<T>(heap: Entry<T>[]): void {
  const entry = heap[0] as Entry<T>;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry<T>, heap[child] as Entry<T>)) child++;
    if (!isBefore(heap[child] as Entry<T>, entry)) break;
    heap[at] = heap[child] as Entry<T>;
    at = child;
  }
  heap[at] = entry;
}
