// Memory for records of changing size: chunks of one size class each, with a list of free places per class. A record is
// a run of cells within a chunk; nothing of it is an object, so the garbage collector has nothing to trace.
// Chunks of a class grow with their number, so that a store of ten profiles is small as well. They are never given back;
// a freed place serves the next record of its class.
import { RECORD_CELLS_MAX } from "./bounds.ts";

/** Four views of the same memory. */
export interface Chunk {
  readonly f64: Float64Array;
  readonly u32: Uint32Array;
  readonly u16: Uint16Array;
  readonly u8: Uint8Array;
}

/** Where a record begins: chunk x 2^15 + cell. Below 2^32, that is 131,072 chunks. */
export type Slot = number;

interface Slabs {
  /** Bytes of the places in use. */
  readonly bytes: () => number;
  readonly take: (cells: number) => Slot;
  readonly free: (slot: Slot) => void;
  readonly chunkOf: (slot: Slot) => Chunk;
  readonly cellOf: (slot: Slot) => number;
  /** Cells of the place at this slot: at least what was taken. */
  readonly roomOf: (slot: Slot) => number;
  /** Cells of the place that `take(cells)` would give. */
  readonly roomFor: (cells: number) => number;
}

const CHUNK_BITS = 15;
const CHUNK_CELLS = 1 << CHUNK_BITS;
const CHUNKS_MAX = 1 << 17;
const FIRST_RECORDS = 8;
const ROOMS = roomSizes();

interface SizeClass {
  readonly room: number;
  readonly free: Slot[];
  chunk: number;
  nextCell: number;
  records: number;
}

export function createSlabs(): Slabs {
  const chunks: Chunk[] = [];
  const classByChunk: number[] = [];
  const classes = ROOMS.map((room): SizeClass => ({ room, free: [], chunk: -1, nextCell: 0, records: FIRST_RECORDS }));
  let cellsInUse = 0;

  const addChunk = (index: number, size: SizeClass): void => {
    if (chunks.length === CHUNKS_MAX) throw new RangeError(`more than ${CHUNKS_MAX} chunks of profiles`);
    const records = Math.max(1, Math.min(size.records, Math.floor(CHUNK_CELLS / size.room)));
    chunks.push(newChunk(records * size.room));
    classByChunk.push(index);
    size.chunk = chunks.length - 1;
    size.nextCell = 0;
    size.records *= 2;
  };
  const take = (cells: number): Slot => {
    const index = classFor(cells);
    const size = classes[index] as SizeClass;
    cellsInUse += size.room;
    const free = size.free.pop();
    if (free !== undefined) return free;
    if (size.chunk < 0 || size.nextCell + size.room > (chunks[size.chunk] as Chunk).f64.length) addChunk(index, size);
    const slot = size.chunk * CHUNK_CELLS + size.nextCell;
    size.nextCell += size.room;
    return slot;
  };
  const classOf = (slot: Slot): SizeClass => classes[classByChunk[slot >>> CHUNK_BITS] as number] as SizeClass;
  return {
    bytes: () => cellsInUse * 8,
    take,
    free: (slot) => {
      const size = classOf(slot);
      cellsInUse -= size.room;
      size.free.push(slot);
    },
    chunkOf: (slot) => chunks[slot >>> CHUNK_BITS] as Chunk,
    cellOf: (slot) => slot & (CHUNK_CELLS - 1),
    roomOf: (slot) => classOf(slot).room,
    roomFor: (cells) => ROOMS[classFor(cells)] as number,
  };
}

export function newChunk(cells: number): Chunk {
  const buffer = new ArrayBuffer(cells * 8);
  return {
    f64: new Float64Array(buffer),
    u32: new Uint32Array(buffer),
    u16: new Uint16Array(buffer),
    u8: new Uint8Array(buffer),
  };
}

/** 12, 16, 20, 24 ... cells, each about an eighth above the one before. */
function roomSizes(): readonly number[] {
  const sizes: number[] = [];
  for (let cells = 12; cells < RECORD_CELLS_MAX; cells += Math.max(4, (cells >>> 5) << 2)) sizes.push(cells);
  sizes.push(RECORD_CELLS_MAX);
  return sizes;
}

function classFor(cells: number): number {
  if (cells > RECORD_CELLS_MAX)
    throw new RangeError(`a profile of ${cells * 8} bytes; at most ${RECORD_CELLS_MAX * 8}`);
  let low = 0;
  let high = ROOMS.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ROOMS[middle] as number) < cells) low = middle + 1;
    else high = middle;
  }
  return low;
}
