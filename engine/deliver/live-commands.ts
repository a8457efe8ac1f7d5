// What a client of /v1/live may ask for: connect, subscribe, unsubscribe, outcome.
import type { CustomerKey, TrackingCode } from "../domain/ids.ts";
import { parseTrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { CUSTOMER_LENGTH_MAX } from "../ingest/bounds.ts";
import { outcomeEvent, timeFault } from "./append-events.ts";
import type { ClientMessage, ErrorFrame, ReportOutcome, Subscribe } from "./live-messages.ts";
import type { Live, Peer } from "./live-peer.ts";
import { SUBSCRIPTIONS_MAX, sendMessage } from "./live-peer.ts";
import type { SubscribeDeps } from "./live-subscribe.ts";
import { subscribeCustomer } from "./live-subscribe.ts";

export interface CommandDeps extends SubscribeDeps {}

const CUSTOMER_TOPIC = "customer/";
const FEED_TOPIC = "decisions";

/** Does what a message says and answers it with ack, snapshot or error. Rejects where the engine cannot be asked. */
export async function obey(deps: CommandDeps, peer: Peer, live: Live, message: ClientMessage): Promise<void> {
  const { metrics } = deps;
  switch (message.op) {
    case "connect":
      return sendMessage(peer, { op: "ack", for: "connect", ...idOf(message) }, metrics);
    case "subscribe":
      return subscribe(deps, peer, live, message);
    case "unsubscribe":
      leaveTopic(deps, peer, live, message.topic);
      return sendMessage(peer, { op: "ack", for: "unsubscribe", topic: message.topic, ...idOf(message) }, metrics);
    case "outcome":
      return report(deps, peer, message);
  }
}

export function leaveTopic({ topics }: Pick<CommandDeps, "topics">, peer: Peer, live: Live, topic: string): void {
  const subscription = live.subscriptions.get(topic);
  if (subscription === undefined) return;
  live.subscriptions.delete(topic);
  if (subscription.kind === "customer") topics.unfollow(subscription);
  else topics.unfollowFeed(peer);
}

/** Tells the client that its message came to nothing, and what it was about. */
export function refuse(
  { metrics }: Pick<CommandDeps, "metrics">,
  peer: Peer,
  message: ClientMessage,
  code: ErrorFrame["code"],
  detail: string,
): void {
  sendMessage(peer, { op: "error", code, detail, ...aboutOf(message), ...idOf(message) }, metrics);
}

async function subscribe(deps: CommandDeps, peer: Peer, live: Live, message: Subscribe): Promise<void> {
  const { topic } = message;
  const key = topic.startsWith(CUSTOMER_TOPIC) ? topic.slice(CUSTOMER_TOPIC.length) : "";
  const isCustomer = key !== "" && key.length <= CUSTOMER_LENGTH_MAX;
  if (!isCustomer && topic !== FEED_TOPIC)
    return refuse(deps, peer, message, "unknown-topic", "topics are customer/ID and decisions");
  leaveTopic(deps, peer, live, topic);
  if (live.subscriptions.size >= SUBSCRIPTIONS_MAX)
    return refuse(deps, peer, message, "limit", `a socket follows at most ${SUBSCRIPTIONS_MAX} topics`);
  if (isCustomer) return subscribeCustomer(deps, peer, live, message, key as CustomerKey);
  live.subscriptions.set(topic, { kind: "feed", topic });
  deps.topics.followFeed(peer);
  sendMessage(peer, { op: "ack", for: "subscribe", topic, ...idOf(message) }, deps.metrics);
}

async function report(deps: CommandDeps, peer: Peer, message: ReportOutcome): Promise<void> {
  const { op: _op, id: _id, note, ...body } = message;
  const code = parseTrackingCode(message.trackingCode) && (message.trackingCode as TrackingCode);
  const key = code && (await deps.engine.customerOf(code));
  if (key === undefined)
    return refuse(deps, peer, message, "unknown-tracking-code", "no decision in the journal has this tracking code");
  const [now] = (await deps.engine.now([key])) as readonly [Instant];
  const late = body.ts === undefined ? undefined : timeFault(body.ts, now);
  if (late !== undefined) return refuse(deps, peer, message, "refused", `ts ${late}`);
  const meta = { source: "live", now, traceparent: undefined, requestId: undefined } as const;
  const event = outcomeEvent(key, body, note === undefined ? meta : { ...meta, note });
  const [appended] = await deps.engine.append([event]);
  if (appended?.kind !== "appended")
    return refuse(deps, peer, message, "unavailable", `not taken: ${appended?.why ?? "no answer"}`);
  const about = { trackingCode: body.trackingCode, outcome: body.outcome };
  sendMessage(peer, { op: "ack", for: "outcome", ...about, ...idOf(message) }, deps.metrics);
}

function idOf(message: ClientMessage): { id?: string } {
  return message.id === undefined ? {} : { id: message.id };
}

function aboutOf(message: ClientMessage): { topic?: string; trackingCode?: string } {
  switch (message.op) {
    case "connect":
      return {};
    case "subscribe":
    case "unsubscribe":
      return { topic: message.topic };
    case "outcome":
      return { trackingCode: message.trackingCode };
  }
}
