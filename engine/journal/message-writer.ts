// MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) as commits have it, written from front to back without a
// value of its own for each array: what msgpackr would write, and reads. Its bytes lie in one long buffer, which a few hundred
// commits share; what is too long for the rest of it gets another one.
import type { ByteWriter } from "../profile/binary.ts";

const CHUNK = 262_144;
/** Below that a message does not begin: it would most likely not fit. */
const ROOM_MIN = 16_384;
/** Longer texts are written by Node, which costs more to call than the letters of a short one. */
const ASCII_MAX = 128;
const BLOB_HEAD = 5;
/** Up to this length half of a surrogate pair stays what it is: so msgpackr wrote and reads it. Longer texts lose it. */
const SHORT_MAX = 63;

export class MessageWriter implements Omit<ByteWriter, "take"> {
  private buffer = Buffer.allocUnsafeSlow(CHUNK);
  private view = viewOf(this.buffer);
  private start = 0;
  private at = 0;

  /** Begins a message; one that was not closed is forgotten. */
  open(): void {
    if (this.start + ROOM_MIN > this.buffer.length) {
      this.buffer = Buffer.allocUnsafeSlow(CHUNK);
      this.view = viewOf(this.buffer);
      this.start = 0;
    }
    this.at = this.start;
  }

  /** The message: the caller's from now on. */
  close(): Buffer {
    const message = this.buffer.subarray(this.start, this.at);
    this.start = this.at;
    return message;
  }

  // ---- raw bytes, little endian: what lies within a blob ----

  u8(value: number): void {
    const at = this.step(1);
    this.buffer[at] = value;
  }

  u32(value: number): void {
    const at = this.step(4);
    this.view.setUint32(at, value, true);
  }

  f64(value: number): void {
    const at = this.step(8);
    this.view.setFloat64(at, value, true);
  }

  count(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.u8((rest & 0x7f) | 0x80);
    this.u8(rest);
  }

  /** A count of bytes, then the bytes. */
  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.count(bytes);
    const at = this.step(bytes);
    this.buffer.write(value, at, bytes, "utf8");
  }

  bytes(value: Uint8Array): void {
    const at = this.step(value.length);
    this.buffer.set(value, at);
  }

  // ---- values ----

  nil(): void {
    this.u8(0xc0);
  }

  flag(value: boolean): void {
    this.u8(value ? 0xc3 : 0xc2);
  }

  array(length: number): void {
    this.head(length, 0x90, 0xdc);
  }

  map(size: number): void {
    this.head(size, 0x80, 0xde);
  }

  number(value: number): void {
    if (value >>> 0 === value) this.unsigned(value);
    else {
      const at = this.step(9);
      if (value >> 0 === value) {
        this.buffer[at] = 0xd2;
        this.view.setInt32(at + 1, value);
        this.at = at + 5;
      } else {
        this.buffer[at] = 0xcb;
        this.view.setFloat64(at + 1, value);
      }
    }
  }

  string(value: string): void {
    const { length } = value;
    if (length > ASCII_MAX) {
      this.longString(value);
      return;
    }
    const from = this.step(2 + length);
    const { buffer } = this;
    let at = from + (length < 0x20 ? 1 : 2);
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        this.at = from;
        if (length <= SHORT_MAX) this.shortString(value);
        else this.longString(value);
        return;
      }
      buffer[at++] = code;
    }
    if (length < 0x20) buffer[from] = 0xa0 | length;
    else {
      buffer[from] = 0xd9;
      buffer[from + 1] = length;
    }
    this.at = at;
  }

  /** The doubles as they lie in memory. */
  doubles(values: Float64Array): void {
    const { length } = values;
    this.blobHead(8 * length);
    const from = this.step(8 * length);
    for (let index = 0; index < length; index++) this.view.setFloat64(from + 8 * index, values[index] as number, true);
  }

  /** What is written until `endBlob` is one blob; gives what that has to be told. */
  beginBlob(): number {
    return this.step(BLOB_HEAD) - this.start;
  }

  endBlob(head: number): void {
    const at = this.start + head;
    this.buffer[at] = 0xc6;
    this.view.setUint32(at + 1, this.at - at - BLOB_HEAD);
  }

  /** So many raw bytes come. */
  blobHead(length: number): void {
    const at = this.step(BLOB_HEAD);
    this.buffer[at] = 0xc6;
    this.view.setUint32(at + 1, length);
  }

  /** Whatever else there is: throws TypeError where MessagePack has no word for it. */
  value(value: unknown): void {
    if (typeof value === "string") this.string(value);
    else if (typeof value === "number") this.number(value);
    else if (typeof value === "boolean") this.flag(value);
    else if (value === null) this.nil();
    else if (value === undefined) this.missing();
    else if (Array.isArray(value)) {
      this.array(value.length);
      for (let index = 0; index < value.length; index++) this.value(value[index]);
    } else if (value instanceof Uint8Array) {
      this.blobHead(value.length);
      this.bytes(value);
    } else if (isPlain(value)) {
      const names = Object.keys(value);
      this.map(names.length);
      for (const name of names) {
        this.string(name);
        this.value(value[name]);
      }
    } else throw new TypeError(`a commit cannot hold ${Object.prototype.toString.call(value)}`);
  }

  /** As msgpackr has `undefined`: an extension of type 0. */
  private missing(): void {
    const at = this.step(3);
    this.buffer[at] = 0xd4;
    this.buffer[at + 1] = 0;
    this.buffer[at + 2] = 0;
  }

  private unsigned(value: number): void {
    const at = this.step(5);
    const { buffer } = this;
    if (value < 0x80) {
      buffer[at] = value;
      this.at = at + 1;
    } else if (value < 0x10000) {
      buffer[at] = 0xcd;
      buffer[at + 1] = value >> 8;
      buffer[at + 2] = value;
      this.at = at + 3;
    } else {
      buffer[at] = 0xce;
      this.view.setUint32(at + 1, value);
    }
  }

  private shortString(value: string): void {
    const from = this.step(2 + 3 * value.length);
    const { buffer } = this;
    let at = from + 2;
    for (const letter of value) {
      const code = letter.codePointAt(0) as number;
      if (code < 0x80) buffer[at++] = code;
      else if (code < 0x800) buffer[at++] = 0xc0 | (code >> 6);
      else if (code < 0x10000) {
        buffer[at++] = 0xe0 | (code >> 12);
        buffer[at++] = 0x80 | ((code >> 6) & 0x3f);
      } else {
        buffer[at++] = 0xf0 | (code >> 18);
        buffer[at++] = 0x80 | ((code >> 12) & 0x3f);
        buffer[at++] = 0x80 | ((code >> 6) & 0x3f);
      }
      if (code >= 0x80) buffer[at++] = 0x80 | (code & 0x3f);
    }
    buffer[from] = 0xd9;
    buffer[from + 1] = at - from - 2;
    this.at = at;
  }

  private longString(value: string): void {
    const length = Buffer.byteLength(value);
    const at = this.step(5 + length);
    this.buffer[at] = 0xdb;
    this.view.setUint32(at + 1, length);
    this.buffer.write(value, at + 5, length, "utf8");
  }

  /** `wide`: the form with 16 bits; the one with 32 comes after it. */
  private head(length: number, short: number, wide: number): void {
    const at = this.step(5);
    if (length < 16) {
      this.buffer[at] = short | length;
      this.at = at + 1;
    } else if (length < 0x10000) {
      this.buffer[at] = wide;
      this.view.setUint16(at + 1, length);
      this.at = at + 3;
    } else {
      this.buffer[at] = wide + 1;
      this.view.setUint32(at + 1, length);
    }
  }

  /** Where so many bytes begin, which are taken. */
  private step(length: number): number {
    const from = this.at;
    if (from + length > this.buffer.length) return this.grow(length);
    this.at = from + length;
    return from;
  }

  private grow(length: number): number {
    const begun = this.at - this.start;
    const larger = Buffer.allocUnsafeSlow(Math.max(CHUNK, 2 * (begun + length)));
    this.buffer.copy(larger, 0, this.start, this.at);
    this.buffer = larger;
    this.view = viewOf(larger);
    this.start = 0;
    this.at = begun + length;
    return begun;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
