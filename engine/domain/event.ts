import type { Outcome } from "./contact.ts";
import type { CustomerKey, Position, RulebookHash, TrackingCode } from "./ids.ts";
import type { Instant } from "./time.ts";

/** A flat property of an event, and the value of an attribute: arrays are sets of at most 64 strings. Numbers are finite. */
export type PropValue = string | number | boolean | readonly string[];
export type Props = Readonly<Record<string, PropValue>>;

/** Something that a customer did, or that is said of a customer. Checked once, at the edge. */
export interface CustomerEvent {
  readonly id: string;
  readonly type: string;
  readonly key: CustomerKey;
  /** When it happened, by the producer's clock. */
  readonly ts: Instant;
  /** The stream that it came through: clickstream, transactions, outcomes, http, ... */
  readonly source: string;
  readonly props: Props;
  /** Of an `identify` only, whose key is the customer: who it was until now. */
  readonly anonymousId?: string;
  readonly session?: string;
  readonly channel?: string;
  readonly traceparent?: string;
}

/** Props of an event of type `outcome`. */
export interface OutcomeReport {
  readonly trackingCode: TrackingCode;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly until?: Instant;
  readonly value?: number;
}

/** Why an entry was refused and dead-lettered. Closed set: API values and metric labels. */
export const DEAD_REASONS = [
  "not-parseable",
  "too-large",
  "invalid",
  "too-old",
  "too-far-ahead",
  "wrong-partition",
  "attribute-type",
  "poison",
  "damaged-profile",
  "undelivered",
] as const;
export type DeadReason = (typeof DEAD_REASONS)[number];

/**
 * One entry of an input log, decoded. `arrivedAt` is the millisecond part of the stream id (or the driven clock that a
 * replay wrote beside the entry), never the engine's clock: a fold done again gives the same verdict. An entry of a producer
 * moves the clock of its partition to its own time, so a live event ends a replay; the engine's own entries follow it.
 */
export type LogEntry = {
  readonly position: Position;
  readonly arrivedAt: Instant;
  readonly movesClock: boolean;
} /** `isForwarded`: it came in under an anonymous key that is joined to this customer. */ & (
  | { readonly kind: "event"; readonly event: CustomerEvent; readonly isForwarded?: boolean }
  | { readonly kind: "timer"; readonly key: CustomerKey; readonly due: Instant }
  /** A run of a campaign, which began at `from`, comes to this customer. */
  | { readonly kind: "campaign"; readonly key: CustomerKey; readonly campaign: string; readonly from: Instant }
  /** Somebody wants what a trigger or campaign asked for to be asked again; `again` names the wish. */
  | {
      readonly kind: "again";
      readonly key: CustomerKey;
      readonly trigger: string;
      readonly again: string;
      readonly context: Props;
    }
  | { readonly kind: "delivered"; readonly key: CustomerKey; readonly trackingCode: TrackingCode }
  /** A customer asks for the profile of an anonymous key. */
  | { readonly kind: "seal"; readonly anonymous: CustomerKey; readonly customer: CustomerKey }
  /** The answer. `packed`: the anonymous profile, where this seal was the first. `isJoined`: the key is this customer's. */
  | {
      readonly kind: "merge";
      readonly key: CustomerKey;
      readonly anonymous: CustomerKey;
      readonly isJoined: boolean;
      readonly packed: Uint8Array | undefined;
    }
  /** Everything of this key up to here is to be forgotten; of an anonymous one only where it is joined to this customer. */
  | {
      readonly kind: "erase";
      readonly key: CustomerKey;
      readonly erasure: string;
      readonly joinedTo: CustomerKey | undefined;
    }
  /**
   * What is left of an entry that was erased. `was`: what it counts as, a repetition as well where it is `again`; `hash`: as
   * the duplicate window knows it.
   */
  | {
      readonly kind: "erased";
      readonly was: "folded" | "internal" | "dead" | "again";
      readonly hash: readonly [number, number] | undefined;
    }
  | { readonly kind: "activation"; readonly rulebook: RulebookHash; readonly by: string }
  | {
      readonly kind: "dead";
      readonly reason: DeadReason;
      readonly detail: string;
      readonly source: string;
      readonly bytes: Uint8Array;
    }
);
