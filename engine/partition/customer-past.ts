// What the journal and the input log still say of one customer: read backwards, within bounds, without disturbing anybody.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, CustomerKey, DecisionId, PartitionIndex, Position } from "../domain/ids.ts";
import { isAnonymous, positionMs } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Past, PastEvent } from "../engine.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import { findDecision } from "./find-decision.ts";
import { partitionOfDecision } from "./questions.ts";

const COMMITS_MAX = 4_096;
const COMMIT_BYTES_MAX = 32 * 1024 * 1024;
const COMMITS_PER_READ = 32;
const ENTRIES_MAX = 16_384;
const ENTRIES_PER_READ = 1_024;

/**
 * At most `countMax`, newest first; `partitions`: how many this Redis has. By a scan of the newest commits, then older ones that made contacts, by their ids.
 * @param made ids of decisions that made contacts, newest first
 */
export async function decisionsOf(
  journal: Journal,
  partition: PartitionIndex,
  partitions: number,
  key: CustomerKey,
  made: readonly DecisionId[],
  countMax: number,
): Promise<Past<DecisionRecord>> {
  const scanned = await scanCommits(journal, partition, key, countMax);
  const found = [...scanned.found];
  const known = new Set(found.map(({ id }) => id));
  for (const id of new Set(made)) {
    if (found.length >= countMax || scanned.since === undefined) break;
    if (known.has(id)) continue;
    // Those of an anonymous key that was joined lie where they were made.
    const home = partitionOfDecision(id, partitions);
    const older = home === undefined ? undefined : await findDecision(journal, home, id);
    if (older !== undefined) found.push(older.record);
  }
  return { found, since: scanned.since };
}

async function scanCommits(
  journal: Journal,
  partition: PartitionIndex,
  key: CustomerKey,
  countMax: number,
): Promise<Past<DecisionRecord>> {
  const found: DecisionRecord[] = [];
  const name = Buffer.from(key);
  let since: Instant | undefined;
  let before: CommitSeq | undefined;
  let bytes = 0;
  for (let read = 0; read < COMMITS_MAX && bytes < COMMIT_BYTES_MAX; ) {
    const page = await journal.commitsBefore(partition, before, COMMITS_PER_READ);
    const oldest = page.at(-1);
    if (oldest === undefined) return { found, since: undefined };
    for (const { payload } of page) {
      read++;
      bytes += payload.length;
      // Most commits do not name this customer: they are not decoded.
      if (!payload.includes(name)) continue;
      const { decisions } = decodeCommit(payload);
      found.push(...decisions.filter((decision) => decision.key === key).reverse());
    }
    before = oldest.seq;
    since = decodeCommit(oldest.payload).now;
    if (found.length >= countMax) return { found: found.slice(0, countMax), since: found[countMax - 1]?.now };
  }
  return { found, since };
}

/** At most `countMax`, newest first. `partitions`: how many this Redis has. */
export async function eventsOf(
  journal: Journal,
  partition: PartitionIndex,
  partitions: number,
  key: CustomerKey,
  countMax: number,
): Promise<Past<PastEvent>> {
  const found: PastEvent[] = [];
  const name = Buffer.from(isAnonymous(key) ? key.slice("anon:".length) : key);
  let before: Position | undefined;
  for (let read = 0; read < ENTRIES_MAX; ) {
    const page = await journal.entriesBefore(partition, before, ENTRIES_PER_READ);
    const oldest = page.at(-1);
    if (oldest === undefined) return { found, since: undefined };
    for (const { position, fields } of page) {
      if (!fields.some((field) => field.includes(name))) continue;
      const entry = decodeLogEntry(position, fields, { partition, partitions, skewMs: 0 });
      if (entry.kind !== "event" || entry.event.key !== key) continue;
      found.push({ event: entry.event, takenAt: entry.arrivedAt });
      if (found.length >= countMax) return { found, since: entry.arrivedAt };
    }
    read += page.length;
    before = oldest.position;
  }
  return { found, since: before === undefined ? undefined : (positionMs(before) as Instant) };
}
