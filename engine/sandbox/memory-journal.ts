// What the loop needs of a journal, in memory and on simulated time. Entries are handed out once and forgotten, commits
// are applied and forgotten: nothing is ever recovered from it. A method that recovery alone needs finds nothing.
import type { CommitSeq, DecisionId, PartitionIndex, Position } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import type { EntryFields } from "../ingest/log-entry.ts";
import type { Journal, RawEntry } from "../journal/journal.ts";
import { createTimerQueue, type TimerQueue } from "./timer-queue.ts";

export interface AppendedEntry {
  readonly partition: PartitionIndex;
  readonly raw: RawEntry;
}

export interface MemoryJournal extends Journal {
  /** The oldest entry that nobody has taken, over all input logs. */
  readonly take: () => AppendedEntry | undefined;
  readonly timers: (partition: PartitionIndex) => TimerQueue;
}

/** `clock`: ms since 1970, what Redis' clock would say. */
export function createMemoryJournal(partitions: number, clock: () => number): MemoryJournal {
  const timers = Array.from({ length: partitions }, () => createTimerQueue());
  const decisions = new Map<DecisionId, { seq: CommitSeq; items: number; key: string }>();
  const log = createLog(clock);
  const timersOf = (partition: PartitionIndex): TimerQueue => timers[partition] as TimerQueue;
  return {
    take: log.take,
    timers: timersOf,
    acquire: async () => ({
      kind: "acquired",
      token: "sandbox",
      epoch: 1,
      seq: 0 as CommitSeq,
      position: "0-0" as Position,
      base: undefined,
    }),
    renew: async () => true,
    note: async () => true,
    commit: async (_token, draft) => {
      for (const { id, items, key } of draft.decisions) decisions.set(id, { seq: draft.seq, items, key });
      for (const key of draft.forgotten) timersOf(draft.partition).forget(key);
      for (const { key, due } of draft.armed) timersOf(draft.partition).arm(key, due);
      return { kind: "ok" };
    },
    commits: async () => [],
    commitsBefore: async () => [],
    entries: async () => [],
    entriesBefore: async () => [],
    head: async () => ({ seq: 0 as CommitSeq, position: "0-0" as Position, base: undefined }),
    logState: async () => ({ added: undefined, length: 0, lastDeleted: "0-0" as Position }),
    lastEntry: async (partition) => log.last(partition),
    profiles: async (_partition, keys) => keys.map(() => undefined),
    seen: async () => undefined,
    findDecision: async (_partition, id) => decisions.get(id) as Awaited<ReturnType<Journal["findDecision"]>>,
    armed: async (partition, keys) => keys.map((key) => timersOf(partition).armedFor(key)),
    due: async (partition, now, countMax) => timersOf(partition).due(now, countMax),
    nextDue: async (partition) => timersOf(partition).first()?.due ?? (NEVER as Instant),
    append: async (partition, fields) => log.append(partition, fields),
    appendKnown: async (partition, of, fields) => {
      const isKnown =
        "decision" in of ? decisions.has(of.decision) : timersOf(partition).armedFor(of.customer) !== undefined;
      return isKnown ? log.append(partition, fields) : undefined;
    },
  };
}

interface Log {
  readonly append: (partition: PartitionIndex, fields: EntryFields) => Position;
  readonly take: () => AppendedEntry | undefined;
  readonly last: (partition: PartitionIndex) => Position;
}

function createLog(clock: () => number): Log {
  let waiting: AppendedEntry[] = [];
  let taken = 0;
  const last = new Map<PartitionIndex, { ms: number; nth: number }>();
  return {
    append: (partition, fields) => {
      const ms = Math.floor(clock());
      const before = last.get(partition);
      const nth = before?.ms === ms ? before.nth + 1 : 0;
      last.set(partition, { ms, nth });
      const position = `${ms}-${nth}` as Position;
      const bytes = fields.map((field) => (typeof field === "string" ? Buffer.from(field) : field));
      waiting.push({ partition, raw: { position, fields: bytes } });
      return position;
    },
    take: () => {
      const next = waiting[taken];
      if (next === undefined) return undefined;
      taken++;
      if (taken === waiting.length) {
        waiting = [];
        taken = 0;
      }
      return next;
    },
    last: (partition) => {
      const found = last.get(partition);
      return (found === undefined ? "0-0" : `${found.ms}-${found.nth}`) as Position;
    },
  };
}
