// Rows of features, cut from longer buffers: memory of its own for each costs four times as much as one that is cut.

/** About thirty rows of thirty features: who keeps one row keeps no more than that. */
const BUFFER_BYTES = 8 * 1024;

let buffer = new ArrayBuffer(0);
let used = 0;

/** Zeros. Each is given once; its buffer lives as long as one of its rows is held. */
export function featureRow(length: number): Float64Array {
  const bytes = length * Float64Array.BYTES_PER_ELEMENT;
  if (used + bytes > buffer.byteLength) {
    buffer = new ArrayBuffer(Math.max(bytes, BUFFER_BYTES));
    used = 0;
  }
  const row = new Float64Array(buffer, used, length);
  used += bytes;
  return row;
}
