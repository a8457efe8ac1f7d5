// Columns that are written from front to back and then kept: cut from one long buffer, so that a decision allocates no memory of
// its own for each of them. A typed array made anew costs a microsecond in V8, a cut of one a quarter of that, and nothing is
// copied. What is cut keeps the buffer alive: a few dozen decisions share one, and none is kept for long.

const ENTRIES = 32_768;

export class IntTape {
  private buffer = new Int32Array(ENTRIES);
  private start = 0;
  private end = 0;

  /** Entries written since the last cut. */
  get length(): number {
    return this.end - this.start;
  }

  /** Makes sure that `more` entries can be pushed. */
  reserve(more: number): void {
    if (this.end + more <= this.buffer.length) return;
    const begun = this.buffer.subarray(this.start, this.end);
    this.buffer = new Int32Array(Math.max(ENTRIES, 2 * (begun.length + more)));
    this.buffer.set(begun);
    this.end = begun.length;
    this.start = 0;
  }

  /** Within what was reserved. */
  push(entry: number): void {
    this.buffer[this.end++] = entry;
  }

  /** Forgets what was written since the last cut. */
  clear(): void {
    this.end = this.start;
  }

  /** What was written since the last cut: the caller's from now on. */
  cut(): Int32Array {
    const written = this.buffer.subarray(this.start, this.end);
    this.start = this.end;
    return written;
  }
}

export class FloatTape {
  private buffer = new Float64Array(ENTRIES);
  private start = 0;
  private end = 0;

  reserve(more: number): void {
    if (this.end + more <= this.buffer.length) return;
    const begun = this.buffer.subarray(this.start, this.end);
    this.buffer = new Float64Array(Math.max(ENTRIES, 2 * (begun.length + more)));
    this.buffer.set(begun);
    this.end = begun.length;
    this.start = 0;
  }

  push(entry: number): void {
    this.buffer[this.end++] = entry;
  }

  clear(): void {
    this.end = this.start;
  }

  cut(): Float64Array {
    const written = this.buffer.subarray(this.start, this.end);
    this.start = this.end;
    return written;
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
