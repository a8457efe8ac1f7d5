import type { DecisionId, NameHash, TrackingCode } from "./ids.ts";
import type { Instant } from "./time.ts";

/** What became of one item of a decision. Closed set: API values and metric labels. */
export const OUTCOMES = [
  "pending",
  "presented",
  "clicked",
  "accepted",
  "declined",
  "later",
  "converted",
  "no-response",
  "not-delivered",
  "retracted",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Reserved by the commit, then confirmed by what the channel counts, or released. Reserved and confirmed count toward caps. */
export const CONTACT_STATES = ["reserved", "confirmed", "released"] as const;
export type ContactState = (typeof CONTACT_STATES)[number];

export const COUNTS_AT = ["decided", "delivered", "presented"] as const;
export type CountsAt = (typeof COUNTS_AT)[number];

/** Why an NBA left the screens. */
export const WITHDRAW_REASONS = [
  "expired",
  "taken",
  "declined",
  "later",
  "superseded",
  "not-delivered",
  "evicted",
  "case-opened",
  "consent-refused",
  "joined",
  "erased",
] as const;
export type WithdrawReason = (typeof WITHDRAW_REASONS)[number];

/**
 * One treatment that was decided for one customer: its reservation under the contact policy and its outcome so far.
 * Names are kept as hashes of issue, group, action, treatment, channel and placement *as they were at the decision*:
 * moving an action to another group later does not change what was counted.
 */
export interface Contact {
  readonly trackingCode: TrackingCode;
  readonly decision: DecisionId;
  readonly issue: NameHash;
  readonly group: NameHash;
  readonly action: NameHash;
  readonly treatment: NameHash;
  readonly channel: NameHash;
  readonly placement: NameHash;
  readonly inbound: boolean;
  /** Time of deciding. */
  readonly at: Instant;
  readonly countsAt: CountsAt;
  readonly state: ContactState;
  /** While reserved: when the reservation is released unless confirmed. NEVER where it counts at the decision. */
  readonly reservedUntil: Instant;
  /** When the NBA leaves the screens. */
  readonly expiresAt: Instant;
  /** When a presented contact without an answer becomes `no-response`. */
  readonly respondBy: Instant;
  readonly outcome: Outcome;
  /** The outcome before the last one, for `retracted`; `pending` where there was none. */
  readonly previous: Outcome;
  readonly outcomeAt: Instant;
  /** For `later`: not again before this. 0 otherwise. */
  readonly until: Instant;
  /** On the screens: neither answered, withdrawn nor expired. */
  readonly live: boolean;
  /** Ever counted as a trial by the propensity of its treatment. */
  readonly tried: boolean;
  /** Rank within its placement's slate, 1-based. */
  readonly rank: number;
  /** Of an exempt purpose (service, legal): neither limited nor counted. */
  readonly exempt: boolean;
  /** Withheld by the holdout: it counts toward caps and is on no screen, gets no outcome and teaches nothing. */
  readonly shadow: boolean;
}
