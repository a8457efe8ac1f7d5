// A journal that reads on in the archive where Redis has let go: input logs and commits without a gap or a double, whatever
// is archived and trimmed meanwhile. An entry is archived before it is trimmed, so what a page of Redis lacks at its front is
// in a segment that is there once the page was read.
import {
  type CommitSeq,
  type CustomerKey,
  comparePositions,
  type DecisionId,
  type PartitionIndex,
  type Position,
} from "../domain/ids.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal, LogState, RawEntry } from "../journal/journal.ts";
import type { Archive, Segment } from "./archive.ts";
import type { SegmentEntry } from "./archive-segment.ts";

type Page = readonly { readonly seq: CommitSeq; readonly payload: Buffer }[];

/** Only what reads the past is another; what Redis holds is read from Redis. */
export function withArchive(journal: Journal, archive: Archive): Journal {
  return {
    ...journal,
    entries: async (partition, after, upTo, countMax) => {
      const found: RawEntry[] = [];
      for (;;) {
        const from = found.at(-1)?.position ?? after;
        const segment = await firstBeyond(archive, partition, "log", (last) => comparePositions(last, from) > 0);
        if (segment === undefined) {
          const page = await journal.entries(partition, from, upTo, countMax - found.length);
          // Trimmed while it was read? Then the segment that holds the front of it is there by now.
          if (await firstBeyond(archive, partition, "log", (last) => comparePositions(last, from) > 0)) continue;
          return [...found, ...page];
        }
        for (const raw of (await archive.read(segment)).map(rawEntryOf)) {
          if (comparePositions(raw.position, from) <= 0) continue;
          if (upTo !== undefined && comparePositions(raw.position, upTo) > 0) return found;
          found.push(raw);
          if (found.length === countMax) return found;
        }
      }
    },
    commits: async (partition, from, countMax) => {
      const found: { seq: CommitSeq; payload: Buffer }[] = [];
      for (;;) {
        const next = ((found.at(-1)?.seq ?? from - 1) + 1) as CommitSeq;
        const segment = await firstBeyond(archive, partition, "journal", (last) => Number(last) >= next);
        if (segment === undefined) {
          const page = await journal.commits(partition, next, countMax - found.length);
          if (await firstBeyond(archive, partition, "journal", (last) => Number(last) >= next)) continue;
          return [...found, ...page];
        }
        for (const commit of (await archive.read(segment)).map(commitOf)) {
          if (commit.seq < next) continue;
          found.push(commit);
          if (found.length === countMax) return found;
        }
      }
    },
    entriesBefore: async (partition, before, countMax) => {
      const held = await journal.entriesBefore(partition, before, countMax);
      const last = held.at(-1)?.position;
      const isMore = last !== undefined && held.length < countMax; // a page of large ones is short
      if (isMore && (await journal.entriesBefore(partition, last, 1)).length > 0) return held;
      const page = [...held];
      for (const segment of (await archive.segments(partition, "log")).toReversed()) {
        if (page.length >= countMax) break;
        const limit = page.at(-1)?.position ?? before;
        if (limit !== undefined && comparePositions(segment.first as Position, limit) >= 0) continue;
        const older = (await archive.read(segment)).map(rawEntryOf).reverse();
        page.push(...older.filter(({ position }) => limit === undefined || comparePositions(position, limit) < 0));
      }
      return page.slice(0, countMax);
    },
    commitsBefore: async (partition, before, countMax) => {
      const page: { seq: CommitSeq; payload: Buffer }[] = [
        ...(await journal.commitsBefore(partition, before, countMax)),
      ];
      for (const segment of (await archive.segments(partition, "journal")).toReversed()) {
        if (page.length >= countMax) break;
        const limit = page.at(-1)?.seq ?? before ?? Number.POSITIVE_INFINITY;
        if (Number(segment.first) >= limit) continue;
        page.push(
          ...(await archive.read(segment))
            .map(commitOf)
            .reverse()
            .filter(({ seq }) => seq < limit),
        );
      }
      return page.slice(0, countMax);
    },
    logState: async (partition) => archivedState(archive, partition, await journal.logState(partition)),
    findDecision: async (partition, id) =>
      (await journal.findDecision(partition, id)) ?? (await findArchived(archive, partition, id)),
  };
}

async function firstBeyond(
  archive: Archive,
  partition: PartitionIndex,
  kind: Segment["kind"],
  isBeyond: (last: Position) => boolean,
): Promise<Segment | undefined> {
  return (await archive.segments(partition, kind)).find(({ last }) => isBeyond(last as Position));
}

/** What is archived without a gap up to what Redis holds counts as held. */
async function archivedState(archive: Archive, partition: PartitionIndex, state: LogState): Promise<LogState> {
  if (state.added === undefined) return state;
  let held = state.added - state.length;
  for (const { ordinal, count } of (await archive.segments(partition, "log")).toReversed()) {
    if (ordinal + count >= held) held = Math.min(held, ordinal);
  }
  return { ...state, length: state.added - held };
}

/** Newest first. A commit that does not name the decision is not decoded. */
async function findArchived(
  archive: Archive,
  partition: PartitionIndex,
  id: DecisionId,
): Promise<{ readonly seq: CommitSeq; readonly items: number; readonly key: CustomerKey } | undefined> {
  for (const segment of (await archive.segments(partition, "journal")).toReversed()) {
    for (const { seq, payload } of pageOf(await archive.read(segment))) {
      if (!payload.includes(id)) continue;
      const found = decodeCommit(payload).decisions.find((decision) => decision.id === id);
      if (found !== undefined) return { seq, items: found.contacts.length, key: found.key };
    }
  }
  return undefined;
}

function pageOf(entries: readonly SegmentEntry[]): Page {
  return entries.map(commitOf);
}

function rawEntryOf([position, ...fields]: SegmentEntry): RawEntry {
  return { position: (position as Buffer).toString("latin1") as Position, fields };
}

function commitOf([seq, payload]: SegmentEntry): { readonly seq: CommitSeq; readonly payload: Buffer } {
  return { seq: Number((seq as Buffer).toString("latin1")) as CommitSeq, payload: payload as Buffer };
}
