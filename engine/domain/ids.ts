// The names by which things are known. Branded, so that a customer is never passed where a decision is meant.

declare const brand: unique symbol;
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Key of a profile: the customer id as sent, or `anon:` + anonymousId. 1..256 UTF-16 units. */
export type CustomerKey = Brand<string, "CustomerKey">;
/** 0-based number of a partition, below PARTITIONS. */
export type PartitionIndex = Brand<number, "PartitionIndex">;
/** 22 characters of base64url = 16 bytes: partition (2 bytes, big endian), then 14 bytes of a hash. Never derived from a position. */
export type DecisionId = Brand<string, "DecisionId">;
/** `<DecisionId>.<ordinal>`: names one item of one decision; what an outcome refers to. */
export type TrackingCode = Brand<string, "TrackingCode">;
/** Stream id `<ms>-<n>` of an entry in an input log. */
export type Position = Brand<string, "Position">;
/** Number of a commit within its partition, 1-based, without gaps; 0 means "before the first". */
export type CommitSeq = Brand<number, "CommitSeq">;
/** Hex sha256 of all files of a rulebook. */
export type RulebookHash = Brand<string, "RulebookHash">;
/** Stable 32-bit hash of a rulebook name: it outlives the index that a name has in one compiled rulebook. */
export type NameHash = Brand<number, "NameHash">;

export type ActionIndex = Brand<number, "ActionIndex">;
export type TreatmentIndex = Brand<number, "TreatmentIndex">;
export type PlacementIndex = Brand<number, "PlacementIndex">;
export type ChannelIndex = Brand<number, "ChannelIndex">;
export type FeatureIndex = Brand<number, "FeatureIndex">;
export type AttributeIndex = Brand<number, "AttributeIndex">;
export type ModelIndex = Brand<number, "ModelIndex">;
export type RuleIndex = Brand<number, "RuleIndex">;
/** Where the verdict of a rule lies: rules of the same meaning share one. */
export type VerdictSlot = Brand<number, "VerdictSlot">;
/** Number of a policy among those of its kind: limits; cool-downs, related suppressions and case rules; quiet hours; slate limits and bundles. */
export type PolicyIndex = Brand<number, "PolicyIndex">;
export type QuotaIndex = Brand<number, "QuotaIndex">;

const ANONYMOUS_PREFIX = "anon:";

export function customerKey(customer: string): CustomerKey {
  return customer as CustomerKey;
}

export function anonymousKey(anonymousId: string): CustomerKey {
  return `${ANONYMOUS_PREFIX}${anonymousId}` as CustomerKey;
}

export function isAnonymous(key: CustomerKey): boolean {
  return key.startsWith(ANONYMOUS_PREFIX);
}

export function trackingCode(decision: DecisionId, ordinal: number): TrackingCode {
  return `${decision}.${ordinal}` as TrackingCode;
}

const TRACKING_CODE = /^([A-Za-z0-9_-]{22})\.(\d{1,3})$/;

/** The parts of a tracking code, or undefined where the text is not one. */
export function parseTrackingCode(text: string): { decision: DecisionId; ordinal: number } | undefined {
  const match = TRACKING_CODE.exec(text);
  if (match === null) return undefined;
  return { decision: match[1] as DecisionId, ordinal: Number(match[2]) };
}

/** The millisecond part of a stream id: when Redis took the entry. */
export function positionMs(position: Position): number {
  let ms = 0;
  for (let at = 0; at < position.length; at++) {
    const digit = position.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    ms = ms * 10 + digit;
  }
  return ms;
}

/** Orders stream ids: negative where a comes before b. */
export function comparePositions(a: Position, b: Position): number {
  const byMs = positionMs(a) - positionMs(b);
  if (byMs !== 0) return byMs;
  return Number(a.slice(a.indexOf("-") + 1)) - Number(b.slice(b.indexOf("-") + 1));
}
