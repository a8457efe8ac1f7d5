// Which customers are held, where, and in which order they were last touched: numbers in typed arrays, one Map.
import type { CustomerKey } from "../domain/ids.ts";
import type { Slot } from "./slabs.ts";

/** Number of a held customer; reused after `remove`. */
export type Entry = number;

export interface Entries {
  readonly size: () => number;
  readonly find: (key: CustomerKey) => Entry | undefined;
  /** The key must not be held. It is the most recently touched then. */
  readonly add: (key: CustomerKey, slot: Slot) => Entry;
  readonly remove: (key: CustomerKey, entry: Entry) => void;
  readonly slotOf: (entry: Entry) => Slot;
  readonly move: (entry: Entry, slot: Slot) => void;
  readonly touch: (entry: Entry) => void;
  /** Least recently touched first. */
  readonly oldest: (count: number) => CustomerKey[];
}

const NONE = -1;

export function createEntries(): Entries {
  const entries = new Map<CustomerKey, Entry>();
  const keys: (CustomerKey | undefined)[] = [];
  const free: Entry[] = [];
  let slots = new Uint32Array(64);
  let older = new Int32Array(64);
  let newer = new Int32Array(64);
  let oldest = NONE;
  let newest = NONE;
  // One event asks for the same customer several times in a row.
  let foundKey: CustomerKey | undefined;
  let foundEntry: Entry = NONE;

  const find = (key: CustomerKey): Entry | undefined => {
    if (key === foundKey) return foundEntry;
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    foundKey = key;
    foundEntry = entry;
    return entry;
  };
  const grow = (): void => {
    slots = enlarged(slots, new Uint32Array(slots.length * 2));
    older = enlarged(older, new Int32Array(older.length * 2));
    newer = enlarged(newer, new Int32Array(newer.length * 2));
  };
  const unlink = (entry: Entry): void => {
    const before = older[entry] as number;
    const after = newer[entry] as number;
    if (before === NONE) oldest = after;
    else newer[before] = after;
    if (after === NONE) newest = before;
    else older[after] = before;
  };
  const append = (entry: Entry): void => {
    older[entry] = newest;
    newer[entry] = NONE;
    if (newest === NONE) oldest = entry;
    else newer[newest] = entry;
    newest = entry;
  };
  return {
    size: () => entries.size,
    find,
    add: (key, slot) => {
      const entry = free.pop() ?? keys.length;
      if (entry >= slots.length) grow();
      keys[entry] = key;
      slots[entry] = slot;
      append(entry);
      entries.set(key, entry);
      return entry;
    },
    remove: (key, entry) => {
      unlink(entry);
      keys[entry] = undefined;
      free.push(entry);
      entries.delete(key);
      foundKey = undefined;
    },
    slotOf: (entry) => slots[entry] as number,
    move: (entry, slot) => {
      slots[entry] = slot;
    },
    touch: (entry) => {
      if (entry === newest) return;
      unlink(entry);
      append(entry);
    },
    oldest: (count) => {
      const found: CustomerKey[] = [];
      for (let entry = oldest; entry !== NONE && found.length < count; entry = newer[entry] as number) {
        found.push(keys[entry] as CustomerKey);
      }
      return found;
    },
  };
}

function enlarged<Numbers extends Uint32Array | Int32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
