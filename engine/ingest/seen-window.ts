// Which of the last events of a partition were there before: exact over a stated number of entries, so that a fold done
// again gives the same verdicts. A ring of 64-bit hashes in the order of the log, and an open-addressing table of ring
// slots over it:
//
//     ring   ... | h7 | h8 | h9 | h10 | (free) ...      head = 11
//     table  [ slot of h9 ] [ ] [ slot of h7 ] [ slot of h10 ] ...
//
// Where a hash occurs twice the table points at its latest place, so the eviction of the earlier one finds nothing to do.
import { murmur128, writeAscii } from "../domain/hash.ts";
import type { CustomerKey } from "../domain/ids.ts";

export const SEEN_ENTRIES = 100_000;
const HASH_BYTES = 8;
const SLOTS_MIN = 256;

/** Bytes to be written at a byte offset of the persisted ring (SETRANGE). */
export interface RingWrite {
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface SeenWindow {
  /** Did this hash occur among the last `capacity` entries? Then remembers it as the newest entry, repeated or not. */
  readonly check: (lo: number, hi: number) => boolean;
  /** Entries checked so far, ever: the position of the next one. */
  readonly head: () => number;
  /**
   * What a persisted ring lacks that was written up to `head`: one write, two where it wraps, none where nothing is new.
   * Each hash is 8 bytes, lo then hi, little endian, at `(position mod ringCapacityOf(capacity)) * 8`.
   */
  readonly since: (head: number) => readonly RingWrite[];
  /** Replaces everything by what a persisted ring held at `head`. Throws RangeError where the ring is too short for it. */
  readonly restore: (ring: Uint8Array, head: number) => void;
}

/**
 * Entries of the persisted ring. More than the window, so that the window as of an older head stays readable while up to
 * `ringCapacityOf(capacity) - capacity` newer entries have been written over what came before it: 131,072 for 100,000.
 */
export function ringCapacityOf(capacity: number): number {
  return powerOfTwo(capacity + 1);
}

/** `capacity` >= 1. Memory grows with what was seen: 16 bytes an entry, 2 MiB for a full window of 100,000. */
export function createSeenWindow(capacity: number = SEEN_ENTRIES): SeenWindow {
  const ringMax = ringCapacityOf(capacity);
  let head = 0;
  let ring = new Uint32Array(2 * Math.min(SLOTS_MIN, ringMax));
  /** Ring slot + 1; 0 is free. At most half full. */
  let table = new Uint32Array(ring.length);

  function find(lo: number, hi: number): number {
    const mask = table.length - 1;
    let at = lo & mask;
    for (;;) {
      const slot = table[at] as number;
      if (slot === 0) return at;
      if (ring[2 * slot - 2] === lo && ring[2 * slot - 1] === hi) return at;
      at = (at + 1) & mask;
    }
  }

  function evict(slot: number): void {
    const at = find(ring[2 * slot] as number, ring[2 * slot + 1] as number);
    if (table[at] === slot + 1) free(table, ring, at);
  }

  function grow(): void {
    const wider = new Uint32Array(ring.length * 2);
    wider.set(ring);
    ring = wider;
    rebuild();
  }

  function rebuild(): void {
    table = new Uint32Array(ring.length);
    const mask = ring.length / 2 - 1;
    for (let position = Math.max(0, head - capacity); position < head; position++) {
      const slot = position & mask;
      table[find(ring[2 * slot] as number, ring[2 * slot + 1] as number)] = slot + 1;
    }
  }

  function check(low: number, high: number): boolean {
    const lo = low >>> 0;
    const hi = high >>> 0;
    const isRepeated = table[find(lo, hi)] !== 0;
    if (head === ring.length / 2 && ring.length / 2 < ringMax) grow();
    const mask = ring.length / 2 - 1;
    if (head >= capacity) evict((head - capacity) & mask);
    const slot = head & mask;
    ring[2 * slot] = lo;
    ring[2 * slot + 1] = hi;
    table[find(lo, hi)] = slot + 1;
    head++;
    return isRepeated;
  }

  function since(from: number): readonly RingWrite[] {
    const first = Math.max(from, head - ringMax);
    if (first >= head) return [];
    const start = first % ringMax;
    const untilWrap = Math.min(head - first, ringMax - start);
    const writes = [{ offset: start * HASH_BYTES, bytes: bytesOf(ring, first, untilWrap) }];
    const rest = head - first - untilWrap;
    if (rest > 0) writes.push({ offset: 0, bytes: bytesOf(ring, first + untilWrap, rest) });
    return writes;
  }

  function restore(bytes: Uint8Array, newHead: number): void {
    const needed = Math.min(newHead, ringMax) * HASH_BYTES;
    if (bytes.length < needed) {
      throw new RangeError(`ring of seen events: ${bytes.length} bytes, but head ${newHead} needs ${needed}`);
    }
    const size = newHead < ringMax ? Math.max(powerOfTwo(newHead), Math.min(SLOTS_MIN, ringMax)) : ringMax;
    ring = new Uint32Array(2 * size);
    head = newHead;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let word = 0; word < needed / 4; word++) ring[word] = view.getUint32(word * 4, true);
    rebuild();
  }

  return { check, head: () => head, since, restore };
}

const scratch = Buffer.alloc(4096);

/**
 * Hash of an event's identity for the window, four words written to `out`; the window takes the first two. The lengths of
 * key and source come first, so no choice of ids makes two identities read the same. `seed` keeps collisions from being
 * prepared outside. Each text at most 1,024 UTF-8 bytes (the bounds of an event).
 */
export function eventHash(key: CustomerKey, source: string, id: string, seed: number, out: Uint32Array): void {
  const keyEnd = write(key, 4);
  const sourceEnd = write(source, keyEnd);
  const end = write(id, sourceEnd);
  const keyBytes = keyEnd - 4;
  const sourceBytes = sourceEnd - keyEnd;
  scratch[0] = keyBytes;
  scratch[1] = keyBytes >>> 8;
  scratch[2] = sourceBytes;
  scratch[3] = sourceBytes >>> 8;
  murmur128(scratch, seed, out, end);
}

/** Where it ends. */
function write(text: string, at: number): number {
  const end = writeAscii(text, scratch, at);
  return end >= 0 ? end : at + scratch.write(text, at);
}

/** Takes the entry at `hole` out and moves up those behind it that would no longer be found. */
function free(table: Uint32Array, ring: Uint32Array, hole: number): void {
  const mask = table.length - 1;
  let empty = hole;
  for (let at = (hole + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
    const slot = table[at] as number;
    const home = (ring[2 * slot - 2] as number) & mask;
    const fromHome = (at - home) & mask;
    const fromEmpty = (at - empty) & mask;
    if (fromHome < fromEmpty) continue;
    table[empty] = slot;
    empty = at;
  }
  table[empty] = 0;
}

function bytesOf(ring: Uint32Array, first: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * HASH_BYTES);
  const mask = ring.length / 2 - 1;
  for (let index = 0; index < count; index++) {
    const slot = (first + index) & mask;
    bytes.writeUInt32LE(ring[2 * slot] as number, index * HASH_BYTES);
    bytes.writeUInt32LE(ring[2 * slot + 1] as number, index * HASH_BYTES + 4);
  }
  return bytes;
}

function powerOfTwo(atLeast: number): number {
  let size = 1;
  while (size < atLeast) size *= 2;
  return size;
}
