// Bytes to an event, once, at the edge: inside, nothing is validated again. What is wrong is a value, never an exception.
import { isUtf8 } from "node:buffer";
import { Compile } from "typebox/compile";
import type { CustomerEvent, Props } from "../domain/event.ts";
import { anonymousKey, type CustomerKey, customerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { CUSTOMER_LENGTH_MAX, ID_LENGTH_MAX, PAYLOAD_BYTES_MAX, TYPE_LENGTH_MAX } from "./bounds.ts";
import { fromCloudEvent, isCloudEvent } from "./cloud-event.ts";
import { firstFault } from "./first-fault.ts";
import { unpackStrictly } from "./messagepack.ts";
import { readPlainEvent } from "./plain-event.ts";
import { isRefused, type Refused, refusal, refusalOf, refusalOfField } from "./refused.ts";
import { type CheckedEvent, EventSchema, FORBIDDEN_NAMES, WELL_KNOWN_PROPS, type WellKnownType } from "./schemas.ts";

export interface Parsed {
  readonly value: Readonly<Record<string, unknown>>;
}

const event = Compile(EventSchema);
const wellKnown = new Map(Object.entries(WELL_KNOWN_PROPS).map(([type, schema]) => [type, Compile(schema)]));
const NO_PROPS: Props = Object.freeze({});
const OPEN_BRACE = 0x7b;

/** JSON where the first byte is `{`, else a MessagePack map. */
export function parsePayload(bytes: Uint8Array): Parsed | Refused {
  if (bytes.length > PAYLOAD_BYTES_MAX) {
    return refusal("too-large", "", `${bytes.length} bytes: an event has at most ${PAYLOAD_BYTES_MAX}`);
  }
  if (bytes.length === 0) return refusal("not-parseable", "", "is empty: send a JSON object or a MessagePack map");
  if (bytes[0] === OPEN_BRACE) return parseJson(bytes);
  if (!isMapToken(bytes[0] as number)) {
    return refusal("not-parseable", "", "is neither a JSON object (first byte {) nor a MessagePack map");
  }
  const unpacked = unpackStrictly(bytes);
  if (unpacked.kind === "faulty") return refusal("not-parseable", "", `is not valid MessagePack: ${unpacked.detail}`);
  return { value: unpacked.value as Record<string, unknown> };
}

export function decodeEventBytes(bytes: Uint8Array, source: string): CustomerEvent | Refused {
  const plain = readPlainEvent(bytes);
  if (plain !== undefined && hasPropsOfItsType(plain)) return eventOf(plain, source);
  const parsed = parsePayload(bytes);
  return isRefused(parsed) ? parsed : decodeEvent(parsed.value, source);
}

/** `source` is the stream that it came through, at most 64 characters. `value` as JSON.parse or parsePayload gives it. */
export function decodeEvent(value: unknown, source: string): CustomerEvent | Refused {
  if (isCloudEvent(value)) {
    const mapped = fromCloudEvent(value);
    if (isRefused(mapped)) return mapped;
    const decoded = decodeEvent(mapped, source);
    return isRefused(decoded) ? { ...decoded, pointer: cloudPointer(decoded.pointer) } : decoded;
  }
  if (!event.Check(value)) {
    const fault = isRecord(value) ? firstFault(value) : undefined;
    return fault === undefined
      ? refusalOf(event.Errors(value), value)
      : refusalOfField(fault, value as Parsed["value"]);
  }
  const checked = value as unknown as CheckedEvent;
  const fault = beyondTheSchema(checked) ?? wrongProps(checked);
  return fault ?? eventOf(checked, source);
}

function eventOf(checked: CheckedEvent, source: string): CustomerEvent {
  const { id, type, session, channel, traceparent } = checked;
  const key = keyOf(checked) as CustomerKey;
  const ts = checked.ts as Instant;
  const props = checked.props ?? NO_PROPS;
  const isJoining = type === "identify" && checked.customer !== undefined && checked.anonymousId !== undefined;
  // In one literal, as it is most often: fields that are added to an object one by one cost more than all of it.
  if (!isJoining && traceparent === undefined && session !== undefined && channel !== undefined)
    return { id, type, key, ts, source, props, session, channel };
  const decoded: { -readonly [Field in keyof CustomerEvent]: CustomerEvent[Field] } = {
    id,
    type,
    key,
    ts,
    source,
    props,
  };
  if (isJoining && checked.anonymousId !== undefined) decoded.anonymousId = checked.anonymousId;
  if (session !== undefined) decoded.session = session;
  if (channel !== undefined) decoded.channel = channel;
  if (traceparent !== undefined) decoded.traceparent = traceparent;
  return decoded;
}

function isRecord(value: unknown): value is Parsed["value"] {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whose it is, even where the rest of it is wrong; undefined where no well-formed customer or anonymousId is to be read. */
export function readKey(value: Readonly<Record<string, unknown>>): CustomerKey | undefined {
  const isCloud = isCloudEvent(value);
  const customer = own(value, isCloud ? "subject" : "customer");
  const anonymousId = own(value, isCloud ? "anonymousid" : "anonymousId");
  const probe: unknown = {
    id: "-",
    type: "-",
    ts: 0,
    ...(customer === undefined ? undefined : { customer }),
    ...(anonymousId === undefined ? undefined : { anonymousId }),
  };
  if (!event.Check(probe) || beyondTheSchema(probe) !== undefined) return undefined;
  return keyOf(probe);
}

/** Names of CloudEvents for what decodeEvent calls by ours. */
function cloudPointer(pointer: string): string {
  return pointer
    .replace(/^\/customer/, "/subject")
    .replace(/^\/anonymousId/, "/anonymousid")
    .replace(/^\/props/, "/data");
}

function own(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The customer's where both are given. */
function keyOf(checked: CheckedEvent): CustomerKey | undefined {
  if (checked.customer !== undefined) return customerKey(checked.customer);
  return checked.anonymousId === undefined ? undefined : anonymousKey(checked.anonymousId);
}

/** What a JSON Schema does not say: one of two ids, lengths in UTF-16 units, texts without lone surrogates. */
function beyondTheSchema(checked: CheckedEvent): Refused | undefined {
  const { id, type, customer, anonymousId } = checked;
  if (customer === undefined && anonymousId === undefined) {
    return refusal("invalid", "/customer", "is missing: customer or anonymousId is required");
  }
  for (const name of FORBIDDEN_NAMES) {
    if (Object.hasOwn(checked, name)) return refusal("invalid", `/${name}`, "is no name for a field");
  }
  if (id.length > ID_LENGTH_MAX) return refusal("invalid", "/id", `must have at most ${ID_LENGTH_MAX} UTF-16 units`);
  if (type.length > TYPE_LENGTH_MAX)
    return refusal("invalid", "/type", `must have at most ${TYPE_LENGTH_MAX} UTF-16 units`);
  if ((customer?.length ?? 0) > CUSTOMER_LENGTH_MAX) {
    return refusal("invalid", "/customer", `must have at most ${CUSTOMER_LENGTH_MAX} UTF-16 units`);
  }
  return loneSurrogate(checked);
}

declare global {
  interface String {
    /** Of ES2024, and of Node 20, but not yet of the library types that this project compiles with. */
    isWellFormed(): boolean;
  }
}

const TEXTS = ["id", "type", "customer", "anonymousId", "session", "channel"] as const;

/** A lone surrogate has no UTF-8: two keys that differ here would be one in Redis. */
function loneSurrogate(checked: CheckedEvent): Refused | undefined {
  const props = checked.props ?? NO_PROPS;
  for (const name of TEXTS) {
    if (checked[name]?.isWellFormed() === false) return refusal("invalid", `/${name}`, "has half of a surrogate pair");
  }
  for (const name of Object.keys(props)) {
    const value = props[name];
    const isBroken =
      !name.isWellFormed() ||
      (typeof value === "string" && !value.isWellFormed()) ||
      (Array.isArray(value) && !value.every((each: string) => each.isWellFormed()));
    if (isBroken) return refusal("invalid", "/props", "has a text with half of a surrogate pair");
  }
  return undefined;
}

function wrongProps(checked: CheckedEvent): Refused | undefined {
  if (hasPropsOfItsType(checked)) return undefined;
  const props = checked.props ?? NO_PROPS;
  const faults = wellKnown.get(checked.type as WellKnownType)?.Errors(props) ?? [];
  return refusalOf(faults, props, "/props");
}

/** Where the type has a meaning of its own. */
function hasPropsOfItsType({ type, props }: CheckedEvent): boolean {
  return wellKnown.get(type as WellKnownType)?.Check(props ?? NO_PROPS) !== false;
}

function isMapToken(byte: number): boolean {
  return (byte >= 0x80 && byte < 0x90) || byte === 0xde || byte === 0xdf;
}

/** V8 quotes the text in its message, which may be a customer's: only the position is passed on. */
function parseJson(bytes: Uint8Array): Parsed | Refused {
  if (!isUtf8(bytes)) return refusal("not-parseable", "", "is not UTF-8");
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    return { value: JSON.parse(text) as Record<string, unknown> };
  } catch (error) {
    const position = /at position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    return refusal("not-parseable", "", `is not valid JSON${position === undefined ? "" : ` at position ${position}`}`);
  }
}
