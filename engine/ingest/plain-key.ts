// Whose an event is, read from its bytes alone: of JSON as nearly all producers write it, in ASCII without an escape or an
// exponent, only the top level's customer and anonymousId are looked at, and the rest is passed over. Whatever else it meets it
// leaves to JSON.parse and the schema (readKey in decode-event.ts), and so never says that something is wrong; where it names a
// partition, they would name the same one (plain-key.test.ts).
import type { PartitionIndex } from "../domain/ids.ts";
import { crc16 } from "../domain/partition-of.ts";
import { ANONYMOUS_LENGTH_MAX, CUSTOMER_LENGTH_MAX, DEPTH_MAX, PAYLOAD_BYTES_MAX } from "./bounds.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SPACE = 0x20;

const letters = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const CUSTOMER = letters("customer");
const ANONYMOUS_ID = letters("anonymousId");
/** With it the names of the keys are others. */
const SPECVERSION = letters("specversion");
const PREFIX = letters("anon:");
const PREFIX_CRC = crc16(PREFIX);
const WORDS = ["true", "false", "null"].map(letters);

let bytes: Uint8Array = new Uint8Array(0);
/** Where the reading is. */
let at = 0;
/** Of the texts that name the key; -1: none was met. */
let customerFrom = -1;
let customerEnd = -1;
let anonymousFrom = -1;
let anonymousEnd = -1;

/**
 * The partition of the event's key; undefined where somebody else has to look at it. Where it is defined all of the payload
 * is ASCII. `partitions` is a whole number in 1..65,536.
 */
export function plainPartition(payload: Uint8Array, partitions: number): PartitionIndex | undefined {
  if (payload.length > PAYLOAD_BYTES_MAX || payload[0] !== OPEN) return undefined;
  bytes = payload;
  at = 0;
  customerFrom = -1;
  anonymousFrom = -1;
  if (!passFields() || at !== bytes.length) return undefined;
  if (anonymousFrom >= 0 && !isKey(anonymousFrom, anonymousEnd, ANONYMOUS_LENGTH_MAX)) return undefined;
  if (customerFrom >= 0) {
    if (!isKey(customerFrom, customerEnd, CUSTOMER_LENGTH_MAX)) return undefined;
    return (crc16(bytes, customerFrom, customerEnd) % partitions) as PartitionIndex;
  }
  if (anonymousFrom < 0) return undefined;
  return (crc16(bytes, anonymousFrom, anonymousEnd, PREFIX_CRC) % partitions) as PartitionIndex;
}

function isKey(from: number, end: number, lengthMax: number): boolean {
  return end > from && end - from <= lengthMax && !isNext(PREFIX, from);
}

/** The fields of the event itself. False where something is other than expected. */
function passFields(): boolean {
  if (!follows(OPEN)) return false;
  for (;;) {
    const from = at + 1;
    const end = passText();
    if (end < 0 || !follows(COLON)) return false;
    if (isText(CUSTOMER, from, end)) {
      // Of a field that comes twice the last would count.
      if (customerFrom >= 0) return false;
      customerFrom = at + 1;
      customerEnd = passText();
      if (customerEnd < 0) return false;
    } else if (isText(ANONYMOUS_ID, from, end)) {
      if (anonymousFrom >= 0) return false;
      anonymousFrom = at + 1;
      anonymousEnd = passText();
      if (anonymousEnd < 0) return false;
    } else if (isText(SPECVERSION, from, end) || !passValue(1)) return false;
    if (follows(CLOSE)) return true;
    if (!follows(COMMA)) return false;
  }
}

function passValue(depth: number): boolean {
  const first = bytes[at];
  if (first === QUOTE) return passText() >= 0;
  if (first === OPEN) return depth < DEPTH_MAX && passMap(depth);
  if (first === OPEN_LIST) return depth < DEPTH_MAX && passList(depth);
  return isDigit(first) || first === MINUS ? passNumber() : passWord();
}

function passMap(depth: number): boolean {
  follows(OPEN);
  if (follows(CLOSE)) return true;
  for (;;) {
    if (passText() < 0 || !follows(COLON) || !passValue(depth + 1)) return false;
    if (follows(CLOSE)) return true;
    if (!follows(COMMA)) return false;
  }
}

function passList(depth: number): boolean {
  follows(OPEN_LIST);
  if (follows(CLOSE_LIST)) return true;
  for (;;) {
    if (!passValue(depth + 1)) return false;
    if (follows(CLOSE_LIST)) return true;
    if (!follows(COMMA)) return false;
  }
}

/** Goes behind a text; where its characters end, or -1. It begins one behind where the reading was. */
function passText(): number {
  if (bytes[at] !== QUOTE) return -1;
  let end = at + 1;
  for (; end < bytes.length; end++) {
    const byte = bytes[end] as number;
    if (byte === QUOTE) {
      at = end + 1;
      return end;
    }
    if (byte < SPACE || byte > 0x7e || byte === BACKSLASH) return -1;
  }
  return -1;
}

/** Without an exponent. */
function passNumber(): boolean {
  if (bytes[at] === MINUS) at++;
  const from = at;
  passDigits();
  if (at === from || (at > from + 1 && bytes[from] === ZERO)) return false;
  if (bytes[at] !== POINT) return true;
  at++;
  const begins = at;
  passDigits();
  return at > begins;
}

function passDigits(): void {
  while (isDigit(bytes[at])) at++;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

function passWord(): boolean {
  const word = WORDS.find((each) => isNext(each, at));
  if (word === undefined) return false;
  at += word.length;
  return true;
}

/** Goes behind this character, and the spaces around it, where it is next. */
function follows(character: number): boolean {
  while (bytes[at] === SPACE) at++;
  if (bytes[at] !== character) return false;
  at++;
  while (bytes[at] === SPACE) at++;
  return true;
}

function isText(text: Uint8Array, from: number, end: number): boolean {
  return end - from === text.length && isNext(text, from);
}

function isNext(text: Uint8Array, from: number): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[from + index] !== text[index]) return false;
  return true;
}
