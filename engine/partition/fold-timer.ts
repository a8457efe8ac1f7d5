// A customer's timer goes off: whatever is due by then happens, all of it, in this order: contacts, patterns, messages whose
// hold is over, the day. A timer that goes off for nothing changes nothing but the time of the next.
import type { CustomerKey, NameHash, Position } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import { dayNumber, lastDaily } from "../profile/daily.ts";
import { CAMPAIGN_SOURCE, DAILY_SOURCE, endHolds } from "../profile/held.ts";
import { fireDue } from "../profile/outcome.ts";
import { firePattern, isPattern } from "../profile/patterns.ts";
import type { HeldMessage, ProfileState } from "../profile/state.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Campaign, Trigger } from "../rulebook/triggers.ts";
import { askAt, type Moment, momentOf } from "./ask-at.ts";
import { changeContacts } from "./change-contacts.ts";
import { replaced } from "./find-triggers.ts";
import { type Partition, touch } from "./partition.ts";

/** `due`: what the timer was armed for; `at`: when it goes off, not before. */
export function foldTimer(partition: Partition, key: CustomerKey, due: Instant, at: Instant, position: Position): void {
  const { store, draft } = partition;
  changeContacts(partition, key, (contact) => fireDue(contact, at));
  const moment = momentOf(partition, key, at, position);
  const before = store.state(key);
  const after = fireDay(moment, endHeld(moment, firePatterns(moment, before, at), at), due, at);
  // Armed anew or disarmed even where nothing was due any more: else the timer would go off again and again.
  draft.fired.add(key);
  if (after === before) return;
  store.setState(key, after);
  touch(partition, key);
}

/** What is due, and what is complete. What was kept for a pattern that the rulebook does not have any more is forgotten. */
export function firePatterns(moment: Moment, state: ProfileState, at: Instant): ProfileState {
  const { triggers } = moment.partition.active.rulebook;
  let { patterns } = state;
  for (const pattern of state.patterns) {
    const trigger = triggers.find(({ keptAs }) => keptAs === pattern.pattern);
    if (trigger === undefined || !isPattern(trigger)) {
      patterns = replaced(patterns, { keptAs: pattern.pattern }, undefined);
      continue;
    }
    const change = firePattern(trigger, pattern, at);
    if (!change.isChanged) continue;
    patterns = replaced(patterns, trigger, change.after);
    for (const { source, event, at: completeAt } of change.fired) {
      askAt(moment, trigger, { source, event, at: completeAt, context: {} });
    }
  }
  return patterns === state.patterns ? state : { ...state, patterns };
}

/** Decided again with what is known now. Where it is held again, the decision notes it anew. */
function endHeld(moment: Moment, state: ProfileState, at: Instant): ProfileState {
  if (state.held.length === 0) return state;
  const { ended, waiting } = endHolds(state.held, at);
  if (ended.length === 0) return state;
  for (const message of ended) {
    const asker = askerOf(moment.partition.active.rulebook, message);
    if (asker === undefined || at > message.dropAfter) continue;
    askAt(moment, asker, message, { held: message });
  }
  return { ...state, held: waiting };
}

export function askerOf(rulebook: Rulebook, { trigger, source }: HeldMessage): Trigger | Campaign | undefined {
  const isIt = ({ hash }: { readonly hash: NameHash }): boolean => hash === trigger;
  return source === CAMPAIGN_SOURCE ? rulebook.campaigns.find(isIt) : rulebook.triggers.find(isIt);
}

/**
 * Once for each hour of its own that has come since the last time; of several that were missed the last. A customer whose
 * timer was never armed for it begins to wait for the next.
 */
function fireDay(moment: Moment, state: ProfileState, due: Instant, at: Instant): ProfileState {
  const daily = moment.partition.active.rulebook.triggers.filter(({ kind }) => kind === "daily");
  if (daily.length === 0) return state.rescoredAt === LONG_AGO ? state : { ...state, rescoredAt: LONG_AGO };
  const last = lastDaily(moment.key, at);
  const isFirst = state.rescoredAt === LONG_AGO;
  if (isFirst ? lastDaily(moment.key, due) !== due : state.rescoredAt >= last) {
    return isFirst ? { ...state, rescoredAt: at } : state;
  }
  for (const trigger of daily) {
    askAt(moment, trigger, { source: DAILY_SOURCE, event: String(dayNumber(last)), at: last, context: {} });
  }
  return { ...state, rescoredAt: last };
}
