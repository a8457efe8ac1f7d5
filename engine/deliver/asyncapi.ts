// AsyncAPI 3.0 of the streams and of /v1/live, from the schemas that check what comes in.
import type { TSchema } from "typebox";
import Type from "typebox";
import { CloudEventSchema, EventSchema, InstantSchema, WELL_KNOWN_PROPS } from "../ingest/schemas.ts";
import {
  Ack,
  Connect,
  ErrorFrame,
  FeedDecision,
  Nba,
  ReportOutcome,
  Snapshot,
  SUBPROTOCOLS,
  Subscribe,
  Unsubscribe,
  Withdraw,
} from "./live-messages.ts";

type Json = Readonly<Record<string, unknown>>;

/** Field `d` of an entry of `nba:channel:NAME`. */
export const ChannelMessage = Type.Object({
  decisionId: Type.String(),
  trackingCode: Type.String({ description: "idempotency key of the delivery; what outcomes refer to" }),
  customer: Type.String(),
  channel: Type.String(),
  action: Type.String(),
  treatment: Type.String(),
  content: Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())])),
  reasons: Type.Array(Type.String()),
  expiresAt: InstantSchema,
  decidedAt: InstantSchema,
});

const TO_ENGINE: Readonly<Record<string, TSchema>> = {
  connect: Connect,
  subscribe: Subscribe,
  unsubscribe: Unsubscribe,
  outcome: ReportOutcome,
};
const FROM_ENGINE: Readonly<Record<string, TSchema>> = {
  ack: Ack,
  error: ErrorFrame,
  snapshot: Snapshot,
  nba: Nba,
  withdraw: Withdraw,
  decision: FeedDecision,
};
const FRONT_DOOR = ["clickstream", "transactions", "outcomes"] as const;

export function asyncApi(version: string): Json {
  const messages = {
    event: { title: "An event, in field `d` as JSON or MessagePack", payload: EventSchema },
    cloudEvent: { title: "CloudEvents 1.0, structured JSON", payload: CloudEventSchema },
    channelMessage: { title: "An item to deliver, in field `d` as JSON", payload: ChannelMessage },
    ...messagesOf(TO_ENGINE),
    ...messagesOf(FROM_ENGINE),
  };
  return {
    asyncapi: "3.0.0",
    info: {
      title: "nba-engine",
      version,
      license: { name: "Apache-2.0" },
      description: "Redis streams in and out, and the WebSocket /v1/live.",
    },
    channels: {
      ...Object.fromEntries(FRONT_DOOR.map((name) => [name, streamIn(name)])),
      live: {
        address: "/v1/live",
        description: `WebSocket, subprotocols ${SUBPROTOCOLS.join(" and ")}`,
        messages: refs([...Object.keys(TO_ENGINE), ...Object.keys(FROM_ENGINE)]),
      },
      outbound: {
        address: "nba:channel:{name}",
        description: "Redis stream that the gateway of a channel reads with its own consumer group",
        parameters: { name: { description: "a channel of kind `stream` in the rulebook" } },
        messages: refs(["channelMessage"]),
      },
    },
    operations: {
      ...Object.fromEntries(FRONT_DOOR.map((name) => [`receive_${name}`, operation("receive", name, STREAM_IN)])),
      receive_live: operation("receive", "live", Object.keys(TO_ENGINE)),
      send_live: operation("send", "live", Object.keys(FROM_ENGINE)),
      send_outbound: operation("send", "outbound", ["channelMessage"]),
    },
    components: { messages, schemas: { ...WELL_KNOWN_PROPS } },
  };
}

const STREAM_IN = ["event", "cloudEvent"];

function streamIn(address: string): Json {
  return {
    address,
    description: "Redis stream; props of the types with a meaning of their own are under components.schemas",
    messages: refs(STREAM_IN),
  };
}

function operation(action: "send" | "receive", channel: string, names: readonly string[]): Json {
  return {
    action,
    channel: { $ref: `#/channels/${channel}` },
    messages: names.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` })),
  };
}

function refs(names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

function messagesOf(schemas: Readonly<Record<string, TSchema>>): Json {
  return Object.fromEntries(Object.entries(schemas).map(([name, payload]) => [name, { payload }]));
}
