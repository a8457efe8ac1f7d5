// Who is due when, in the order in which Redis would tell it: by time, then by key.
import type { CustomerKey } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";

export interface Due {
  readonly key: CustomerKey;
  readonly due: Instant;
}

/** One timer for each customer: arming it again moves it. */
export interface TimerQueue {
  /** NEVER: known, and nothing is due. */
  readonly arm: (key: CustomerKey, due: Instant) => void;
  /** NEVER: known, and nothing is due; undefined: never armed. */
  readonly armedFor: (key: CustomerKey) => Instant | undefined;
  /** The earliest; undefined where nothing is armed. */
  readonly first: () => Due | undefined;
  /** Those due at `now`, earliest first, at most `countMax`. They stay armed. */
  readonly due: (now: Instant, countMax: number) => readonly Due[];
  /** As if it had never been armed. */
  readonly forget: (key: CustomerKey) => void;
  /** Everybody who was ever armed, in order of key. */
  readonly keys: () => readonly CustomerKey[];
}

export function createTimerQueue(): TimerQueue {
  const armed = new Map<CustomerKey, Due>();
  /** A binary heap, with entries of timers that were moved since: those are skipped as they come up. */
  const heap: Due[] = [];
  const isStale = (entry: Due): boolean => armed.get(entry.key) !== entry;
  const first = (): Due | undefined => {
    while (heap.length > 0 && isStale(heap[0] as Due)) popHeap(heap);
    return heap[0];
  };
  return {
    arm: (key, due) => {
      if (armed.get(key)?.due === due) return;
      const entry = { key, due };
      armed.set(key, entry);
      if (due !== NEVER) pushHeap(heap, entry);
    },
    armedFor: (key) => armed.get(key)?.due,
    first,
    due: (now, countMax) => {
      const found: Due[] = [];
      for (let next = first(); next !== undefined && next.due <= now && found.length < countMax; next = first()) {
        found.push(popHeap(heap));
      }
      for (const one of found) pushHeap(heap, one);
      return found;
    },
    forget: (key) => void armed.delete(key),
    keys: () => [...armed.keys()].toSorted(),
  };
}

function isBefore(a: Due, b: Due): boolean {
  return a.due < b.due || (a.due === b.due && a.key < b.key);
}

function pushHeap(heap: Due[], added: Due): void {
  let at = heap.length;
  heap.push(added);
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    if (!isBefore(added, heap[parent] as Due)) break;
    heap[at] = heap[parent] as Due;
    at = parent;
  }
  heap[at] = added;
}

function popHeap(heap: Due[]): Due {
  const top = heap[0] as Due;
  const last = heap.pop() as Due;
  if (heap.length === 0) return top;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && isBefore(heap[right] as Due, heap[left] as Due) ? right : left;
    if (!isBefore(heap[child] as Due, last)) break;
    heap[at] = heap[child] as Due;
    at = child;
  }
  heap[at] = last;
  return top;
}
