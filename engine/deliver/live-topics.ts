// Who follows what, and how a commit reaches them.
import type { CommitSeq, CustomerKey, PartitionIndex, TrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Committed } from "../engine.ts";
import type { Following, JournalTail } from "../peer/journal-tail.ts";
import type { Frame } from "./live-frames.ts";
import { customerFrames, feedFrame, keysOf } from "./live-frames.ts";
import type { CustomerSubscription, Peer } from "./live-peer.ts";
import { offer, sendEncoded } from "./live-peer.ts";
import type { DeliverMetrics } from "./ports.ts";

export interface Topics {
  /**
   * Resolves once nothing that is committed from now on can be missed, with the last commit before. Rejects where the journal
   * cannot be asked.
   */
  readonly follow: (peer: Peer, subscription: CustomerSubscription) => Promise<CommitSeq>;
  readonly unfollow: (subscription: CustomerSubscription) => void;
  readonly followFeed: (peer: Peer) => void;
  readonly unfollowFeed: (peer: Peer) => void;
  readonly onCommitted: (committed: Committed) => void;
  /** Whether somebody follows a customer whom these bytes of a commit name, or everything. */
  readonly concerns: (partition: PartitionIndex, payload: Buffer) => boolean;
  /** Everybody who follows a customer of this partition. */
  readonly followersIn: (partition: PartitionIndex) => ReadonlySet<Peer>;
}

/** Following more customers of a partition than these, it is cheaper to decode a commit than to look for each of them. */
const LOOKED_FOR_MAX = 32;

/** Told of every NBA that went out to at least one screen. */
export type OnShown = (key: CustomerKey, trackingCode: TrackingCode, channel: string) => void;

/** Decisions a second that the feed shows; the last part is kept for triggered ones, which ring on a desk. */
export const FEED_PER_SECOND_MAX = 200;
const FEED_KEPT_FOR_TRIGGERS = 50;

export interface TopicsOptions {
  readonly partitions: number;
  readonly tail: Pick<JournalTail, "follow">;
  readonly metrics: DeliverMetrics;
  readonly onShown: OnShown;
}

export function createTopics({ partitions, tail, metrics, onShown }: TopicsOptions): Topics {
  const followers = new Map<CustomerKey, Map<CustomerSubscription, Peer>>();
  const keysIn = new Map<PartitionIndex, Set<CustomerKey>>();
  const followings = new Map<CustomerSubscription, Following>();
  let feedFollowings: readonly Following[] = [];
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
      const { key } = subscription;
      const partition = partitionOf(key, partitions);
      const members = followers.get(key) ?? new Map<CustomerSubscription, Peer>();
      members.set(subscription, peer);
      followers.set(key, members);
      keysIn.set(partition, (keysIn.get(partition) ?? new Set()).add(key));
      const following = tail.follow(partition);
      followings.set(subscription, following);
      return following.placed;
    },
    unfollow: (subscription) => {
      const { key } = subscription;
      followings.get(subscription)?.stop();
      followings.delete(subscription);
      const members = followers.get(key);
      members?.delete(subscription);
      if (members?.size !== 0) return;
      followers.delete(key);
      const partition = partitionOf(key, partitions);
      const keys = keysIn.get(partition);
      keys?.delete(key);
      if (keys?.size === 0) keysIn.delete(partition);
    },
    followFeed: (peer) => {
      feed.add(peer);
      if (feedFollowings.length === 0) feedFollowings = everyPartition(partitions).map((each) => tail.follow(each));
      // A partition that cannot be placed just now is tried again: the feed is of what comes, from whenever it does.
      for (const { placed } of feedFollowings) placed.catch(() => undefined);
    },
    unfollowFeed: (peer) => {
      feed.delete(peer);
      if (feed.size > 0) return;
      for (const { stop } of feedFollowings) stop();
      feedFollowings = [];
    },
    onCommitted: (committed) => {
      if (followers.size > 0) for (const key of keysOf(committed)) toFollowers(committed, key);
      toFeed(committed);
    },
    concerns: (partition, payload) => {
      if (feed.size > 0) return true;
      const keys = keysIn.get(partition);
      if (keys === undefined) return false;
      if (keys.size > LOOKED_FOR_MAX) return true;
      for (const key of keys) if (payload.includes(key)) return true;
      return false;
    },
    followersIn: (partition) => {
      const peers = new Set<Peer>();
      for (const key of keysIn.get(partition) ?? [])
        for (const peer of followers.get(key)?.values() ?? []) peers.add(peer);
      return peers;
    },
  };
}

function everyPartition(partitions: number): readonly PartitionIndex[] {
  return Array.from({ length: partitions }, (_, index) => index as PartitionIndex);
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
