// MessagePack, strictly: msgpackr builds the values, but only of bytes that were walked before and hold nothing that it
// would interpret, repair or run away with: no extension types (its records and dates are such), no keys twice or other
// than text, no 64-bit numbers that a double cannot hold, no lengths beyond the end, no deep nesting.
import { isUtf8 } from "node:buffer";
import { Packr, Unpackr } from "msgpackr";
import { DEPTH_MAX, MAP_KEYS_MAX } from "./bounds.ts";
import { FORBIDDEN_NAMES } from "./schemas.ts";

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });
const packr = new Packr({ useRecords: false, variableMapSize: true });
const forbidden = FORBIDDEN_NAMES.map((name) => Buffer.from(name));

export type Unpacked =
  | { readonly kind: "unpacked"; readonly value: unknown }
  | { readonly kind: "faulty"; readonly detail: string };

/** One value and nothing behind it. Faults are told with their byte offset and quote nothing. */
export function unpackStrictly(bytes: Uint8Array): Unpacked {
  const walk: Walk = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0, fault: "" };
  if (!walkValue(walk, 0)) return { kind: "faulty", detail: `${walk.fault} at byte ${walk.at}` };
  if (walk.at !== bytes.length) return { kind: "faulty", detail: `more bytes after the value at byte ${walk.at}` };
  return { kind: "unpacked", value: unpackr.unpack(bytes) };
}

/** Plain values only: text, finite numbers, booleans, arrays and records of them. */
export function pack(value: unknown): Buffer {
  return packr.pack(value);
}

interface Walk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  fault: string;
}

const BELOW_SAFE = -(2 ** 53);
const ABOVE_SAFE = 2 ** 53;

function walkValue(walk: Walk, depth: number): boolean {
  if (walk.at >= walk.bytes.length) return refuse(walk, "the bytes end too early");
  const token = walk.bytes[walk.at] as number;
  if (token < 0x80 || token >= 0xe0) return skip(walk, 1);
  if (token < 0x90) return walkMap(walk, 1, token & 0x0f, depth);
  if (token < 0xa0) return walkArray(walk, 1, token & 0x0f, depth);
  if (token < 0xc0 || (token >= 0xd9 && token <= 0xdb)) return walkText(walk);
  if (token === 0xc0 || token === 0xc2 || token === 0xc3) return skip(walk, 1);
  if (token === 0xc1) return refuse(walk, "the byte 0xc1 is never used");
  if (token <= 0xc6) return refuse(walk, "binary values have no meaning in an event: send text");
  if (token <= 0xc9 || (token >= 0xd4 && token <= 0xd8)) return refuse(walk, "extension types are not taken");
  if (token <= 0xd3) return walkNumber(walk, token);
  const width = token === 0xdc || token === 0xde ? 2 : 4;
  if (walk.at + 1 + width > walk.bytes.length) return refuse(walk, "the bytes end too early");
  const count = width === 2 ? walk.view.getUint16(walk.at + 1) : walk.view.getUint32(walk.at + 1);
  return token <= 0xdd ? walkArray(walk, 1 + width, count, depth) : walkMap(walk, 1 + width, count, depth);
}

/** Widths of 0xca..0xd3: float 32, 64, uint 8, 16, 32, 64, int 8, 16, 32, 64. */
const NUMBER_BYTES: readonly number[] = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

function walkNumber(walk: Walk, token: number): boolean {
  const width = NUMBER_BYTES[token - 0xca] as number;
  const start = walk.at + 1;
  if (start + width > walk.bytes.length) return refuse(walk, "the bytes end too early");
  if (token === 0xca && !Number.isFinite(walk.view.getFloat32(start))) return refuse(walk, "a number is not finite");
  if (token === 0xcb && !Number.isFinite(walk.view.getFloat64(start))) return refuse(walk, "a number is not finite");
  if (token === 0xcf || token === 0xd3) {
    const value = token === 0xcf ? walk.view.getBigUint64(start) : walk.view.getBigInt64(start);
    if (value > ABOVE_SAFE || value < BELOW_SAFE) return refuse(walk, "a 64-bit number is beyond 2^53");
  }
  return skip(walk, 1 + width);
}

function walkArray(walk: Walk, header: number, count: number, depth: number): boolean {
  if (depth >= DEPTH_MAX) return refuse(walk, `nested deeper than ${DEPTH_MAX}`);
  if (count > walk.bytes.length - walk.at) return refuse(walk, "an array is longer than the bytes");
  walk.at += header;
  for (let index = 0; index < count; index++) if (!walkValue(walk, depth + 1)) return false;
  return true;
}

function walkMap(walk: Walk, header: number, count: number, depth: number): boolean {
  if (depth >= DEPTH_MAX) return refuse(walk, `nested deeper than ${DEPTH_MAX}`);
  if (count > MAP_KEYS_MAX) return refuse(walk, `a map has more than ${MAP_KEYS_MAX} keys`);
  walk.at += header;
  const ends: number[] = [];
  const starts: number[] = [];
  for (let index = 0; index < count; index++) {
    const keyAt = walk.at;
    const start = keyAt + textHeader(walk.bytes[keyAt] ?? 0);
    if (start === keyAt) return refuse(walk, "a map has a key that is not text, or the bytes end too early");
    if (!walkText(walk)) return false;
    if (!isFreshKey(walk.bytes, start, walk.at, starts, ends)) {
      walk.at = keyAt;
      return refuse(walk, `a map has a key twice, or one of ${FORBIDDEN_NAMES.join(", ")}`);
    }
    starts.push(start);
    ends.push(walk.at);
    if (!walkValue(walk, depth + 1)) return false;
  }
  return true;
}

function isFreshKey(bytes: Uint8Array, start: number, end: number, starts: number[], ends: number[]): boolean {
  for (let index = 0; index < starts.length; index++) {
    if (sameBytes(bytes, start, end, bytes, starts[index] as number, ends[index] as number)) return false;
  }
  for (const name of forbidden) if (sameBytes(bytes, start, end, name, 0, name.length)) return false;
  return true;
}

function sameBytes(a: Uint8Array, start: number, end: number, b: Uint8Array, from: number, to: number): boolean {
  if (end - start !== to - from) return false;
  for (let offset = 0; offset < to - from; offset++) if (a[start + offset] !== b[from + offset]) return false;
  return true;
}

/** Bytes before the characters of a text; 0 where the token does not begin one. */
function textHeader(token: number): number {
  if (token >= 0xa0 && token < 0xc0) return 1;
  return token === 0xd9 ? 2 : token === 0xda ? 3 : token === 0xdb ? 5 : 0;
}

function walkText(walk: Walk): boolean {
  const token = walk.bytes[walk.at] as number;
  const start = walk.at + textHeader(token);
  if (start > walk.bytes.length) return refuse(walk, "the bytes end too early");
  const length =
    token < 0xc0
      ? token & 0x1f
      : token === 0xd9
        ? (walk.bytes[walk.at + 1] as number)
        : token === 0xda
          ? walk.view.getUint16(walk.at + 1)
          : walk.view.getUint32(walk.at + 1);
  if (length > walk.bytes.length - start) return refuse(walk, "a text is longer than the bytes");
  for (let index = start; index < start + length; index++) {
    if ((walk.bytes[index] as number) < 0x80) continue;
    if (isUtf8(walk.bytes.subarray(index, start + length))) break;
    return refuse(walk, "a text is not UTF-8");
  }
  walk.at = start + length;
  return true;
}

function skip(walk: Walk, bytes: number): boolean {
  walk.at += bytes;
  return true;
}

function refuse(walk: Walk, fault: string): boolean {
  walk.fault = fault;
  return false;
}
