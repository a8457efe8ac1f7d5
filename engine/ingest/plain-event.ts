// Events as nearly all producers write them, read from their bytes at one go: JSON of ASCII without an escape, of the fields
// that are declared, each of them once, and within their bounds. Whatever else it meets, right or wrong, it leaves to JSON.parse
// and the schema (decode-event.ts), which say what is wrong; what it takes is what they would take (plain-event.test.ts).
import type { Props, PropValue } from "../domain/event.ts";
import {
  ANONYMOUS_LENGTH_MAX,
  CHANNEL_LENGTH_MAX,
  CUSTOMER_LENGTH_MAX,
  ID_LENGTH_MAX,
  PAYLOAD_BYTES_MAX,
  PROP_NAME_LENGTH_MAX,
  PROPS_MAX,
  SESSION_LENGTH_MAX,
  SET_MAX,
  TEXT_LENGTH_MAX,
  TYPE_LENGTH_MAX,
} from "./bounds.ts";
import { nameIn } from "./known-names.ts";
import { type CheckedEvent, FORBIDDEN_NAMES, INSTANT_MAX, isTraceparent } from "./schemas.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const F = 0x66;
const T = 0x74;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SPACE = 0x20;

/** 1: a character that stands for itself within a text, and takes one byte. */
const STANDS_FOR_ITSELF = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte < 0x7f && byte !== QUOTE && byte !== 0x5c ? 1 : 0,
);
/** A text this long or longer would be a slice that keeps all of the payload in memory with it. */
const SLICED_LENGTH_MIN = 13;
/** So many digits are exact in a double, and so are the powers of ten up to this one: their quotient is rounded once, as it should be. */
const DIGITS_MAX = 15;
const POWERS = Array.from({ length: DIGITS_MAX + 1 }, (_, exponent) => 10 ** exponent);
const NO_PROPS: Props = Object.freeze({});

type Writable = { -readonly [Field in keyof CheckedEvent]: CheckedEvent[Field] | undefined };

let bytes: Buffer = Buffer.alloc(0);
let text = "";
/** Where the reading is. */
let at = 0;

/** The fields of the event; undefined where somebody else has to look at it. */
export function readPlainEvent(payload: Uint8Array): CheckedEvent | undefined {
  if (payload.length > PAYLOAD_BYTES_MAX || payload[0] !== OPEN) return undefined;
  bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  text = bytes.toString("latin1");
  at = 0;
  const event = nothing();
  return readFields(event) && at === bytes.length && isWhole(event) ? (event as CheckedEvent) : undefined;
}

function nothing(): Writable {
  return {
    id: undefined,
    type: undefined,
    customer: undefined,
    anonymousId: undefined,
    ts: undefined,
    props: undefined,
    session: undefined,
    channel: undefined,
    traceparent: undefined,
  };
}

/** False where something is other than expected. */
function readFields(to: Writable): boolean {
  if (!follows(OPEN)) return false;
  for (let count = 1; ; count++) {
    const name = readName();
    if (name === undefined || !readField(to, name)) return false;
    // Of a field that comes twice the last would count.
    if (follows(CLOSE)) return count === fieldsIn(to);
    if (!follows(COMMA)) return false;
  }
}

function fieldsIn(event: Writable): number {
  let count = 0;
  if (event.id !== undefined) count++;
  if (event.type !== undefined) count++;
  if (event.customer !== undefined) count++;
  if (event.anonymousId !== undefined) count++;
  if (event.ts !== undefined) count++;
  if (event.props !== undefined) count++;
  if (event.session !== undefined) count++;
  if (event.channel !== undefined) count++;
  if (event.traceparent !== undefined) count++;
  return count;
}

function isWhole({ id, type, customer, anonymousId, ts }: Writable): boolean {
  return id !== undefined && type !== undefined && ts !== undefined && (customer ?? anonymousId) !== undefined;
}

function readField(to: Writable, name: string): boolean {
  switch (name) {
    case "id":
      to.id = readText(1, ID_LENGTH_MAX);
      return to.id !== undefined;
    case "type":
      to.type = readKnown(TYPE_LENGTH_MAX);
      return to.type !== undefined;
    case "customer":
      to.customer = readKey(CUSTOMER_LENGTH_MAX);
      return to.customer !== undefined;
    case "anonymousId":
      to.anonymousId = readKey(ANONYMOUS_LENGTH_MAX);
      return to.anonymousId !== undefined;
    case "ts":
      to.ts = readInstant();
      return to.ts !== undefined;
    case "props":
      to.props = readProps();
      return to.props !== undefined;
    case "session":
      to.session = readText(1, SESSION_LENGTH_MAX);
      return to.session !== undefined;
    case "channel":
      to.channel = readKnown(CHANNEL_LENGTH_MAX);
      return to.channel !== undefined;
    case "traceparent":
      to.traceparent = readText(1, TEXT_LENGTH_MAX);
      return to.traceparent !== undefined && isTraceparent(to.traceparent);
    default:
      return false;
  }
}

/** Goes behind this character, and the spaces around it, where it is next. */
function follows(character: number): boolean {
  while (bytes[at] === SPACE) at++;
  if (bytes[at] !== character) return false;
  at++;
  while (bytes[at] === SPACE) at++;
  return true;
}

/** Goes behind a text; where its characters end, or -1. It begins one behind where the reading was. */
function passText(lengthMin: number, lengthMax: number): number {
  if (bytes[at] !== QUOTE) return -1;
  const from = at + 1;
  const last = Math.min(bytes.length - 1, from + lengthMax);
  let end = from;
  while (end < last && STANDS_FOR_ITSELF[bytes[end] as number] === 1) end++;
  if (bytes[end] !== QUOTE || end - from < lengthMin) return -1;
  at = end + 1;
  return end;
}

function readText(lengthMin: number, lengthMax: number): string | undefined {
  const from = at + 1;
  const end = passText(lengthMin, lengthMax);
  return end < 0 ? undefined : text.substring(from, end);
}

/** One of few that come again and again: the same object each time. */
function readKnown(lengthMax: number): string | undefined {
  const from = at + 1;
  const end = passText(1, lengthMax);
  return end < 0 ? undefined : nameIn(bytes, from, end);
}

/** The name of a field or prop, and the colon behind it. */
function readName(): string | undefined {
  const name = readKnown(PROP_NAME_LENGTH_MAX);
  return name === undefined || !follows(COLON) ? undefined : name;
}

/** It stays in memory for long. */
function readKey(lengthMax: number): string | undefined {
  const from = at + 1;
  const end = passText(1, lengthMax);
  if (end < 0 || text.startsWith("anon:", from)) return undefined;
  return end - from < SLICED_LENGTH_MIN ? text.substring(from, end) : bytes.toString("latin1", from, end);
}

function readInstant(): number | undefined {
  const value = readNumber();
  const isInstant = value !== undefined && Number.isInteger(value) && value >= 0 && value <= INSTANT_MAX;
  return isInstant ? value : undefined;
}

/** Without an exponent. */
function readNumber(): number | undefined {
  const isNegative = bytes[at] === MINUS;
  if (isNegative) at++;
  const from = at;
  let digits = passDigits(0);
  const whole = at - from;
  if (whole === 0 || (whole > 1 && bytes[from] === ZERO)) return undefined;
  let fraction = 0;
  if (bytes[at] === POINT) {
    at++;
    const begins = at;
    digits = passDigits(digits);
    fraction = at - begins;
    if (fraction === 0) return undefined;
  }
  if (whole + fraction > DIGITS_MAX) return undefined;
  const value = fraction === 0 ? digits : digits / (POWERS[fraction] as number);
  return isNegative ? -value : value;
}

/** What these digits make of the number so far; goes behind them. */
function passDigits(before: number): number {
  let value = before;
  let next = at;
  for (; next < bytes.length; next++) {
    const digit = (bytes[next] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  at = next;
  return value;
}

const FORBIDDEN: ReadonlySet<string> = new Set(FORBIDDEN_NAMES);

function readProps(): Props | undefined {
  if (!follows(OPEN)) return undefined;
  if (follows(CLOSE)) return NO_PROPS;
  const props: Record<string, PropValue> = {};
  for (let count = 1; count <= PROPS_MAX; count++) {
    const name = readName();
    const value = name === undefined || FORBIDDEN.has(name) ? undefined : readValue();
    if (value === undefined) return undefined;
    props[name as string] = value;
    if (follows(CLOSE)) return props;
    if (!follows(COMMA)) return undefined;
  }
  return undefined;
}

function readValue(): PropValue | undefined {
  const first = bytes[at];
  if (first === QUOTE) return readText(0, TEXT_LENGTH_MAX);
  if (first === T) return readWord("true") ? true : undefined;
  if (first === F) return readWord("false") ? false : undefined;
  return first === OPEN_LIST ? readSet() : readNumber();
}

function readWord(word: "true" | "false"): boolean {
  if (!text.startsWith(word, at)) return false;
  at += word.length;
  return true;
}

function readSet(): readonly string[] | undefined {
  follows(OPEN_LIST);
  const set: string[] = [];
  if (follows(CLOSE_LIST)) return set;
  while (set.length < SET_MAX) {
    const one = readText(0, TEXT_LENGTH_MAX);
    if (one === undefined) return undefined;
    set.push(one);
    if (follows(CLOSE_LIST)) return set;
    if (!follows(COMMA)) return undefined;
  }
  return undefined;
}
