// Joining an anonymous profile to a customer: two notes between two logs, each relayed by the commit that brought it about.
//
//   log of the customer                    log of the anonymous key
//   identify: joining + 1      -- $seal -->
//                                          first seal: packed, emptied, sealed to this customer; others: nothing
//   $merge: joining - 1,       <- $merge --
//   the profile merged
//                              <- $forward - events that come in under the anonymous key from now on
//
// Relays of one partition to another arrive once and in order (relay.ts), so what is forwarded comes after the merge. While
// a customer is joining nothing is decided for it: contacts of which it does not know yet count for the same person.
import type { CustomerEvent, LogEntry } from "../domain/event.ts";
import { nameHash } from "../domain/hash.ts";
import { anonymousKey, type CustomerKey, isAnonymous, positionMs } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import { encodeForward, encodeMerge, encodeSeal } from "../ingest/join-entry.ts";
import { type EntryFields, encodeDelivered } from "../ingest/log-entry.ts";
import { AWAITING_MAX, TRIGGER_FRESH_MS } from "../profile/bounds.ts";
import { CAMPAIGN_SOURCE } from "../profile/held.ts";
import { endJoining } from "../profile/merge-state.ts";
import type { HeldMessage } from "../profile/state.ts";
import { askAt, type Moment, momentOf } from "./ask-at.ts";
import { askerOf, firePatterns } from "./fold-timer.ts";
import { type Partition, touch } from "./partition.ts";

export interface JoinContext {
  readonly partitions: number;
}

/** The customer's end: asks for the profile of the anonymous key that the event names, unless it has it already. */
export function startJoining(partition: Partition, event: CustomerEvent, context: JoinContext): void {
  if (event.type !== "identify" || event.anonymousId === undefined || isAnonymous(event.key)) return;
  const { store } = partition;
  const anonymous = anonymousKey(event.anonymousId);
  const state = store.state(event.key);
  if (state.absorbed.includes(anonymous)) return;
  store.setState(event.key, { ...state, joining: state.joining + 1 });
  touch(partition, event.key);
  relay(partition, anonymous, encodeSeal(anonymous, event.key), context);
}

/**
 * The anonymous end: the first seal takes everything along, with the contacts that are on screens, which leave those of the
 * anonymous key. A key of which nothing is known is sealed as well: what comes in under it later is the customer's.
 */
export function foldSeal(
  partition: Partition,
  { anonymous, customer }: Extract<LogEntry, { kind: "seal" }>,
  context: JoinContext,
): void {
  const { store, draft } = partition;
  const { sealedTo, contacts } = store.state(anonymous);
  if (sealedTo !== undefined) {
    relay(partition, customer, encodeMerge(customer, anonymous, sealedTo === customer), context);
    return;
  }
  relay(partition, customer, encodeMerge(customer, anonymous, true, store.pack(anonymous)), context);
  for (const { live, shadow, trackingCode } of contacts) {
    if (live && !shadow) draft.withdrawals.push({ key: anonymous, trackingCode, because: "joined" });
  }
  store.reset(anonymous, (empty) => ({ ...empty, sealedTo: customer }));
  draft.fired.add(anonymous);
  touch(partition, anonymous);
}

/** The customer's end again. Undefined, or what is wrong with the packed profile: then it is lost, and the join is over. */
export function foldMerge(
  partition: Partition,
  { key, anonymous, isJoined, packed, arrivedAt, position }: Extract<LogEntry, { kind: "merge" }>,
): string | undefined {
  const { store, draft, active } = partition;
  const result = packed && store.merge(key, packed, arrivedAt, active.rulebook.contactMemoryMs);
  const moment = momentOf(partition, key, arrivedAt, position);
  const state = firePatterns(moment, endJoining(store.state(key), anonymous, isJoined), arrivedAt);
  store.setState(key, state.joining === 0 ? { ...state, awaiting: [] } : state);
  draft.rearm.add(key);
  touch(partition, key);
  if (result?.kind === "merged") {
    for (const { live, shadow, trackingCode } of result.evicted) {
      if (live && !shadow) draft.withdrawals.push({ key, trackingCode, because: "evicted" });
    }
  }
  if (state.joining === 0) askAwaited(moment, state.awaiting, arrivedAt);
  if (result === undefined || result.kind === "merged") return undefined;
  return result.kind === "corrupt" ? result.why : `the layout ${result.hash} of a profile is not known`;
}

/** Under a sealed key: goes on to the customer, who knows it by the same source and id. False where the key is not sealed. */
export function forwardEvent(
  partition: Partition,
  event: CustomerEvent,
  { arrivedAt, movesClock, position }: LogEntry,
  context: JoinContext,
): boolean {
  const customer = sealedTo(partition, event.key);
  if (customer === undefined) return false;
  const isDriven = movesClock && arrivedAt !== positionMs(position);
  relay(partition, customer, encodeForward(customer, event, isDriven ? arrivedAt : undefined), context);
  return true;
}

/** The same for what a channel says of a contact that the customer has by now. */
export function forwardDelivered(
  partition: Partition,
  { key, trackingCode }: Extract<LogEntry, { kind: "delivered" }>,
  context: JoinContext,
): boolean {
  const customer = sealedTo(partition, key);
  if (customer === undefined) return false;
  relay(partition, customer, encodeDelivered(customer, trackingCode), context);
  return true;
}

/** What was triggered from number `from` on, by this entry, waits where its customer is joining. */
export function awaitJoin({ store, draft }: Partition, from: number): void {
  const asking = draft.triggered.splice(from);
  for (const one of asking) {
    const state = store.state(one.key);
    if (state.joining === 0) {
      draft.triggered.push(one);
      continue;
    }
    // Somebody who has just turned something down is on a screen: like an ask, this is over with the moment.
    if (one.channel !== undefined) continue;
    const message = {
      trigger: nameHash(one.source === CAMPAIGN_SOURCE ? "campaign" : "trigger", one.id),
      source: one.source,
      event: one.event,
      at: one.at,
      until: one.heldUntil ?? NEVER,
      dropAfter: one.dropAfter ?? NEVER,
      context: one.context,
    };
    store.setState(one.key, { ...state, awaiting: [...state.awaiting, message].slice(-AWAITING_MAX) });
  }
}

/** Asked for under the rulebook of now, with what is known now; what came too long ago is over. */
function askAwaited(moment: Moment, awaiting: readonly HeldMessage[], at: Instant): void {
  for (const message of awaiting) {
    const asker = askerOf(moment.partition.active.rulebook, message);
    const isHeld = message.until !== NEVER;
    const isOver = isHeld ? at > message.dropAfter : at - message.at > TRIGGER_FRESH_MS;
    if (asker !== undefined && !isOver) askAt(moment, asker, message, isHeld ? { held: message } : {});
  }
}

/** Nothing happens under an anonymous key that is joined: what it had is the customer's. */
export function isSealed(partition: Partition, key: CustomerKey): boolean {
  return sealedTo(partition, key) !== undefined;
}

function sealedTo(partition: Partition, key: CustomerKey): CustomerKey | undefined {
  return isAnonymous(key) ? partition.store.state(key).sealedTo : undefined;
}

function relay(partition: Partition, to: CustomerKey, fields: EntryFields, { partitions }: JoinContext): void {
  partition.draft.relays.push({ to: partitionOf(to, partitions), fields });
}
