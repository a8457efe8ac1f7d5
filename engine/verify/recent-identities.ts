// Which events were there before, among the last so many of a partition: by their identities, told apart as hashes of 64 bits
// as the persisted ring keeps them.
import type { CustomerEvent } from "../domain/event.ts";
import { eventHash, ringCapacityOf, SEEN_ENTRIES } from "../ingest/seen-window.ts";

export interface RecentIdentities {
  /** Takes the next event; true where it is a duplicate. */
  readonly isRepeated: (event: Pick<CustomerEvent, "key" | "source" | "id">) => boolean;
  /** The same of one of which only the hash is left: its two words. */
  readonly isHashRepeated: (low: number, high: number) => boolean;
  /** Events taken so far, ever. */
  readonly head: () => number;
  /** The hash of the event with this number, of the last ones. */
  readonly hashOf: (nth: number) => bigint | undefined;
}

const words = new Uint32Array(4);

/** `ring` is as Redis persists it, complete up to `head`: where the log does not go back to its beginning. */
export function createRecentIdentities(seed: number, ring: Buffer = Buffer.alloc(0), head = 0): RecentIdentities {
  const hashes = new Map<number, bigint>();
  const lastAt = new Map<bigint, number>();
  let taken = head;
  const remember = (nth: number, hash: bigint): void => {
    hashes.set(nth, hash);
    lastAt.set(hash, nth);
    const old = hashes.get(nth - SEEN_ENTRIES);
    if (old === undefined) return;
    hashes.delete(nth - SEEN_ENTRIES);
    if (lastAt.get(old) === nth - SEEN_ENTRIES) lastAt.delete(old);
  };
  for (let nth = Math.max(0, head - SEEN_ENTRIES); nth < head; nth++) {
    remember(nth, ring.readBigUInt64LE((nth % ringCapacityOf(SEEN_ENTRIES)) * 8));
  }
  const isHashRepeated = (low: number, high: number): boolean => {
    const hash = BigInt(low) | (BigInt(high) << 32n);
    const before = lastAt.get(hash);
    const isRepeated = before !== undefined && taken - before <= SEEN_ENTRIES;
    remember(taken, hash);
    taken++;
    return isRepeated;
  };
  return {
    isRepeated: ({ key, source, id }) => {
      eventHash(key, source, id, seed, words);
      return isHashRepeated(words[0] as number, words[1] as number);
    },
    isHashRepeated,
    head: () => taken,
    hashOf: (nth) => hashes.get(nth),
  };
}
