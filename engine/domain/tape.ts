// Columns that are kept when they are complete: copied into one long buffer, so that a decision allocates no memory of its own
// for each of them. A typed array made anew costs a microsecond in V8, a cut of one a quarter of that. What is cut keeps the
// buffer alive: a few dozen decisions share one, and none is kept for long.

const ENTRIES = 32_768;
const NO_FLOATS = new Float64Array(0);

export class IntTape {
  private buffer = new Int32Array(ENTRIES);
  private end = 0;

  /** The first `length` entries of `source`: the caller's from now on. */
  copyOf(source: Int32Array, length: number): Int32Array {
    if (this.end + length > this.buffer.length) {
      this.buffer = new Int32Array(Math.max(ENTRIES, 2 * length));
      this.end = 0;
    }
    const { buffer, end } = this;
    for (let at = 0; at < length; at++) buffer[end + at] = source[at] as number;
    this.end = end + length;
    return buffer.subarray(end, end + length);
  }
}

export class FloatTape {
  private buffer = new Float64Array(ENTRIES);
  private end = 0;

  /** The first `length` entries of `source`: the caller's from now on. */
  copyOf(source: Float64Array, length: number): Float64Array {
    if (length === 0) return NO_FLOATS;
    if (this.end + length > this.buffer.length) {
      this.buffer = new Float64Array(Math.max(ENTRIES, 2 * length));
      this.end = 0;
    }
    const { buffer, end } = this;
    for (let at = 0; at < length; at++) buffer[end + at] = source[at] as number;
    this.end = end + length;
    return buffer.subarray(end, end + length);
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
