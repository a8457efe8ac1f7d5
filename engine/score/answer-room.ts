// Room for answers, cut from longer buffers: memory of its own for each call costs a twentieth of the call.

/** Zeros, in the order of the rows. */
export interface AnswerRoom {
  readonly values: Float64Array;
  readonly fallback: Uint8Array;
}

const BUFFER_BYTES = 32 * 1024;

/** Each room is given once, and its buffer lives as long as one of its rooms is held. */
export function createAnswerRooms(): (rows: number) => AnswerRoom {
  let buffer = new ArrayBuffer(0);
  let used = 0;
  return (rows) => {
    const bytes = (rows * 9 + 7) & ~7;
    if (used + bytes > buffer.byteLength) {
      buffer = new ArrayBuffer(Math.max(bytes, BUFFER_BYTES));
      used = 0;
    }
    const values = new Float64Array(buffer, used, rows);
    const fallback = new Uint8Array(buffer, used + rows * 8, rows);
    used += bytes;
    return { values, fallback };
  };
}
