// Writing and reading of the cold state's bytes: whole numbers of 1, 2, 4 bytes, f64, counts, texts. Little endian.

export interface ByteWriter {
  readonly u8: (value: number) => void;
  readonly u32: (value: number) => void;
  readonly f64: (value: number) => void;
  /** 0 .. 2^28 - 1, seven bits a byte. */
  readonly count: (value: number) => void;
  readonly text: (value: string) => void;
  readonly bytes: (value: Uint8Array) => void;
  /** A view of what was written, good until more is; the writer starts anew. */
  readonly take: () => Uint8Array;
}

/** Every reading past the end throws RangeError: the bytes are not what a writer wrote. */
export interface ByteReader {
  readonly u8: () => number;
  readonly u32: () => number;
  readonly f64: () => number;
  readonly count: () => number;
  readonly text: () => string;
  /** A view. */
  readonly bytes: (length: number) => Uint8Array;
  readonly done: () => boolean;
}

/** Nearly every text is so short, and of ASCII: a call of the encoder costs more than its letters. The count is one byte. */
const SHORT = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function createByteWriter(): ByteWriter {
  let buffer = new Uint8Array(4096);
  let view = new DataView(buffer.buffer);
  let at = 0;
  const reserve = (length: number): number => {
    if (at + length > buffer.length) {
      const larger = new Uint8Array(Math.max(buffer.length * 2, at + length));
      larger.set(buffer);
      buffer = larger;
      view = new DataView(larger.buffer);
    }
    const from = at;
    at += length;
    return from;
  };
  const u8 = (value: number): void => {
    const from = reserve(1);
    view.setUint8(from, value);
  };
  const count = (value: number): void => {
    let rest = value;
    while (rest > 0x7f) {
      u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    u8(rest);
  };
  const bytes = (value: Uint8Array): void => {
    const from = reserve(value.length);
    buffer.set(value, from);
  };
  /** False, and nothing written, where a character is none of ASCII. */
  const writeAscii = (value: string): boolean => {
    const { length } = value;
    const from = reserve(length + 1);
    buffer[from] = length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        at = from;
        return false;
      }
      buffer[from + 1 + index] = code;
    }
    return true;
  };
  return {
    u8,
    u32: (value) => {
      const from = reserve(4);
      view.setUint32(from, value, true);
    },
    f64: (value) => {
      const from = reserve(8);
      view.setFloat64(from, value, true);
    },
    count,
    text: (value) => {
      if (value.length <= SHORT && writeAscii(value)) return;
      const encoded = encoder.encode(value);
      count(encoded.length);
      bytes(encoded);
    },
    bytes,
    take: () => {
      const taken = buffer.subarray(0, at);
      at = 0;
      return taken;
    },
  };
}

export function createByteReader(source: Uint8Array): ByteReader {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  let at = 0;
  const step = (length: number): number => {
    if (at + length > source.length) throw new RangeError(`cut off after ${source.length} bytes`);
    const from = at;
    at += length;
    return from;
  };
  const count = (): number => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = view.getUint8(step(1));
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("a count of more than 28 bits");
  };
  const bytes = (length: number): Uint8Array => {
    const from = step(length);
    return source.subarray(from, from + length);
  };
  return {
    u8: () => view.getUint8(step(1)),
    u32: () => view.getUint32(step(4), true),
    f64: () => view.getFloat64(step(8), true),
    count,
    text: () => decoder.decode(bytes(count())),
    bytes,
    done: () => at === source.length,
  };
}
