// What is said on /v1/live, both ways, as schemas: they check what comes in and are published in /asyncapi.json.
import type { Static } from "typebox";
import Type from "typebox";
import { unpackStrictly } from "../ingest/messagepack.ts";
import { InstantSchema, REPORTED_OUTCOMES } from "../ingest/schemas.ts";
import { createCheck } from "./check-body.ts";
import { parseJson } from "./parse-json.ts";
import { CardBody, CustomerBody, DecisionBody } from "./wire.ts";

export const SUBPROTOCOLS = ["nba.v1.json", "nba.v1.msgpack"] as const;
export type Subprotocol = (typeof SUBPROTOCOLS)[number];

const closed = { additionalProperties: false };
const Id = Type.Optional(
  Type.String({ maxLength: 64, description: "chosen by the client, repeated in ack and error" }),
);
const Topic = Type.String({ minLength: 1, maxLength: 300, description: "customer/ID or decisions" });
const Cursor = Type.String({ minLength: 1, maxLength: 40, description: "opaque" });

export const Connect = Type.Object(
  { op: Type.Literal("connect"), id: Id, token: Type.Optional(Type.String({ maxLength: 8_192 })) },
  closed,
);
export const Subscribe = Type.Object(
  {
    op: Type.Literal("subscribe"),
    id: Id,
    topic: Topic,
    placement: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "asks as a decision does" })),
    locale: Type.Optional(Type.String({ maxLength: 35 })),
    since: Type.Optional(Cursor),
  },
  closed,
);
export const Unsubscribe = Type.Object({ op: Type.Literal("unsubscribe"), id: Id, topic: Topic }, closed);
export const ReportOutcome = Type.Object(
  {
    op: Type.Literal("outcome"),
    id: Id,
    trackingCode: Type.String({ maxLength: 40 }),
    outcome: Type.Enum(REPORTED_OUTCOMES),
    reason: Type.Optional(Type.String({ maxLength: 256 })),
    until: Type.Optional(InstantSchema),
    ts: Type.Optional(InstantSchema),
    value: Type.Optional(Type.Number()),
    note: Type.Optional(Type.String({ maxLength: 1_024 })),
  },
  closed,
);

export type Connect = Static<typeof Connect>;
export type Subscribe = Static<typeof Subscribe>;
export type Unsubscribe = Static<typeof Unsubscribe>;
export type ReportOutcome = Static<typeof ReportOutcome>;
export type ClientMessage = Connect | Subscribe | Unsubscribe | ReportOutcome;

export const Ack = Type.Object({
  op: Type.Literal("ack"),
  for: Type.Enum(["connect", "subscribe", "unsubscribe", "outcome"]),
  id: Id,
  topic: Type.Optional(Topic),
  cursor: Type.Optional(Cursor),
  trackingCode: Type.Optional(Type.String()),
  outcome: Type.Optional(Type.String()),
  scopes: Type.Optional(Type.Array(Type.String(), { description: "of the token, where one was shown" })),
  topics: Type.Optional(Type.Array(Type.String(), { description: "that the token names" })),
  expiresAt: Type.Optional(
    Type.Number({ description: "ms since 1970: the socket is closed (4401) unless it connects anew" }),
  ),
});
export const ErrorFrame = Type.Object({
  op: Type.Literal("error"),
  code: Type.Enum([
    "unknown-topic",
    "unknown-placement",
    "unknown-tracking-code",
    "refused",
    "unavailable",
    "limit",
    "forbidden",
  ]),
  detail: Type.String(),
  id: Id,
  topic: Type.Optional(Topic),
  trackingCode: Type.Optional(Type.String()),
});
export const Snapshot = Type.Object({
  op: Type.Literal("snapshot"),
  topic: Topic,
  cursor: Cursor,
  customer: Type.Union([CustomerBody, Type.Null()]),
  nbas: Type.Array(CardBody),
  degraded: Type.Optional(Type.Array(Type.String())),
});
export const Nba = Type.Object({ op: Type.Literal("nba"), topic: Topic, cursor: Cursor, decision: CardBody });
export const Withdraw = Type.Object({
  op: Type.Literal("withdraw"),
  topic: Topic,
  cursor: Cursor,
  trackingCode: Type.String(),
  because: Type.String(),
});
export const FeedDecision = Type.Object({
  op: Type.Literal("decision"),
  topic: Topic,
  cursor: Cursor,
  decision: DecisionBody,
  skipped: Type.Optional(Type.Integer({ description: "decisions left out before this one: the feed is bounded" })),
});

export type Ack = Static<typeof Ack>;
export type ErrorFrame = Static<typeof ErrorFrame>;
export type ServerMessage =
  | Ack
  | ErrorFrame
  | Static<typeof Snapshot>
  | Static<typeof Nba>
  | Static<typeof Withdraw>
  | Static<typeof FeedDecision>;

const checks = {
  connect: createCheck(Connect),
  subscribe: createCheck(Subscribe),
  unsubscribe: createCheck(Unsubscribe),
  outcome: createCheck(ReportOutcome),
} as const;

export type DecodedMessage =
  | { readonly kind: "message"; readonly message: ClientMessage }
  | { readonly kind: "bad"; readonly why: string };

export const MESSAGE_BYTES_MAX = 16 * 1024;

/** Parses and checks one message; `isBinary` as the frame said. */
export function decodeMessage(bytes: Uint8Array, isBinary: boolean, subprotocol: Subprotocol): DecodedMessage {
  if (bytes.length > MESSAGE_BYTES_MAX) return bad(`a message has at most ${MESSAGE_BYTES_MAX} bytes`);
  if (isBinary !== (subprotocol === "nba.v1.msgpack"))
    return bad(`${subprotocol} takes ${subprotocol === "nba.v1.msgpack" ? "binary" : "text"} frames`);
  const parsed = isBinary ? unpackStrictly(bytes) : parseJson(bytes);
  if (parsed.kind === "faulty") return bad(`not MessagePack: ${parsed.detail}`);
  if (parsed.kind === "malformed") return bad(parsed.why);
  const op = typeof parsed.value === "object" && parsed.value !== null && "op" in parsed.value ? parsed.value.op : "";
  if (op !== "connect" && op !== "subscribe" && op !== "unsubscribe" && op !== "outcome")
    return bad("op must be connect, subscribe, unsubscribe or outcome");
  const checked = checks[op](parsed.value);
  if (checked.kind === "valid") return { kind: "message", message: checked.value };
  const [first] = checked.errors;
  return bad(`${op}: ${first?.pointer ?? ""} ${first?.detail ?? "is not valid"}`);
}

function bad(why: string): DecodedMessage {
  return { kind: "bad", why };
}
