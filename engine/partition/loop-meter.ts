// Counts what the loop does: typed counters on the hot path, slots looked up once for each label value.

import type { DecisionRecord } from "../domain/decision.ts";
import type { Stage } from "../domain/drop.ts";
import type { LogEntry } from "../domain/event.ts";
import { positionMs } from "../domain/ids.ts";
import { NAMED_STREAMS } from "../ingest/front-door.ts";
import { ENGINE_SOURCE } from "../ingest/log-entry.ts";
import type { Metrics, WaveStage } from "../observe/metrics.ts";
import type { ClosedDraft } from "./close-draft.ts";
import type { EntryResult } from "./fold-entry.ts";
import type { Partition } from "./partition.ts";
import type { WaveMeter } from "./wave.ts";

export interface LoopMeter {
  readonly stages: WaveMeter & { readonly start: () => void };
  readonly onEntry: (partition: Partition, entry: LogEntry, result: EntryResult) => void;
  readonly onCommitted: (closed: ClosedDraft, seconds: number) => void;
}

export function createLoopMeter(metrics: Metrics): LoopMeter {
  const stageSlots = memo((stage: WaveStage) => metrics.stageSeconds.slot(stage));
  const commitSlot = metrics.commitSeconds.slot();
  const dropSlots = memo((stage: Stage) => metrics.candidatesDropped.slot(stage));
  const errorSlots = memo((stage: Stage) => metrics.ruleErrors.slot(stage));
  let lapAt = performance.now();
  return {
    stages: {
      start: () => {
        lapAt = performance.now();
      },
      lap: (stage) => {
        const now = performance.now();
        metrics.stageSeconds.add(stageSlots(stage), (now - lapAt) / 1000);
        lapAt = now;
      },
      onDropped: (stage, drops, errors) => {
        metrics.candidatesDropped.add(dropSlots(stage), drops);
        if (errors > 0) metrics.ruleErrors.add(errorSlots(stage), errors);
      },
    },
    onEntry: createEntryMeter(metrics),
    onCommitted: createCommitMeter(metrics, commitSlot, metrics.decisionSeconds.slot("trigger")),
  };
}

const SOURCES: ReadonlySet<string> = new Set([...NAMED_STREAMS, "http", "live", ENGINE_SOURCE]);

function createEntryMeter(metrics: Metrics): LoopMeter["onEntry"] {
  const lagSlots = memo((index: number) => metrics.eventLagSeconds.slot(String(index)));
  const slots = {
    folded: memo((source: string) => metrics.events.slot(source, "folded")),
    duplicate: memo((source: string) => metrics.events.slot(source, "duplicate")),
    dead: memo((source: string) => metrics.events.slot(source, "dead")),
  };
  return (partition, entry, result) => {
    metrics.eventLagSeconds.set(lagSlots(partition.index), lagSeconds(entry, Date.now()));
    if (result === "internal") return;
    const source = entry.kind === "event" ? entry.event.source : entry.kind === "dead" ? entry.source : ENGINE_SOURCE;
    // What a producer wrote into the field is no label: it might be anything, a customer too.
    metrics.events.add(slots[result](SOURCES.has(source) ? source : "other"), 1);
  };
}

function createCommitMeter(metrics: Metrics, commitSlot: number, triggerSlot: number): LoopMeter["onCommitted"] {
  const decisionSlots = memo((name: string) => {
    const [kind, direction, ...placement] = name.split(" ");
    return metrics.decisions.slot(kind as "act", direction as "inbound", placement.join(" "));
  });
  const actionSlots = memo((action: string) => metrics.actionsSelected.slot(action));
  const contactSlots = memo((name: string) => {
    const [state, ...channel] = name.split(" ");
    return metrics.contacts.slot(channel.join(" "), state as "reserved");
  });
  const turnSlots = memo((name: string) => {
    const [turn, ...campaign] = name.split(" ");
    return metrics.campaignCustomers.slot(campaign.join(" "), turn as "asked");
  });
  const deadSlots = memo((reason: string) => metrics.deadLetters.slot(reason));
  const armSlots = memo((name: string) => {
    const [experiment, arm] = name.split("/") as [string, string];
    return metrics.experimentDecisions.slot(experiment, arm);
  });
  const onDecision = (record: DecisionRecord): void => {
    for (const { experiment, arm } of record.arms) metrics.experimentDecisions.add(armSlots(`${experiment}/${arm}`), 1);
    for (const slate of record.slates) {
      metrics.decisions.add(decisionSlots(`${slate.kind} ${record.direction} ${slate.placement}`), 1);
      for (const item of slate.items) {
        if (item.kept) continue;
        metrics.actionsSelected.add(actionSlots(item.action), 1);
        const state = record.contacts.find((contact) => contact.trackingCode === item.trackingCode)?.state;
        if (state !== undefined) metrics.contacts.add(contactSlots(`${state} ${item.channel}`), 1);
      }
    }
  };
  return (closed, seconds) => {
    metrics.commitSeconds.observe(commitSlot, seconds);
    const { draft, partition } = closed;
    for (const record of draft.decisions) onDecision(record);
    const now = Date.now();
    for (const takenMs of draft.takenMs.values()) {
      metrics.decisionSeconds.observe(triggerSlot, Math.max(0, now - takenMs) / 1000);
    }
    for (const { reason } of draft.dead) metrics.deadLetters.add(deadSlots(reason), 1);
    for (const { campaign, turn } of draft.turns) {
      metrics.campaignCustomers.add(turnSlots(`${turn} ${campaign}`), 1);
    }
    for (const { channel, state } of draft.states) {
      const name = partition.active.rulebook.channels.find(({ hash }) => hash === channel)?.name;
      if (name !== undefined) metrics.contacts.add(contactSlots(`${state} ${name}`), 1);
    }
  };
}

/** Looks a slot up once; label values are names of the rulebook and closed sets, so the map stays small. */
function memo<Name extends string | number>(slotOf: (name: Name) => number): (name: Name) => number {
  const slots = new Map<Name, number>();
  return (name) => {
    let slot = slots.get(name);
    if (slot === undefined) {
      slot = slotOf(name);
      slots.set(name, slot);
    }
    return slot;
  };
}

/** Seconds between an entry's arrival in Redis and now. */
function lagSeconds(entry: LogEntry, wallMs: number): number {
  return Math.max(0, wallMs - positionMs(entry.position)) / 1000;
}
