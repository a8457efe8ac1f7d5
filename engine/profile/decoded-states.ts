// States of the customers of one step: it reads each several times, and decoding is dear. Longer they are not kept: under load
// nobody comes back before his place is another's, and what outlives two collections of the young generation has to be marked
// and swept with all the rest (W85). A place for each entry modulo their number, so neither finding one nor making room for another hashes a key.
import type { CustomerKey } from "../domain/ids.ts";
import type { DueColumn } from "./due-column.ts";
import type { Entry } from "./entries.ts";
import { coldOf } from "./record.ts";
import type { Records } from "./records.ts";
import { decodeState, type ProfileState } from "./state.ts";

/** A power of two. */
const DECODED_MAX = 256;
const NONE = -1;

export interface DecodedStates {
  /** Reaches the record of this key to read it. */
  readonly get: (key: CustomerKey) => ProfileState;
  /** The entry of a customer of whom the column of due times knows all. Reaches the record. */
  readonly learnt: (key: CustomerKey) => Entry;
  /** Of the record reached last, whose bytes are to be written by the caller. */
  readonly set: (state: ProfileState) => void;
  /** Of the record reached last: it holds other bytes from now on. */
  readonly forget: () => void;
  /** The step is over, or attributes have other places from now on. */
  readonly clear: () => void;
}

export function createDecodedStates(records: Records, dues: DueColumn): DecodedStates {
  const owners = new Int32Array(DECODED_MAX).fill(NONE);
  const states: (ProfileState | undefined)[] = new Array(DECODED_MAX).fill(undefined);
  let isEmpty = true;

  const set = (state: ProfileState): void => {
    const entry = records.entry();
    const place = entry & (DECODED_MAX - 1);
    owners[place] = entry;
    states[place] = state;
    isEmpty = false;
    dues.learn(entry, state);
  };
  const get = (key: CustomerKey): ProfileState => {
    const source = records.reachToRead(key); // the touch counts, decoded or not
    const entry = records.entry();
    const place = entry & (DECODED_MAX - 1);
    if (owners[place] === entry) return states[place] as ProfileState;
    const layout = records.layout();
    const state = decodeState(coldOf(source, layout), layout);
    set(state);
    return state;
  };
  return {
    get,
    learnt: (key) => {
      records.reach(key);
      const entry = records.entry();
      if (!dues.isKnown(entry)) get(key);
      return entry;
    },
    set,
    forget: () => {
      const entry = records.entry();
      const place = entry & (DECODED_MAX - 1);
      if (owners[place] === entry) {
        owners[place] = NONE;
        states[place] = undefined;
      }
      dues.forget(entry);
    },
    clear: () => {
      if (isEmpty) return;
      owners.fill(NONE);
      states.fill(undefined);
      isEmpty = true;
    },
  };
}
