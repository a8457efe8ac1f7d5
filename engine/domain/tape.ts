// Columns that are kept when they are complete: written straight into one long buffer, so that a decision allocates and copies no
// memory of its own for each of them. A typed array made anew costs a microsecond in V8, a cut of one a quarter of that. What is
// cut keeps the buffer alive: a few decisions or a few dozen share one, and none is kept for long.

const ENTRIES = 32_768;
/** Of the longest column that may come, so many fit into a new buffer. */
const COLUMNS = 4;
const NO_FLOATS = new Float64Array(0);

export class IntTape {
  buffer = new Int32Array(ENTRIES);
  /** Where the next column begins. */
  start = 0;

  /** Makes room for `length` entries from `start` on; what was kept stays as it is. */
  open(length: number): void {
    if (this.start + length <= this.buffer.length) return;
    this.buffer = new Int32Array(Math.max(ENTRIES, COLUMNS * length));
    this.start = 0;
  }

  /** What was written from `start` up to `end`: the caller's from now on. */
  keep(end: number): Int32Array {
    const kept = this.buffer.subarray(this.start, end);
    this.start = end;
    return kept;
  }
}

export class FloatTape {
  buffer = new Float64Array(ENTRIES);
  /** Where the next column begins. */
  start = 0;

  /** Makes room for `length` entries from `start` on; what was kept stays as it is. */
  open(length: number): void {
    if (this.start + length <= this.buffer.length) return;
    this.buffer = new Float64Array(Math.max(ENTRIES, COLUMNS * length));
    this.start = 0;
  }

  /** What was written from `start` up to `end`: the caller's from now on. */
  keep(end: number): Float64Array {
    if (end === this.start) return NO_FLOATS;
    const kept = this.buffer.subarray(this.start, end);
    this.start = end;
    return kept;
  }
}

export class ByteTape {
  private buffer = new Uint8Array(ENTRIES);
  private end = 0;

  /** So many bytes, all 0. */
  zeros(length: number): Uint8Array {
    if (this.end + length > this.buffer.length) {
      this.buffer = new Uint8Array(Math.max(ENTRIES, 2 * length));
      this.end = 0;
    }
    const start = this.end;
    this.end += length;
    return this.buffer.subarray(start, this.end);
  }
}
