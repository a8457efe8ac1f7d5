// Inputs that are right, of every kind: what fuzzing begins with.
import {
  anonymousKey,
  type CustomerKey,
  customerKey,
  type RulebookHash,
  type TrackingCode,
} from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { decodeEvent } from "../../engine/ingest/decode-event.ts";
import { encodeForward, encodeMerge, encodeSeal } from "../../engine/ingest/join-entry.ts";
import {
  type EntryFields,
  encodeActivation,
  encodeAgain,
  encodeCampaign,
  encodeDelivered,
  encodeEvent,
  encodeTimer,
} from "../../engine/ingest/log-entry.ts";
import { isRefused } from "../../engine/ingest/refused.ts";

export const TAKEN_AT = 1_763_800_000_000;
const CODE = "AAECAwQFBgcICQoLDA0ODw.1" as TrackingCode;
const event = (more: object): Readonly<Record<string, unknown>> => ({
  id: "e-1",
  type: "page_view",
  customer: "c-17",
  ts: TAKEN_AT,
  ...more,
});

/** One of every type with a meaning of its own, some more, and one as CloudEvents has them. */
export const EVENTS: readonly Readonly<Record<string, unknown>>[] = [
  event({ session: "s", props: { section: "loans" } }),
  event({ type: "purchase", props: { amount: 129.9, held: ["card", "loan"], vip: true, größe: "xl" } }),
  event({ type: "identify", anonymousId: "device-1" }),
  event({ type: "profile_update", props: { first_name: "Ana", tier: "gold" } }),
  event({ type: "consent_update", props: { channel: "push", purpose: "marketing", granted: false } }),
  event({ type: "case_opened", props: { caseId: "k-1", kind: "complaint", slaDueAt: TAKEN_AT } }),
  event({ type: "case_closed", props: { caseId: "k-1" } }),
  event({ type: "task", props: { taskId: "t-1", title: "call", dueAt: TAKEN_AT, state: "open" } }),
  event({ type: "contact", props: { channel: "push", group: "savings", direction: "outbound" } }),
  event({ type: "outcome", props: { trackingCode: CODE, outcome: "later", until: TAKEN_AT + 100_000_000, value: 2 } }),
  event({ channel: "app", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }),
  { id: "a-1", type: "page_view", anonymousId: "device-1", ts: TAKEN_AT, props: {} },
  {
    specversion: "1.0",
    id: "7",
    source: "/shop",
    type: "purchase",
    subject: "c-17",
    time: "2025-11-22T08:26:40Z",
    data: { amount: 9.5 },
  },
];

const C: CustomerKey = customerKey("c-17");
const A: CustomerKey = anonymousKey("device-1");
const decoded = decodeEvent(EVENTS[0], "clickstream");
if (isRefused(decoded)) throw new Error(decoded.detail);

/** Of every kind that an input log holds. */
export const ENTRIES: readonly EntryFields[] = [
  ...EVENTS.map((each): EntryFields => ["s", "clickstream", "d", JSON.stringify(each)]),
  encodeEvent(decoded, (TAKEN_AT - 5_000) as Instant),
  encodeTimer(C, TAKEN_AT as Instant),
  encodeDelivered(C, CODE),
  encodeCampaign(C, "spring", TAKEN_AT as Instant),
  encodeAgain(C, "big-purchase", "e-1", { amount: 120, held: ["card"] }),
  encodeActivation("0123456789abcdef".repeat(4) as RulebookHash, "ops"),
  encodeSeal(A, C),
  encodeMerge(C, A, true, Buffer.alloc(64, 7)),
  encodeMerge(C, A, false),
  encodeForward(C, decoded),
];

/** With the time of now in the place of TAKEN_AT: what is sent to a running engine would else be refused as too old. */
export function asOfNow(field: string | Uint8Array): Buffer {
  if (typeof field !== "string") return Buffer.from(field);
  return Buffer.from(field.replaceAll(String(TAKEN_AT), String(Date.now())));
}

/** Of screens. */
export const MESSAGES: readonly object[] = [
  { op: "connect", id: "1" },
  { op: "connect", id: "1", token: "a.b.c" },
  { op: "subscribe", id: "2", topic: "customer/c-17", placement: "agent-desk", locale: "en", since: "41" },
  { op: "subscribe", topic: "decisions" },
  { op: "unsubscribe", id: "3", topic: "customer/c-17" },
  { op: "outcome", id: "4", trackingCode: CODE, outcome: "later", reason: "busy", until: TAKEN_AT, note: "calls" },
];
