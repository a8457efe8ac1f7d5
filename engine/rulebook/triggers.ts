// What asks for a decision without being asked: events, patterns of events in time, the day, a campaign.
import type { Outcome } from "../domain/contact.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { NameHash, PlacementIndex, RuleIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Place } from "./place.ts";

/** Events that count for one part of a pattern. */
export interface PatternStep {
  /** Empty: every type. */
  readonly types: readonly string[];
  /** Its filter; a rule error counts as no. */
  readonly matches: (event: CustomerEvent) => boolean;
}

/** All times are event times: a late event is judged by when it happened. */
export type Pattern =
  /** The steps in order, the last at most `withinMs` after the first. Fires with the last step. */
  | { readonly kind: "sequence"; readonly steps: readonly PatternStep[]; readonly withinMs: number }
  /** `after`, and none of `of` within `withinMs` after it. Fires when the time is up. */
  | { readonly kind: "absence"; readonly after: PatternStep; readonly of: PatternStep; readonly withinMs: number }
  /** `times` of them within `withinMs`. Fires with the last one, and then counts anew. */
  | { readonly kind: "count"; readonly of: PatternStep; readonly times: number; readonly withinMs: number }
  /** None of them for `forMs` after the last one. Fires when the time is up. */
  | { readonly kind: "inactivity"; readonly of: PatternStep; readonly forMs: number };

/** Asks for a decision of an outbound placement, or of a screen. `when` is tested as it fires; it reads no model. */
export interface Trigger {
  readonly id: string;
  readonly hash: NameHash;
  /**
   * `event`: an event of a type in `on`. `pattern`: when its pattern is complete. `daily`: once a day for every customer, at an
   * hour hashed from the key. `rejection`: an outcome in `outcomes` of an item of its placement.
   */
  readonly kind: "event" | "pattern" | "daily" | "rejection";
  /** For `event`; empty otherwise. */
  readonly on: readonly string[];
  readonly pattern: Pattern | undefined;
  /** Names what its pattern keeps in profiles. Another id, kind, event type or filter, another name; times do not matter. */
  readonly keptAs: NameHash;
  readonly outcomes: readonly Outcome[];
  readonly when: RuleIndex | undefined;
  readonly placement: PlacementIndex;
  /** How long a message held by quiet hours is worth deciding again; 0: it is not held. */
  readonly holdForMs: number;
  readonly place: Place;
}

/** Decisions over a segment, paced. */
export interface Campaign {
  readonly id: string;
  readonly hash: NameHash;
  readonly place: Place;
  /** Who is in it, tested as the customer's turn comes; reads no model. */
  readonly when: RuleIndex | undefined;
  readonly placement: PlacementIndex;
  /** It runs once, in [from, to). */
  readonly from: Instant;
  readonly to: Instant;
  /** Customers looked at per second, over all partitions. */
  readonly perSecond: number;
  readonly holdForMs: number;
}
