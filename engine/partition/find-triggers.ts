// What one event asks for: the triggers that wait for it, the patterns that it completes, the answer to a rejection.
import type { Contact } from "../domain/contact.ts";
import type { CustomerEvent, LogEntry, OutcomeReport } from "../domain/event.ts";
import type { Instant } from "../domain/time.ts";
import { ENGINE_SOURCE } from "../ingest/log-entry.ts";
import { TRIGGER_FRESH_MS } from "../profile/bounds.ts";
import { foldPattern, isPattern, type PatternTrigger } from "../profile/patterns.ts";
import type { PatternState } from "../profile/state.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Trigger } from "../rulebook/triggers.ts";
import { askAt, type Cause, momentOf } from "./ask-at.ts";
import type { Partition } from "./partition.ts";

/** An event older than an hour when it arrives changes the profile and its patterns, but asks for nothing by itself. */
function isFresh(event: CustomerEvent, arrivedAt: Instant): boolean {
  return arrivedAt - event.ts <= TRIGGER_FRESH_MS;
}

export function findTriggers(partition: Partition, event: CustomerEvent, { arrivedAt, position }: LogEntry): void {
  const { rulebook } = partition.active;
  const triggers = (isFresh(event, arrivedAt) ? rulebook.triggersByType.get(event.type) : undefined) ?? NO_TRIGGERS;
  // What an engine reports is nothing that the customer did.
  const patterns = event.source === ENGINE_SOURCE ? NO_PATTERNS : patternsOf(rulebook, event.type);
  if (triggers.length === 0 && patterns.length === 0) return;
  const moment = momentOf(partition, event.key, Math.max(arrivedAt, event.ts) as Instant, position);
  const cause = causeOf(event);
  for (const trigger of triggers) askAt(moment, trigger, cause);
  if (patterns.length === 0) return;
  const state = partition.store.state(event.key);
  let after = state.patterns;
  for (const trigger of patterns) {
    const change = foldPattern(trigger, stateOf(after, trigger), event, arrivedAt);
    if (!change.isChanged) continue;
    after = replaced(after, trigger, change.after);
    for (const { source, event: id, at } of change.fired) {
      askAt(moment, trigger, { source, event: id, at, context: event.props });
    }
  }
  if (after === state.patterns) return;
  partition.store.setState(event.key, { ...state, patterns: after });
  partition.draft.rearm.add(event.key);
}

/** The customer has just turned down `contact`: the placement that showed it is asked for the next best. */
export function answerRejection(
  partition: Partition,
  event: CustomerEvent,
  contact: Contact,
  { arrivedAt, position }: LogEntry,
): void {
  if (!isFresh(event, arrivedAt)) return;
  const { triggers, placements, channels } = partition.active.rulebook;
  const { outcome } = event.props as unknown as OutcomeReport;
  const channel = channels.find(({ hash }) => hash === contact.channel);
  for (const trigger of triggers) {
    const placement = placements[trigger.placement];
    if (trigger.kind !== "rejection" || !trigger.outcomes.includes(outcome)) continue;
    if (channel === undefined || placement?.hash !== contact.placement) continue;
    if (!placement.channels.includes(channel.index)) continue;
    const moment = momentOf(partition, event.key, Math.max(arrivedAt, event.ts) as Instant, position);
    askAt(moment, trigger, causeOf(event), { channel: channel.index });
  }
}

type PatternName = Pick<Trigger, "keptAs">;

export function stateOf(patterns: readonly PatternState[], { keptAs }: PatternName): PatternState | undefined {
  return patterns.find(({ pattern }) => pattern === keptAs);
}

export function replaced(
  patterns: readonly PatternState[],
  { keptAs }: PatternName,
  after: PatternState | undefined,
): readonly PatternState[] {
  const others = patterns.filter(({ pattern }) => pattern !== keptAs);
  return after === undefined ? others : [...others, after];
}

function causeOf({ source, id, ts, props }: CustomerEvent): Cause {
  return { source, event: id, at: ts, context: props };
}

type Patterns = readonly (Trigger & PatternTrigger)[];
const NO_TRIGGERS: readonly Trigger[] = [];
const NO_PATTERNS: Patterns = [];
const byRulebook = new WeakMap<Rulebook, Map<string, Patterns>>();

/** The pattern triggers to which an event of this type can matter; worked out once for each type. */
function patternsOf(rulebook: Rulebook, type: string): Patterns {
  const known = byRulebook.get(rulebook) ?? new Map<string, Patterns>();
  byRulebook.set(rulebook, known);
  const found = known.get(type);
  if (found !== undefined) return found;
  const patterns = rulebook.triggers.filter(isPattern).filter(({ pattern }) => typesOf(pattern).some(matches(type)));
  // A producer may send any number of types.
  if (known.size < TYPES_KNOWN_MAX) known.set(type, patterns);
  return patterns;
}

const TYPES_KNOWN_MAX = 4_096;

function matches(type: string): (types: readonly string[]) => boolean {
  return (types) => types.length === 0 || types.includes(type);
}

function typesOf(pattern: PatternTrigger["pattern"]): readonly (readonly string[])[] {
  switch (pattern.kind) {
    case "sequence":
      return pattern.steps.map(({ types }) => types);
    case "absence":
      return [pattern.after.types, pattern.of.types];
    case "count":
    case "inactivity":
      return [pattern.of.types];
  }
}
