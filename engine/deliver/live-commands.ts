// What a client of /v1/live may ask for once it is let in: subscribe, unsubscribe, outcome.
import type { CustomerKey, TrackingCode } from "../domain/ids.ts";
import { parseTrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { CUSTOMER_LENGTH_MAX } from "../ingest/bounds.ts";
import { outcomeEvent, timeFault } from "./append-events.ts";
import { mayFollow } from "./auth/caller.ts";
import { reachesWhose } from "./auth/reaches-whose.ts";
import type { ClientMessage, Connect, ErrorFrame, ReportOutcome, Subscribe } from "./live-messages.ts";
import type { Live, Peer } from "./live-peer.ts";
import { CLOSE, closePeer, SUBSCRIPTIONS_MAX, sendMessage } from "./live-peer.ts";
import type { SubscribeDeps } from "./live-subscribe.ts";
import { subscribeCustomer } from "./live-subscribe.ts";

export interface CommandDeps extends SubscribeDeps {}

export type Command = Exclude<ClientMessage, Connect>;

const CUSTOMER_TOPIC = "customer/";
const FEED_TOPIC = "decisions";

/** Does what a message says and answers it with ack, snapshot or error. Rejects where the engine cannot be asked. */
export async function obey(deps: CommandDeps, peer: Peer, live: Live, message: Command): Promise<void> {
  const { metrics } = deps;
  switch (message.op) {
    case "subscribe":
      return subscribe(deps, peer, live, message);
    case "unsubscribe":
      leaveTopic(deps, peer, live, message.topic);
      return sendMessage(peer, { op: "ack", for: "unsubscribe", topic: message.topic, ...idOf(message) }, metrics);
    case "outcome":
      return report(deps, peer, live, message);
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
  message: Command,
  code: ErrorFrame["code"],
  detail: string,
): void {
  sendMessage(peer, { op: "error", code, detail, ...aboutOf(message), ...idOf(message) }, metrics);
}

/** Tells why, then closes: a client that asks for what is not its own is broken, or worse. */
function notYours(deps: CommandDeps, peer: Peer, message: Command, what: string): void {
  refuse(deps, peer, message, "forbidden", `${what} is not among those of your token`);
  closePeer(peer, CLOSE.forbidden, `${what} is not yours`, "forbidden", deps.metrics);
}

async function subscribe(deps: CommandDeps, peer: Peer, live: Live, message: Subscribe): Promise<void> {
  const { topic } = message;
  const key = topic.startsWith(CUSTOMER_TOPIC) ? topic.slice(CUSTOMER_TOPIC.length) : "";
  const isCustomer = key !== "" && key.length <= CUSTOMER_LENGTH_MAX;
  if (!isCustomer && topic !== FEED_TOPIC)
    return refuse(deps, peer, message, "unknown-topic", "topics are customer/ID and decisions");
  if (!mayFollow(live.caller, topic)) return notYours(deps, peer, message, "the topic");
  leaveTopic(deps, peer, live, topic);
  if (live.subscriptions.size >= SUBSCRIPTIONS_MAX)
    return refuse(deps, peer, message, "limit", `a socket follows at most ${SUBSCRIPTIONS_MAX} topics`);
  if (isCustomer) {
    const became = await subscribeCustomer(deps, peer, live, message, key as CustomerKey);
    return became === "not-yours" ? notYours(deps, peer, message, "the topic") : undefined;
  }
  live.subscriptions.set(topic, { kind: "feed", topic });
  deps.topics.followFeed(peer);
  sendMessage(peer, { op: "ack", for: "subscribe", topic, ...idOf(message) }, deps.metrics);
}

async function report(deps: CommandDeps, peer: Peer, live: Live, message: ReportOutcome): Promise<void> {
  const { op: _op, id: _id, note, ...body } = message;
  const code = parseTrackingCode(message.trackingCode) && (message.trackingCode as TrackingCode);
  const key = code && (await deps.engine.customerOf(code));
  if (key === undefined)
    return refuse(deps, peer, message, "unknown-tracking-code", "no decision in the journal has this tracking code");
  if (!(await reachesWhose(deps.engine, live.caller, ["agent"], key)))
    return notYours(deps, peer, message, "the customer of this tracking code");
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

function idOf(message: Command): { id?: string } {
  return message.id === undefined ? {} : { id: message.id };
}

function aboutOf(message: Command): { topic?: string; trackingCode?: string } {
  switch (message.op) {
    case "subscribe":
    case "unsubscribe":
      return { topic: message.topic };
    case "outcome":
      return { trackingCode: message.trackingCode };
  }
}
