// One moment of one customer at which triggers may ask: as of then `when` is tested and the feature row is copied, so that
// what is folded later in the same step changes nothing in the decision.
import type { Props } from "../domain/event.ts";
import { type ChannelIndex, type CustomerKey, isAnonymous, type Position, positionMs } from "../domain/ids.ts";
import { type Instant, plus } from "../domain/time.ts";
import { RULE_TRUE } from "../rulebook/rulebook.ts";
import type { Campaign, Trigger } from "../rulebook/triggers.ts";
import { featureRow } from "./feature-rows.ts";
import type { Partition } from "./partition.ts";

export interface Moment {
  readonly partition: Partition;
  readonly key: CustomerKey;
  readonly takenMs: number;
  /** As of this moment; the same row for all that ask. */
  readonly features: () => Float64Array;
}

/** What it goes back to: an event, or whatever has a source and an id like one. */
export interface Cause {
  readonly source: string;
  readonly event: string;
  readonly at: Instant;
  readonly context: Props;
}

export interface AskMore {
  /** The customer is on this channel just now: the placement is asked in its own direction. */
  readonly channel?: ChannelIndex;
  /** It was held until then, and is worth deciding until `dropAfter`. */
  readonly held?: { readonly until: Instant; readonly dropAfter: Instant };
}

export function momentOf(partition: Partition, key: CustomerKey, at: Instant, position: Position): Moment {
  let row: Float64Array | undefined;
  const features = (): Float64Array => {
    if (row !== undefined) return row;
    row = featureRow(partition.active.rulebook.features.length);
    partition.store.features(key, at, row);
    return row;
  };
  return { partition, key, takenMs: positionMs(position), features };
}

/** Asks, unless `when` does not hold; tells whether it did. A rule error counts as no. */
export function askAt(moment: Moment, asker: Trigger | Campaign, cause: Cause, more: AskMore = {}): boolean {
  const { partition, key, takenMs } = moment;
  if (!holds(moment, asker, cause.context)) return false;
  const { channel, held } = more;
  partition.draft.triggered.push({
    id: asker.id,
    placement: asker.placement,
    key,
    source: cause.source,
    event: cause.event,
    at: cause.at,
    context: cause.context,
    features: moment.features(),
    channel,
    dropAfter: held?.dropAfter ?? (asker.holdForMs > 0 ? plus(cause.at, asker.holdForMs) : undefined),
    heldUntil: held?.until,
    takenMs,
  });
  return true;
}

function holds({ partition, key, features }: Moment, { when }: Trigger | Campaign, context: Props): boolean {
  if (when === undefined) return true;
  const { attributes, openCases } = partition.store.state(key);
  const scope = {
    features: features(),
    attributes,
    context,
    models: NO_MODELS,
    openCases: openCases.length,
    anonymous: isAnonymous(key),
  };
  return partition.active.rulebook.evaluateRule(when, scope) === RULE_TRUE;
}

const NO_MODELS = new Float64Array(0);
