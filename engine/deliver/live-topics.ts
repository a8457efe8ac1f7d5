// Who follows what, and how a commit reaches them.
import type { CustomerKey, TrackingCode } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import type { Frame } from "./live-frames.ts";
import { customerFrames, feedFrame, keysOf } from "./live-frames.ts";
import type { CustomerSubscription, Peer } from "./live-peer.ts";
import { offer, sendEncoded } from "./live-peer.ts";
import type { DeliverMetrics } from "./ports.ts";

export interface Topics {
  readonly follow: (peer: Peer, subscription: CustomerSubscription) => void;
  readonly unfollow: (subscription: CustomerSubscription) => void;
  readonly followFeed: (peer: Peer) => void;
  readonly unfollowFeed: (peer: Peer) => void;
  readonly onCommitted: (committed: Committed) => void;
}

/** Told of every NBA that went out to at least one screen. */
export type OnShown = (key: CustomerKey, trackingCode: TrackingCode, channel: string) => void;

/** Decisions a second that the feed shows; the last part is kept for triggered ones, which ring on a desk. */
export const FEED_PER_SECOND_MAX = 200;
const FEED_KEPT_FOR_TRIGGERS = 50;

export function createTopics(metrics: DeliverMetrics, onShown: OnShown): Topics {
  const followers = new Map<CustomerKey, Map<CustomerSubscription, Peer>>();
  const feed = new Set<Peer>();
  const rate = { secondOfLast: 0, sent: 0, skipped: 0 };

  const toFollowers = (committed: Committed, key: CustomerKey): void => {
    const members = followers.get(key);
    if (members === undefined) return;
    const frames = customerFrames(committed, key);
    if (frames.length === 0) return;
    let sent = 0;
    // A copy: sending may close a socket, which leaves its topics.
    for (const [subscription, peer] of [...members]) sent += offer(peer, subscription, frames, metrics);
    if (sent > 0) tellShown(frames, key, onShown);
  };

  const toFeed = (committed: Committed): void => {
    if (feed.size === 0) return;
    committed.decisions.forEach((record, ordinal) => {
      if (!mayFeed(rate, record.trigger !== undefined)) {
        rate.skipped++;
        metrics.onWebsocketDropped("feed-rate");
        return;
      }
      const frame = feedFrame(committed, record, ordinal, rate.skipped);
      rate.skipped = 0;
      for (const peer of [...feed]) sendEncoded(peer, [frame.encode(peer.subprotocol)], metrics);
    });
  };

  return {
    follow: (peer, subscription) => {
      const members = followers.get(subscription.key) ?? new Map<CustomerSubscription, Peer>();
      members.set(subscription, peer);
      followers.set(subscription.key, members);
    },
    unfollow: (subscription) => {
      const members = followers.get(subscription.key);
      members?.delete(subscription);
      if (members?.size === 0) followers.delete(subscription.key);
    },
    followFeed: (peer) => void feed.add(peer),
    unfollowFeed: (peer) => void feed.delete(peer),
    onCommitted: (committed) => {
      if (followers.size > 0) for (const key of keysOf(committed)) toFollowers(committed, key);
      toFeed(committed);
    },
  };
}

function tellShown(frames: readonly Frame[], key: CustomerKey, onShown: OnShown): void {
  for (const frame of frames)
    if (frame.trackingCode !== undefined && frame.channel !== undefined)
      onShown(key, frame.trackingCode, frame.channel);
}

function mayFeed(rate: { secondOfLast: number; sent: number }, isTriggered: boolean): boolean {
  const second = Math.floor(performance.now() / 1_000);
  if (second !== rate.secondOfLast) {
    rate.secondOfLast = second;
    rate.sent = 0;
  }
  if (rate.sent >= FEED_PER_SECOND_MAX - (isTriggered ? 0 : FEED_KEPT_FOR_TRIGGERS)) return false;
  rate.sent++;
  return true;
}
