// Where each value of a file is written, as numbers: the tree of its values once more, a node of it in a row of four.
//
//   row:  [where its key begins | where it begins | from where on its text runs as its value does | row of its first child]
//
// The children of a list or mapping are rows side by side, in the order of its items or of `Object.keys`.

export interface PlaceTable {
  readonly rows: Int32Array;
  /** Offsets at which lines begin, ascending. */
  readonly lineStarts: Int32Array;
}

/** Instead of a shift: escapes or line folding hide where a character stands, or there is none. */
export const HIDDEN = -1;

const KEY = 0;
const START = 1;
const SHIFT = 2;
const FIRST = 3;
const WIDTH = 4;

export interface TableWriter {
  /** The first of so many rows. */
  readonly reserve: (count: number) => number;
  /**
   * @param shift from where a scalar begins to the first character of its value: 0, 1 or HIDDEN
   * @param first row of its first child
   */
  readonly set: (row: number, start: number, shift: number, first?: number) => void;
  readonly setKey: (row: number, start: number) => void;
  /** Reserves rows for the children of a row. */
  readonly children: (row: number, count: number) => number;
  /** Reserves rows, given by their four numbers each. */
  readonly fill: (numbers: readonly number[]) => number;
  /** Written where another row is, children included; its key stays. */
  readonly copy: (row: number, from: number) => void;
  readonly build: (lineStarts: readonly number[]) => PlaceTable;
}

export function createPlaceTable(): TableWriter {
  let cells = new Int32Array(1 << 10);
  let count = 0;
  const reserve = (more: number): number => {
    const first = count;
    count += more;
    if (count * WIDTH > cells.length) {
      const grown = new Int32Array(2 * count * WIDTH);
      grown.set(cells);
      cells = grown;
    }
    return first;
  };
  const set = (row: number, start: number, shift: number, first = 0): void => {
    cells[row * WIDTH + START] = start;
    cells[row * WIDTH + SHIFT] = shift;
    cells[row * WIDTH + FIRST] = first;
  };
  return {
    reserve,
    set,
    setKey: (row, start) => {
      cells[row * WIDTH + KEY] = start;
    },
    children: (row, more) => {
      const first = reserve(more);
      cells[row * WIDTH + FIRST] = first;
      return first;
    },
    fill: (numbers) => {
      const first = reserve(numbers.length / WIDTH);
      cells.set(numbers, first * WIDTH);
      return first;
    },
    copy: (row, from) => {
      for (const column of [START, SHIFT, FIRST]) {
        cells[row * WIDTH + column] = cells[from * WIDTH + column] as number;
      }
    },
    build: (lineStarts) => ({ rows: cells.slice(0, count * WIDTH), lineStarts: Int32Array.from(lineStarts) }),
  };
}

/** Where something is written, 1-based. */
export interface LineAndColumn {
  readonly line: number;
  readonly column: number;
}

/** Names of fields and indexes of items, from the outermost on. */
export type Path = readonly (string | number)[];

/** Where the value at a path begins; of its nearest written ancestor where it is not there. */
export function startAt({ rows, lineStarts }: PlaceTable, value: unknown, path: Path): LineAndColumn {
  return lineAndColumn(lineStarts, rows[find(rows, value, path).row * WIDTH + START] as number);
}

/** Where the key of a mapping's entry begins; the mapping where it has no such entry. */
export function keyAt({ rows, lineStarts }: PlaceTable, value: unknown, path: Path, key: string): LineAndColumn {
  const { row, value: found } = find(rows, value, path);
  const child = childOf(rows, row, found, key);
  const offset = child < 0 ? rows[row * WIDTH + START] : rows[child * WIDTH + KEY];
  return lineAndColumn(lineStarts, offset as number);
}

/** Where a character of the text at a path is written; its beginning where escapes or line folding hide that. */
export function characterAt(
  { rows, lineStarts }: PlaceTable,
  value: unknown,
  path: Path,
  character: number,
): LineAndColumn {
  const { row } = find(rows, value, path);
  const start = rows[row * WIDTH + START] as number;
  const shift = rows[row * WIDTH + SHIFT] as number;
  return lineAndColumn(lineStarts, shift === HIDDEN ? start : start + shift + character);
}

/** The row of the value at a path, or of its nearest ancestor. */
function find(rows: Int32Array, root: unknown, path: Path): { readonly row: number; readonly value: unknown } {
  let row = 0;
  let value = root;
  for (const step of path) {
    const child = childOf(rows, row, value, step);
    if (child < 0) break;
    row = child;
    value = (value as Record<string | number, unknown>)[step];
  }
  return { row, value };
}

/** Negative where there is none. */
function childOf(rows: Int32Array, row: number, value: unknown, step: string | number): number {
  const first = rows[row * WIDTH + FIRST] as number;
  if (Array.isArray(value)) return typeof step === "number" && step < value.length ? first + step : -1;
  if (typeof value !== "object" || value === null || typeof step !== "string") return -1;
  const index = Object.keys(value).indexOf(step);
  return index < 0 ? -1 : first + index;
}

function lineAndColumn(lineStarts: Int32Array, offset: number): LineAndColumn {
  let low = 0;
  let high = lineStarts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((lineStarts[middle] as number) <= offset) low = middle + 1;
    else high = middle;
  }
  return { line: Math.max(1, low), column: Math.max(1, offset - (lineStarts[Math.max(0, low - 1)] ?? 0) + 1) };
}
