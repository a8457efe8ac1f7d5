// The recorded past of an engine, read from Redis without taking part: events from the input logs, asks from the journals.
// Triggers, timers and deliveries are left out: they arise again.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, NameHash, PartitionIndex, Position, RulebookHash, TrackingCode } from "../domain/ids.ts";
import { positionMs } from "../domain/ids.ts";
import type { Ask } from "../engine.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { inOrder, type Past, type PastItem } from "./past.ts";

export interface ReadPastOptions {
  readonly journal: Pick<Journal, "entries" | "commits" | "logState">;
  readonly partitions: number;
  /** Of which the names of channels are read. */
  readonly rulebook: (hash: RulebookHash) => Promise<Rulebook>;
  readonly onRead: (entries: number) => void;
}

export interface ReadPast extends Past {
  /** The last rulebook that a log activated; undefined: none did. */
  readonly activated: RulebookHash | undefined;
}

/** More would not fit into memory. */
const ITEMS_MAX = 5_000_000;
const PAGE = 5_000;

/** Rejects where there is more than fits into memory. */
export async function readPast(options: ReadPastOptions): Promise<ReadPast> {
  const reading: Reading = {
    options,
    items: [],
    treatments: new Map(),
    notes: [],
    activated: undefined,
    activatedAt: 0,
  };
  for (let index = 0; index < options.partitions; index++) {
    await readEvents(reading, index as PartitionIndex);
    await readAsks(reading, index as PartitionIndex);
  }
  const { items, treatments, notes, activated } = reading;
  return { partitions: options.partitions, items: inOrder(items), treatments, notes, activated };
}

interface Reading {
  readonly options: ReadPastOptions;
  readonly items: PastItem[];
  readonly treatments: Map<TrackingCode, NameHash>;
  readonly notes: string[];
  activated: RulebookHash | undefined;
  activatedAt: number;
}

async function readEvents(reading: Reading, partition: PartitionIndex): Promise<void> {
  const { journal, partitions, onRead } = reading.options;
  const { added, length } = await journal.logState(partition);
  if (added !== undefined && added > length) {
    reading.notes.push(
      `partition ${partition}: the first ${added - length} entries of its log were trimmed, so profiles begin later there`,
    );
  }
  let after = "0-0" as Position;
  let skewMs = 0;
  for (;;) {
    const page = await journal.entries(partition, after, undefined, PAGE);
    for (const { position, fields } of page) {
      const entry = decodeLogEntry(position, fields, { partition, partitions, skewMs });
      if (entry.movesClock) skewMs = entry.arrivedAt - positionMs(position);
      if (entry.kind === "event") add(reading, { kind: "event", at: entry.arrivedAt, event: entry.event });
      if (entry.kind === "activation" && positionMs(position) >= reading.activatedAt) {
        reading.activated = entry.rulebook;
        reading.activatedAt = positionMs(position);
      }
      after = position;
    }
    onRead(reading.items.length);
    if (page.length === 0) return;
  }
}

async function readAsks(reading: Reading, partition: PartitionIndex): Promise<void> {
  const { journal, onRead } = reading.options;
  let from = 1 as CommitSeq;
  for (;;) {
    const page = await journal.commits(partition, from, PAGE);
    for (const { seq, payload } of page) {
      for (const record of decodeCommit(payload).decisions) {
        for (const { trackingCode, treatment } of record.contacts) reading.treatments.set(trackingCode, treatment);
        if (record.trigger !== undefined) continue;
        const ask = await askOf(reading.options, record);
        add(reading, { kind: "ask", at: record.now, id: record.id, ask });
      }
      from = (seq + 1) as CommitSeq;
    }
    onRead(reading.items.length);
    if (page.length < PAGE) return;
  }
}

async function askOf(options: ReadPastOptions, record: DecisionRecord): Promise<Omit<Ask, "deadlineMs">> {
  const { channels, placements } = await options.rulebook(record.rulebook);
  const { request } = record.input;
  const channel = request.channel === undefined ? undefined : channels[request.channel]?.name;
  return {
    key: record.key,
    channel: channel ?? "",
    placements: request.placements.map(({ placement, limit }) => ({ name: placements[placement]?.name ?? "", limit })),
    context: request.context,
    locale: request.locale,
  };
}

function add({ items }: Reading, item: PastItem): void {
  if (items.length >= ITEMS_MAX)
    throw new Error(`the past holds more than ${ITEMS_MAX} events and asks: export a part of it and use --events`);
  items.push(item);
}
