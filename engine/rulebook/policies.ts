// What rules/contact-policy.yaml, quotas.yaml and the slate rules of arbitration mean, compiled. Scope fields hold hashes of
// names, as contacts do; undefined: all.
import type { Outcome } from "../domain/contact.ts";
import type { ActionIndex, AttributeIndex, NameHash, PolicyIndex, QuotaIndex } from "../domain/ids.ts";
import type { Place } from "./place.ts";

/** At most `max` contacts, reserved and confirmed, in any rolling window or in calendar days. */
export interface ContactLimit {
  readonly index: PolicyIndex;
  readonly id: string;
  readonly place: Place;
  readonly max: number;
  /** Rolling: at > now - windowMs. For calendar days an upper bound of their length, which holds where no time zone is known. */
  readonly windowMs: number;
  /** 0: rolling. Else so many calendar days in the customer's time zone, today among them. */
  readonly calendarDays: number;
  readonly channel: NameHash | undefined;
  readonly issue: NameHash | undefined;
  readonly group: NameHash | undefined;
  readonly action: NameHash | undefined;
  /** `both`: one counter over both directions. `each`: one for each. Else only that direction counts and is limited. */
  readonly direction: "inbound" | "outbound" | "both" | "each";
  /** One counter for each channel / issue / group / action, rather than one for all that match. */
  readonly per: "all" | "channel" | "issue" | "group" | "action";
}

/** What starts a cool-down: an outcome, or (`contacted`) the contact itself unless it is released. */
export type CoolDownCause = "accepted" | "declined" | "converted" | "no-response" | "clicked" | "contacted";

/** After this has happened `times` times within `withinMs`, nothing of the same scope for a while, from the last time on. */
export interface CoolDown {
  readonly index: PolicyIndex;
  readonly id: string;
  readonly place: Place;
  readonly after: CoolDownCause;
  /** >= 1; above 1 only with `withinMs`. */
  readonly times: number;
  /** The last `times` of them lie within this long; undefined: 1 is enough. */
  readonly withinMs: number | undefined;
  /** `all`: everything that is not exempt. */
  readonly scope: "action" | "group" | "issue" | "channel" | "all";
  readonly forMs: number;
  /** Restricts it to one action, group, issue or channel; undefined: all, each for itself. */
  readonly only: NameHash | undefined;
}

/** Names of actions, groups and issues; an action is in it where one of its three names is. */
export interface ActionSet {
  readonly actions: ReadonlySet<NameHash>;
  readonly groups: ReadonlySet<NameHash>;
  readonly issues: ReadonlySet<NameHash>;
}

/** After a cause in one set of actions, another set is suppressed. Numbered after the cool-downs. */
export interface RelatedSuppression {
  readonly index: PolicyIndex;
  readonly id: string;
  readonly place: Place;
  readonly after: CoolDownCause;
  readonly of: ActionSet;
  readonly suppresses: ActionSet;
  readonly forMs: number;
}

/** While a case of one of these kinds is open, these actions are suppressed. Numbered after the related suppressions. */
export interface CaseRule {
  readonly index: PolicyIndex;
  readonly id: string;
  readonly place: Place;
  /** Empty: every kind. */
  readonly kinds: readonly string[];
  /** Undefined: everything that is not exempt. */
  readonly suppresses: ActionSet | undefined;
}

/** Outbound messages wait from `fromMinute` to `toMinute`, local time of the customer. */
export interface QuietHours {
  readonly index: PolicyIndex;
  readonly id: string;
  readonly place: Place;
  /** Minutes after local midnight, 0..1439; where to <= from they end on the next day. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** By weekday on which they begin, Monday first. 7 entries. */
  readonly days: readonly boolean[];
  /** Empty: every channel. */
  readonly channels: readonly NameHash[];
}

/** Where the customer's local time comes from: own zone, then country, then the rulebook's; else nothing is sent that depends on it. */
export interface Zones {
  /** Attribute that holds an IANA zone. */
  readonly zoneAttribute: AttributeIndex | undefined;
  /** Attribute that holds a country as written in `countries`. */
  readonly countryAttribute: AttributeIndex | undefined;
  readonly countries: ReadonlyMap<string, string>;
  readonly fallback: string | undefined;
}

/**
 * Pressure = sum over contacts that count of weight(channel) x (answered ? answered : 1) x 2^(-age / halfLifeMs); those of
 * other channels than the candidate's enter times `otherChannels`. What it leaves of a priority: 2^(-pressure / halvesAt).
 */
export interface Fatigue {
  readonly halfLifeMs: number;
  /** By ChannelIndex, >= 0. */
  readonly weights: readonly number[];
  /** Contacts of channels that the rulebook does not have. */
  readonly otherWeight: number;
  /** In [0, 1]: clicked, accepted and converted contacts press that much less. */
  readonly answered: number;
  /** In [0, 1]. */
  readonly otherChannels: number;
  /** > 0: the pressure that halves a priority. */
  readonly halvesAt: number;
}

/** Boost = product over contacts with this outcome in scope of weight^(2^(-age / halfLifeMs)); above 1 boosts, below decays. */
export interface Boost {
  readonly id: string;
  readonly place: Place;
  readonly after: Exclude<Outcome, "pending" | "retracted" | "not-delivered">;
  readonly scope: "action" | "group" | "issue";
  readonly only: NameHash | undefined;
  /** > 0 */
  readonly weight: number;
  readonly halfLifeMs: number;
}

/** What may be spent over all customers and partitions. */
export interface Quota {
  readonly index: QuotaIndex;
  readonly id: string;
  readonly hash: NameHash;
  readonly place: Place;
  readonly channel: NameHash | undefined;
  readonly issue: NameHash | undefined;
  readonly group: NameHash | undefined;
  readonly action: NameHash | undefined;
  /** `contacts`: one unit each. `cost`: the treatment's cost each (a budget). */
  readonly unit: "contacts" | "cost";
  readonly max: number;
  readonly per: "day" | "total";
  /** IANA zone of the day. */
  readonly timeZone: string;
  /** `even`: at a fraction f of the day at most f x max is granted. */
  readonly pacing: "none" | "even";
}

/** At most `max` of these actions in one decision or one slate. */
export interface SlateLimit {
  readonly index: PolicyIndex;
  readonly id: string;
  readonly place: Place;
  readonly max: number;
  readonly actions: ReadonlySet<ActionIndex>;
  readonly per: "decision" | "slate";
}

/** Actions offered side by side in one slate, or not at all. Numbered after the slate limits. */
export interface Bundle {
  readonly index: PolicyIndex;
  readonly id: string;
  readonly place: Place;
  /** 2..8, the lead first: its priority ranks the bundle. No action is in two bundles. */
  readonly actions: readonly ActionIndex[];
}
