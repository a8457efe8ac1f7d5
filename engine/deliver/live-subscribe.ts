// A screen follows a customer without a gap: it is registered first, then shown the past (the frames that it missed, or a
// snapshot), then what came meanwhile and is newer, then everything as it comes.
import type { CommitSeq, CustomerKey } from "../domain/ids.ts";
import type { CustomerLook, Engine } from "../engine.ts";
import type { Placement } from "../rulebook/rulebook.ts";
import { askWithinReach, type WithinReach } from "./auth/ask-within-reach.ts";
import { reaches } from "./auth/caller.ts";
import type { Access } from "./auth/scopes.ts";
import type { Cursor } from "./live-frames.ts";
import { customerFrames, formatCursor, isAfter, parseCursor } from "./live-frames.ts";
import type { Subscribe } from "./live-messages.ts";
import type { CustomerSubscription, Live, Peer } from "./live-peer.ts";
import { flow, isWanted, QUEUED_FRAMES_MAX, sendEncoded, sendMessage } from "./live-peer.ts";
import type { OnShown, Topics } from "./live-topics.ts";
import type { DeliverMetrics } from "./ports.ts";
import { presentCards, presentCustomer } from "./present.ts";
import { DEADLINE_MAX_MS } from "./wire.ts";

export interface SubscribeDeps {
  readonly engine: Engine;
  readonly topics: Topics;
  readonly metrics: DeliverMetrics;
  readonly onShown: OnShown;
}

/** A person looks at this screen and waits: longer than an app's page may. */
const ASK_DEADLINE_MS = Math.min(250, DEADLINE_MAX_MS);

const ACCESS: Access = ["agent"];

/** `not-yours`: the topic is left again, for the key has become that of a customer whom the caller does not reach. */
export async function subscribeCustomer(
  deps: SubscribeDeps,
  peer: Peer,
  live: Live,
  message: Subscribe,
  key: CustomerKey,
): Promise<"done" | "not-yours"> {
  const { engine, topics, metrics } = deps;
  const placement = placementOf(engine, message.placement);
  if (placement === "unknown") {
    const detail = "no placement of this name in the rulebook";
    sendMessage(peer, { op: "error", code: "unknown-placement", detail, ...echo(message) }, metrics);
    return "done";
  }
  const subscription: CustomerSubscription = {
    kind: "customer",
    topic: message.topic,
    key,
    channels: placement && channelNames(engine, placement),
    progress: { kind: "catching-up", queue: [] },
  };
  live.subscriptions.set(message.topic, subscription);
  const placed = topics.follow(peer, subscription);
  const isCurrent = (): boolean => peer.state === live && live.subscriptions.get(message.topic) === subscription;
  const leave = (): void => {
    if (isCurrent()) live.subscriptions.delete(message.topic);
    topics.unfollow(subscription);
  };
  try {
    const placedAt = await placed;
    if (await resume(deps, peer, subscription, message, isCurrent)) return "done";
    const view = await viewOf(deps, live, subscription.key, placement, message.locale);
    if (!isCurrent()) return "done";
    if (view === "not-yours") {
      leave();
      return view;
    }
    show(deps, peer, subscription, message, view, placedAt);
    return "done";
  } catch (error) {
    leave();
    throw error;
  }
}

/** The frames that the client missed since its cursor; false where the journal no longer says, or they are too many. */
async function resume(
  { engine, metrics }: SubscribeDeps,
  peer: Peer,
  subscription: CustomerSubscription,
  message: Subscribe,
  isCurrent: () => boolean,
): Promise<boolean> {
  const since = message.since === undefined ? undefined : parseCursor(message.since);
  if (since === undefined) return false;
  const wholly = since.ordinal === undefined ? since.seq : Math.max(0, since.seq - 1);
  const missed = await engine.since(subscription.key, wholly as typeof since.seq);
  if (!isCurrent()) return true;
  if (missed === undefined) return false;
  // Of a commit that the journal does not hold for this customer: that Redis lost what the client saw.
  if (since.ordinal !== undefined && missed[0]?.seq !== since.seq) return false;
  const frames = missed
    .flatMap((committed) => customerFrames(committed, subscription.key))
    .filter((frame) => isAfter(frame, since) && isWanted(subscription, frame));
  if (frames.length > QUEUED_FRAMES_MAX / 2) return false;
  const last = missed.at(-1);
  // Also where the last is the commit within which it was cut off: the rest of that went out just now.
  const after: Cursor = last === undefined ? since : { seq: last.seq, ordinal: undefined };
  const encoded = frames.map((frame) => frame.encode(peer.subprotocol));
  sendEncoded(peer, encoded, metrics);
  const cursor = formatCursor(after.seq, after.ordinal);
  sendMessage(peer, { op: "ack", for: "subscribe", cursor, ...echo(message) }, metrics);
  flow(peer, subscription, after, metrics);
  return true;
}

interface View {
  readonly answer: Exclude<WithinReach, { kind: "not-yours" }> | undefined;
  readonly look: CustomerLook | undefined;
  /** Whose NBAs are shown: under a joined key with a placement the customer's, else as `look`. */
  readonly shown: CustomerLook | undefined;
}

async function viewOf(
  deps: SubscribeDeps,
  live: Live,
  key: CustomerKey,
  placement: Placement | undefined,
  locale: string | undefined,
): Promise<View | "not-yours"> {
  const { engine } = deps;
  const answer = placement && (await askFor(deps, live, key, placement, locale));
  if (answer?.kind === "not-yours") return "not-yours";
  const look = await engine.look(key);
  // What a joined key is known by is its customer's, the name first of all.
  if (look?.joinedTo !== undefined && !reaches(live.caller, ACCESS, look.joinedTo)) return "not-yours";
  // Under an anonymous key that is joined the answer is the customer's; what comes later is told on the customer's topic.
  const joinedTo = answer?.kind === "decided" ? look?.joinedTo : undefined;
  const shown = joinedTo === undefined ? look : await engine.look(joinedTo);
  return { answer, look, shown };
}

function show(
  { engine, metrics, onShown }: SubscribeDeps,
  peer: Peer,
  subscription: CustomerSubscription,
  message: Subscribe,
  { answer, look, shown }: View,
  placedAt: CommitSeq,
): void {
  if (answer?.kind === "refused" || answer?.kind === "conflict")
    sendMessage(peer, { op: "error", code: "refused", detail: answer.why, ...echo(message) }, metrics);
  // Told by an engine that was paused and does not know yet that others own the customer: what it missed nobody would tell.
  if (look !== undefined && look.seq < placedAt) throw new Error(`a look at commit ${look.seq} came after ${placedAt}`);
  const { channels } = subscription;
  const nbas = presentCards(shown?.active ?? []).filter((card) => channels === undefined || channels.has(card.channel));
  const degraded = degradations(answer);
  const after: Cursor = { seq: look?.seq ?? (0 as Cursor["seq"]), ordinal: undefined };
  sendMessage(
    peer,
    {
      op: "snapshot",
      topic: subscription.topic,
      cursor: formatCursor(after.seq, undefined),
      customer: look === undefined ? null : presentCustomer(look, engine.rulebook()),
      nbas,
      ...(degraded.length === 0 ? {} : { degraded: [...degraded] }),
    },
    metrics,
  );
  flow(peer, subscription, after, metrics);
  if (shown !== undefined) tellWaiting(shown, new Set(nbas.map((card) => card.trackingCode)), engine, onShown);
}

async function askFor(
  { engine, metrics }: SubscribeDeps,
  live: Live,
  key: CustomerKey,
  placement: Placement,
  locale: string | undefined,
): Promise<WithinReach> {
  const startedMs = performance.now();
  const [first] = channelNames(engine, placement);
  const answer = await askWithinReach(engine, live, ACCESS, {
    key,
    channel: first ?? "",
    placements: [{ name: placement.name }],
    context: {},
    ...(locale === undefined ? {} : { locale }),
    deadlineMs: ASK_DEADLINE_MS,
  });
  metrics.onRequest("live-ask", statusOf(answer), (performance.now() - startedMs) / 1_000);
  return answer;
}

function statusOf({ kind }: WithinReach): number {
  if (kind === "not-yours") return 403;
  return kind === "decided" ? 200 : 503;
}

function degradations(answer: View["answer"]): readonly string[] {
  switch (answer?.kind) {
    case undefined:
      return [];
    case "decided":
      return answer.record.degraded;
    case "fallback":
      return [answer.why];
    case "overloaded":
    case "unavailable":
    case "conflict":
    case "refused":
      return [answer.kind];
  }
}

/** A reservation that waits for delivery is delivered when its NBA is part of a snapshot. */
function tellWaiting(look: CustomerLook, shown: ReadonlySet<string>, engine: Engine, onShown: OnShown): void {
  const { channels } = engine.rulebook();
  for (const contact of look.contacts) {
    if (contact.state !== "reserved" || contact.countsAt !== "delivered" || !shown.has(contact.trackingCode)) continue;
    const channel = channels.find((each) => each.hash === contact.channel);
    if (channel !== undefined) onShown(look.key, contact.trackingCode, channel.name);
  }
}

function placementOf(engine: Engine, name: string | undefined): Placement | undefined | "unknown" {
  if (name === undefined) return undefined;
  return engine.rulebook().placements.find((placement) => placement.name === name) ?? "unknown";
}

function channelNames(engine: Engine, placement: Placement): ReadonlySet<string> {
  const { channels } = engine.rulebook();
  return new Set(placement.channels.flatMap((index) => channels[index]?.name ?? []));
}

function echo(message: Subscribe): { topic: string; id?: string } {
  return { topic: message.topic, ...(message.id === undefined ? {} : { id: message.id }) };
}
