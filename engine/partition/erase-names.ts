// Is somebody named in bytes that need not be whole, nor an event at all? Ids are compared as what they are read to be, for an
// encoder may write any character as an escape, and MessagePack any length in more bytes than it needs. Pure.
import type { CustomerKey } from "../domain/ids.ts";

/** A text within a text, as an answer within what is kept of it, is read so deep. */
const DEPTH_MAX = 3;
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|u[0-9a-fA-F]{0,3}$|(.)|$)/gs;
const CONTROLS: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
/** What stands between words where nothing is in double quotes, as in CSV or what a logger printed. */
const BREAKS = /[\s,;:=&|'`(){}[\]<>]+/;

/** Is one of these keys a word of this JSON or MessagePack, or as much of a word as is left where it was cut off? */
export function names(bytes: Uint8Array, keys: Iterable<CustomerKey>): boolean {
  return isNamed(bytes, keys, false);
}

/** The same of what nobody can read: also as a word that stands in no quotes. */
export function mayName(bytes: Uint8Array, keys: Iterable<CustomerKey>): boolean {
  return isNamed(bytes, keys, true);
}

function isNamed(bytes: Uint8Array, keys: Iterable<CustomerKey>, isBare: boolean): boolean {
  const ids = idsOf(keys);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString();
  if (inText(text, ids, isBare, DEPTH_MAX)) return true;
  // Not UTF-8 as a whole: its words may be packed, or of the older encoding.
  if (text.includes("\ufffd") && inText(buffer.toString("latin1"), ids, isBare, DEPTH_MAX)) return true;
  for (const id of ids) if (isPackedIn(buffer, Buffer.from(id))) return true;
  return false;
}

/** A device is also known by what its producer calls it. */
function idsOf(keys: Iterable<CustomerKey>): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const key of keys) {
    ids.add(key);
    if (key.startsWith("anon:")) ids.add(key.slice("anon:".length));
  }
  return ids;
}

/** What stands between two quotes is a word; which of them opens and which closes need not be known. */
function inText(text: string, ids: ReadonlySet<string>, isBare: boolean, depth: number): boolean {
  let isQuoted = false;
  for (let from = 0; from <= text.length; isQuoted = !isQuoted) {
    const end = quoteFrom(text, from);
    const written = text.slice(from, end);
    const word = written.includes("\\") ? unescaped(written) : written;
    if (ids.has(word) || (end === text.length && beginsOne(word, ids))) return true;
    if (word !== written && word.includes('"') && depth > 0 && inText(word, ids, isBare, depth - 1)) return true;
    if (isBare && !isQuoted && word.split(BREAKS).some((bare) => ids.has(bare))) return true;
    from = end + 1;
  }
  return false;
}

/** The next quote that no backslash escapes; the end where there is none. */
function quoteFrom(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (at - backslashes > from && text[at - backslashes - 1] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

function unescaped(written: string): string {
  return written.replace(ESCAPE, (_all, hex?: string, character?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return character === undefined ? "" : (CONTROLS[character] ?? character);
  });
}

/** Less than half of an id tells of nobody. */
function beginsOne(word: string, ids: ReadonlySet<string>): boolean {
  const left = word.replace(/\ufffd$/, ""); // half of a character
  if (left === "") return false;
  for (const id of ids) if (left.length * 2 >= id.length && id.startsWith(left)) return true;
  return false;
}

/** As a string or bytes of MessagePack: a length, then so many bytes or what is left of them. */
function isPackedIn(buffer: Buffer, id: Buffer): boolean {
  const begun = id.subarray(0, Math.ceil(id.length / 2));
  for (let at = buffer.indexOf(begun, 1); at >= 0; at = buffer.indexOf(begun, at + 1)) {
    const rest = buffer.subarray(at, at + id.length);
    if (rest.equals(id.subarray(0, rest.length)) && isLengthBefore(buffer, at, id.length)) return true;
  }
  return false;
}

function isLengthBefore(buffer: Buffer, at: number, length: number): boolean {
  const tag = (back: number): number => buffer[at - back] ?? -1;
  if (length < 32 && tag(1) === (0xa0 | length)) return true;
  if ((tag(2) === 0xd9 || tag(2) === 0xc4) && tag(1) === length) return true;
  if ((tag(3) === 0xda || tag(3) === 0xc5) && buffer.readUInt16BE(at - 2) === length) return true;
  return (tag(5) === 0xdb || tag(5) === 0xc6) && buffer.readUInt32BE(at - 4) === length;
}
