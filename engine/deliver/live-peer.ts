// One WebSocket connection: what state it is in, what it follows, and how frames reach it.
import type { CustomerKey } from "../domain/ids.ts";
import type { Caller } from "./auth/caller.ts";
import type { Cursor, Frame } from "./live-frames.ts";
import { encodeMessage, isAfter } from "./live-frames.ts";
import type { ServerMessage, Subprotocol } from "./live-messages.ts";
import type { DeliverMetrics, WebsocketDrop } from "./ports.ts";
import type { Socket } from "./uws.ts";

/** What a socket carries from the upgrade on. */
export interface Opening {
  readonly subprotocol: Subprotocol;
  /** Of the URL. */
  readonly ticket: string | undefined;
}

/** Who it is is not known yet. */
export interface Greeting {
  readonly kind: "greeting";
}
export interface Live {
  readonly kind: "live";
  /** A new token of the same subject takes its place. */
  caller: Caller;
  /** By topic. */
  readonly subscriptions: Map<string, Subscription>;
}
/** The closing frame was sent; topics are left when the socket is gone. */
export interface Draining {
  readonly kind: "draining";
  readonly was: Live | undefined;
}
/** The socket may not be touched any more. */
export interface Gone {
  readonly kind: "gone";
}
export type PeerState = Greeting | Live | Draining | Gone;

export type Subscription =
  | { readonly kind: "feed"; readonly topic: string }
  | {
      readonly kind: "customer";
      readonly topic: string;
      readonly key: CustomerKey;
      /** NBAs of these channels only; undefined: of all. */
      readonly channels: ReadonlySet<string> | undefined;
      progress: Progress;
    };
export type CustomerSubscription = Extract<Subscription, { kind: "customer" }>;

/** Until the snapshot or the missed frames were sent, new frames wait; then each goes out at once. */
export type Progress =
  | { readonly kind: "catching-up"; readonly queue: Frame[] }
  | { readonly kind: "flowing"; readonly after: Cursor };

export interface Peer {
  readonly socket: Socket<Opening>;
  readonly subprotocol: Subprotocol;
  state: PeerState;
  /** Of the time within which it has to connect, then of its token. */
  timer: NodeJS.Timeout | undefined;
  /** A token or ticket that is being checked: messages behind it wait. */
  admission: Promise<void> | undefined;
  /** Messages that may still come now: a bucket, filled again as time passes. */
  allowance: number;
  allowanceAtMs: number;
  /** Messages whose work is not done. */
  underWay: number;
}

export const BUFFERED_BYTES_MAX = 256 * 1024;
export const SUBSCRIPTIONS_MAX = 64;
export const MESSAGES_PER_SECOND_MAX = 50;
export const MESSAGES_BURST_MAX = 100;
export const MESSAGES_UNDER_WAY_MAX = 128;
export const QUEUED_FRAMES_MAX = 1_000;

/** As graphql-ws has them; 1012 and 1013 are of RFC 6455's registry. */
export const CLOSE = {
  draining: 1012,
  tryAgain: 1013,
  badMessage: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  noConnect: 4408,
  tooMuch: 4429,
} as const;

export function sendMessage(peer: Peer, message: ServerMessage, metrics: DeliverMetrics): void {
  sendEncoded(peer, [encodeMessage(message, peer.subprotocol)], metrics);
}

/** Sends in one write. A peer that leaves more than BUFFERED_BYTES_MAX unread is cut off, and may resume. */
export function sendEncoded(peer: Peer, frames: readonly (string | Buffer)[], metrics: DeliverMetrics): void {
  if (peer.state.kind === "gone" || peer.state.kind === "draining" || frames.length === 0) return;
  const { socket } = peer;
  socket.cork(() => {
    for (const frame of frames) socket.send(frame, typeof frame !== "string");
  });
  if (isGone(peer) || socket.getBufferedAmount() <= BUFFERED_BYTES_MAX) return;
  metrics.onWebsocketDropped("slow");
  // A closing handshake would wait behind what it does not read.
  socket.close();
}

/** Hands frames of its topic to a subscription, in order; each at most once. Returns how many were sent or kept to be sent. */
export function offer(peer: Peer, to: CustomerSubscription, frames: readonly Frame[], metrics: DeliverMetrics): number {
  const wanted = frames.filter((frame) => isWanted(to, frame));
  const { progress } = to;
  if (progress.kind === "catching-up") {
    progress.queue.push(...wanted);
    if (progress.queue.length > QUEUED_FRAMES_MAX)
      closePeer(peer, CLOSE.tooMuch, "too many frames waiting", "slow", metrics);
    return wanted.length;
  }
  const fresh = wanted.filter((frame) => isAfter(frame, progress.after));
  sendEncoded(
    peer,
    fresh.map((frame) => frame.encode(peer.subprotocol)),
    metrics,
  );
  return fresh.length;
}

/** The past was sent up to `after`: what waited and is newer follows, and from now on frames go out at once. */
export function flow(peer: Peer, subscription: CustomerSubscription, after: Cursor, metrics: DeliverMetrics): void {
  const waited = subscription.progress.kind === "catching-up" ? subscription.progress.queue : [];
  subscription.progress = { kind: "flowing", after };
  offer(peer, subscription, waited, metrics);
}

export function isWanted(subscription: CustomerSubscription, frame: Frame): boolean {
  return frame.channel === undefined || subscription.channels === undefined || subscription.channels.has(frame.channel);
}

export function closePeer(
  peer: Peer,
  code: number,
  reason: string,
  drop: WebsocketDrop,
  metrics: DeliverMetrics,
): void {
  if (peer.state.kind === "gone" || peer.state.kind === "draining") return;
  metrics.onWebsocketDropped(drop);
  peer.state = { kind: "draining", was: liveOf(peer) };
  peer.socket.end(code, closeReason(reason));
}

/** One message more: false where the peer sends more than it may. */
export function mayReceive(peer: Peer, nowMs: number): boolean {
  const refilled = ((nowMs - peer.allowanceAtMs) / 1_000) * MESSAGES_PER_SECOND_MAX;
  peer.allowance = Math.min(MESSAGES_BURST_MAX, peer.allowance + refilled);
  peer.allowanceAtMs = nowMs;
  if (peer.allowance < 1 || peer.underWay >= MESSAGES_UNDER_WAY_MAX) return false;
  peer.allowance--;
  return true;
}

export function liveOf(peer: Peer): Live | undefined {
  if (peer.state.kind === "live") return peer.state;
  return peer.state.kind === "draining" ? peer.state.was : undefined;
}

/** Sending may close a socket in the same breath. */
function isGone(peer: Peer): boolean {
  return peer.state.kind === "gone";
}

/** RFC 6455: at most 123 bytes. */
function closeReason(reason: string): string {
  return reason.replace(/[^\x20-\x7e]/g, "?").slice(0, 123);
}
