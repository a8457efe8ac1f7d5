// Memory for records of changing size: chunks of one size class each, with a list of free places per class. A record is
// a run of cells within a chunk; nothing of it is an object, so the garbage collector has nothing to trace.
// Chunks of a class grow with their number, so that a store of ten profiles is small as well. A freed place serves the next
// record of its class, and a chunk without a record is given back: customers who come to know us grow at the same time, and
// would leave behind what all the sizes before took together, several times what they hold.
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

export interface Slabs {
  /** Bytes of the places in use. */
  readonly bytes: () => number;
  /** Bytes of all chunks. */
  readonly chunkBytes: () => number;
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

const NOWHERE = -1;

interface SizeClass {
  readonly room: number;
  /** Numbers of chunks with a place that is free or was never taken. */
  readonly open: number[];
  /** Of the next chunk. */
  records: number;
}

/** What there is to know of the chunk with the same number. */
interface Holding {
  size: SizeClass;
  /** Cells of places that were freed. */
  readonly free: number[];
  nextCell: number;
  records: number;
  /** Where it stands among the open chunks of its class; or nowhere, where it is full. */
  openAt: number;
}

export function createSlabs(): Slabs {
  const chunks: Chunk[] = [];
  const holdings: Holding[] = [];
  /** Numbers of chunks that were given back. */
  const spare: number[] = [];
  const classes = ROOMS.map((room): SizeClass => ({ room, open: [], records: FIRST_RECORDS }));
  let cellsInUse = 0;
  let cells = 0;

  const open = (number: number, holding: Holding): void => {
    holding.openAt = holding.size.open.push(number) - 1;
  };
  const close = (holding: Holding): void => {
    const { size, openAt } = holding;
    const last = size.open.pop() as number;
    if (openAt < size.open.length) {
      size.open[openAt] = last;
      (holdings[last] as Holding).openAt = openAt;
    }
    holding.openAt = NOWHERE;
  };
  const addChunk = (size: SizeClass): number => {
    const number = spare.pop() ?? chunks.length;
    if (number === CHUNKS_MAX) throw new RangeError(`more than ${CHUNKS_MAX} chunks of profiles`);
    const records = Math.max(1, Math.min(size.records, Math.floor(CHUNK_CELLS / size.room)));
    const chunk = newChunk(records * size.room);
    const holding: Holding = { size, free: [], nextCell: 0, records: 0, openAt: NOWHERE };
    chunks[number] = chunk;
    holdings[number] = holding;
    cells += chunk.f64.length;
    size.records = records * 2;
    open(number, holding);
    return number;
  };
  const giveBack = (number: number, holding: Holding): void => {
    const { size } = holding;
    if (holding.openAt !== NOWHERE) close(holding);
    cells -= (chunks[number] as Chunk).f64.length;
    chunks[number] = NO_CHUNK;
    spare.push(number);
    // Else a single record that comes and goes would take a large one each time.
    size.records = Math.max(FIRST_RECORDS, size.records >>> 1);
  };
  const take = (wanted: number): Slot => {
    const size = classes[classFor(wanted)] as SizeClass;
    const number = size.open.at(-1) ?? addChunk(size);
    const holding = holdings[number] as Holding;
    let cell = holding.free.pop();
    if (cell === undefined) {
      cell = holding.nextCell;
      holding.nextCell += size.room;
    }
    const isFull = holding.nextCell + size.room > (chunks[number] as Chunk).f64.length;
    if (isFull && holding.free.length === 0) close(holding);
    holding.records++;
    cellsInUse += size.room;
    return number * CHUNK_CELLS + cell;
  };
  const free = (slot: Slot): void => {
    const number = slot >>> CHUNK_BITS;
    const holding = holdings[number] as Holding;
    cellsInUse -= holding.size.room;
    holding.records--;
    if (holding.records === 0) {
      giveBack(number, holding);
      return;
    }
    holding.free.push(slot & (CHUNK_CELLS - 1));
    if (holding.openAt === NOWHERE) open(number, holding);
  };
  return {
    bytes: () => cellsInUse * 8,
    chunkBytes: () => cells * 8,
    take,
    free,
    chunkOf: (slot) => chunks[slot >>> CHUNK_BITS] as Chunk,
    cellOf: (slot) => slot & (CHUNK_CELLS - 1),
    roomOf: (slot) => (holdings[slot >>> CHUNK_BITS] as Holding).size.room,
    roomFor: (wanted) => ROOMS[classFor(wanted)] as number,
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

/** In the place of one that was given back. */
const NO_CHUNK = newChunk(0);

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
