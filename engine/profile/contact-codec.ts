// One contact in bytes, 96 of them:
//
//   id        u8: 1 = the 16 bytes of a decision id and the ordinal as a count; 0 = tracking code and decision id as texts
//   names     6 x u32: issue, group, action, treatment, channel, placement
//   flags     u8: inbound 1 · live 2 · tried 4 · countsAt x 8 · state x 32; then u8: exempt 1 · shadow 2
//   outcomes  u8: outcome + 16 x previous
//   rank      count
//   times     6 x f64: at, reservedUntil, expiresAt, respondBy, outcomeAt, until
import { CONTACT_STATES, COUNTS_AT, type Contact, OUTCOMES } from "../domain/contact.ts";
import { type DecisionId, type NameHash, type TrackingCode, trackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { bytesOfId, ID_BYTES, idOfBytes } from "./base64url.ts";
import type { ByteReader, ByteWriter } from "./binary.ts";

const DOT = ".".charCodeAt(0);
const ZERO = "0".charCodeAt(0);
const ORDINAL_DIGITS = 3;

const idBytes = new Uint8Array(ID_BYTES);

export function writeContact(to: Omit<ByteWriter, "take">, contact: Contact): void {
  writeIds(to, contact);
  to.u32(contact.issue);
  to.u32(contact.group);
  to.u32(contact.action);
  to.u32(contact.treatment);
  to.u32(contact.channel);
  to.u32(contact.placement);
  to.u8(
    (contact.inbound ? 1 : 0) |
      (contact.live ? 2 : 0) |
      (contact.tried ? 4 : 0) |
      (COUNTS_AT.indexOf(contact.countsAt) << 3) |
      (CONTACT_STATES.indexOf(contact.state) << 5),
  );
  to.u8((contact.exempt ? 1 : 0) | (contact.shadow ? 2 : 0));
  to.u8(OUTCOMES.indexOf(contact.outcome) | (OUTCOMES.indexOf(contact.previous) << 4));
  to.count(contact.rank);
  to.f64(contact.at);
  to.f64(contact.reservedUntil);
  to.f64(contact.expiresAt);
  to.f64(contact.respondBy);
  to.f64(contact.outcomeAt);
  to.f64(contact.until);
}

export function readContact(from: ByteReader): Contact {
  const { trackingCode: code, decision } = readIds(from);
  const issue = from.u32() as NameHash;
  const group = from.u32() as NameHash;
  const action = from.u32() as NameHash;
  const treatment = from.u32() as NameHash;
  const channel = from.u32() as NameHash;
  const placement = from.u32() as NameHash;
  const flags = from.u8();
  const more = from.u8();
  const outcomes = from.u8();
  const rank = from.count();
  return {
    trackingCode: code,
    decision,
    issue,
    group,
    action,
    treatment,
    channel,
    placement,
    inbound: (flags & 1) !== 0,
    live: (flags & 2) !== 0,
    tried: (flags & 4) !== 0,
    exempt: (more & 1) !== 0,
    shadow: (more & 2) !== 0,
    countsAt: pick(COUNTS_AT, (flags >> 3) & 3),
    state: pick(CONTACT_STATES, (flags >> 5) & 3),
    outcome: pick(OUTCOMES, outcomes & 15),
    previous: pick(OUTCOMES, outcomes >> 4),
    rank,
    at: from.f64() as Instant,
    reservedUntil: from.f64() as Instant,
    expiresAt: from.f64() as Instant,
    respondBy: from.f64() as Instant,
    outcomeAt: from.f64() as Instant,
    until: from.f64() as Instant,
  };
}

function writeIds(to: Omit<ByteWriter, "take">, { trackingCode: code, decision }: Contact): void {
  const ordinal = code.startsWith(decision) ? ordinalOf(code, decision.length) : -1;
  if (ordinal >= 0 && bytesOfId(decision, idBytes)) {
    to.u8(1);
    to.bytes(idBytes);
    to.count(ordinal);
    return;
  }
  to.u8(0);
  to.text(code);
  to.text(decision);
}

/** What a dot and one to three digits say at the end of a tracking code, as they would be written; -1 where it is not so. */
function ordinalOf(code: string, dot: number): number {
  const digits = code.length - dot - 1;
  if (digits < 1 || digits > ORDINAL_DIGITS || code.charCodeAt(dot) !== DOT) return -1;
  let ordinal = 0;
  for (let at = dot + 1; at < code.length; at++) {
    const digit = code.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9 || (digit === 0 && ordinal === 0 && digits > 1)) return -1;
    ordinal = 10 * ordinal + digit;
  }
  return ordinal;
}

function readIds(from: ByteReader): { readonly trackingCode: TrackingCode; readonly decision: DecisionId } {
  if (from.u8() === 0) {
    return { trackingCode: from.text() as TrackingCode, decision: from.text() as DecisionId };
  }
  const decision = idOfBytes(from.bytes(ID_BYTES)) as DecisionId;
  return { trackingCode: trackingCode(decision, from.count()), decision };
}

function pick<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no value number ${index} of ${values.length}`);
  return value;
}
