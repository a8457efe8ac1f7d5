// The background pass of an erasure over the partitions of this process: once the fold has forgotten somebody and a
// checkpoint says so, log, journal, dead letters and the streams of all partitions are written anew without the traces
// (XDEL would leave the bytes where they are), then a checkpoint without the key is stored. Every step may be done again: a pass
// that was killed begins anew, for the checkpoint names the key until the end.

import { DISPATCHED_FIELD, STREAMS_FIELD, webhookField } from "../deliver/dispatch-fields.ts";
import type { CommitSeq, CustomerKey, Position } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { encodeErase } from "../ingest/erase-entry.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { decodeCommit, encodeCommit } from "../journal/commit-record.ts";
import type { Erasures } from "../journal/erasures.ts";
import type { Journal, RawEntry } from "../journal/journal.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { rawEntries } from "../journal/redis-journal.ts";
import { rewriteStream } from "../journal/rewrite-stream.ts";
import { type Archived, eraseArchive, lookThroughArchive } from "./erase-archive.ts";
import { mayName } from "./erase-names.ts";
import {
  keyIn,
  namedBy,
  revives,
  type ScrubPlace,
  scrubCommit,
  scrubEntry,
  type Traces,
  tracesOf,
} from "./erase-scrub.ts";
import { eraseShared, type SharedPlace } from "./erase-shared.ts";
import type { Erasing, Partition } from "./partition.ts";
import { SessionTrouble } from "./trouble.ts";

export interface ErasePass extends SharedPlace {
  /** The engine stops, or the partition is not this engine's any more. */
  readonly isOver: (partition: Partition) => boolean;
  readonly journal: Journal;
  readonly erasures: Erasures;
  /** Of these nothing is left but the checkpoint. */
  readonly passed: WeakSet<Erasing>;
  /** Undefined: what retention lets go is gone. */
  readonly archived: Archived | undefined;
  readonly partitions: number;
  readonly seed: number;
}

const PAGE = 1_000;
const DECISIONS_AT_ONCE = 500;

/** The keys of this partition whose traces can be erased now; asks for a checkpoint where it does not say so yet. */
export async function readyToErase(pass: ErasePass, partition: Partition): Promise<readonly Erasing[]> {
  const readTo = await dispatchReadTo(pass, partition);
  const ready: Erasing[] = [];
  for (const erasing of partition.erasing) {
    const isStored = partition.storedBase.ordinal >= erasing.ordinal && partition.committed === partition.seq;
    const isSent = !partition.outbox.some(({ seq }) => seq <= erasing.seq);
    if (!isStored) partition.isBaseWanted = true;
    if (isStored && isSent && readTo >= erasing.seq) ready.push(erasing);
  }
  return ready;
}

/** The last commit that every lane of dispatch has read: of who was erased by then none holds a message any more. */
async function dispatchReadTo({ connection }: ErasePass, { index, active }: Partition): Promise<number> {
  const webhooks = active.rulebook.channels.filter(({ kind }) => kind === "webhook").map(({ name }) => name);
  const fields = [DISPATCHED_FIELD, STREAMS_FIELD, ...webhooks.map(webhookField)];
  const reply = await connection.command(["HMGET", partitionKeys(index).checkpoint, ...fields]);
  const [all = "", ...lanes] = (reply as readonly Reply[]).map(text);
  return Math.max(Number(all), Math.min(...lanes.map((written) => Number.parseInt(written || all || "0", 10))));
}

/** Rejects where it must be done again; what it has done by then does no harm. */
export async function erasePass(pass: ErasePass, partition: Partition, erasing: readonly Erasing[]): Promise<void> {
  const traces = tracesOf(erasing);
  const { connection } = pass;
  const keys = partitionKeys(partition.index);
  const fence = { lease: keys.lease, token: partition.token };
  const { place, named } = await lookThrough(pass, partition, traces);
  await passOn(pass, traces, await withJoined(pass, partition, traces, named));
  // Before the journal forgets which they were; and before the log, for of what is not in it no engine notes anything any more.
  await eraseIndex(pass, partition, traces, place);
  await rewriteStream(connection, { stream: keys.events, fence, change: (raw) => scrubEntry(raw, traces, place) });
  const scrub = (seq: CommitSeq, payload: Buffer) => scrubCommit(seq, decodeCommit(payload), traces, place);
  await rewriteStream(connection, {
    stream: keys.journal,
    fence,
    change: ({ position, fields }) => {
      const scrubbed = scrub(Number.parseInt(position, 10) as CommitSeq, fields[1] as Buffer);
      return scrubbed && ["c", encodeCommit(scrubbed.record)];
    },
  });
  if (pass.archived !== undefined) await eraseArchive(pass.archived, traces, place);
  await rewriteStream(connection, { stream: keys.dead, fence, change: (letter) => withoutTrace(letter, traces.whole) });
  await eraseShared(pass, [...traces.whole.keys()]);
}

/** The checkpoint is to forget the keys; resolves when a stored one has. Rejects where the session ends before. */
export async function forgetErased(pass: ErasePass, partition: Partition, erasing: readonly Erasing[]): Promise<void> {
  // Noted before the checkpoint forgets them: of who is killed right behind it nothing else tells how far it was.
  for (const one of erasing) {
    pass.passed.add(one);
    await pass.erasures.note(one.erasure, partition.index, one.key, "passed");
  }
  for (const one of erasing) {
    const at = partition.erasing.indexOf(one);
    if (at >= 0) partition.erasing.splice(at, 1); // else it was asked for again meanwhile
  }
  partition.ordinal++; // something has changed that no entry tells of
  const changedAt = partition.ordinal;
  partition.isBaseWanted = true;
  while (partition.storedBase.ordinal < changedAt || partition.committed < partition.seq) {
    if (pass.isOver(partition)) throw new SessionTrouble("it is left to the next owner of the partition");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const { key, erasure } of erasing) {
    const isMore = partition.erasing.some((other) => other.key === key && other.erasure === erasure);
    if (!isMore) await pass.erasures.note(erasure, partition.index, key, "rewritten");
  }
}

/** A letter is left out where it is one of theirs; it may be cut off in its middle. */
export function withoutTrace(
  letter: RawEntry,
  erasing: Pick<ReadonlyMap<CustomerKey, unknown>, "has" | "keys">,
): readonly string[] | undefined {
  const at = letter.fields.findIndex((field, index) => index % 2 === 0 && field.toString() === "d");
  const bytes = letter.fields[at + 1];
  if (at < 0 || bytes === undefined) return undefined;
  const key = keyIn(bytes, "dead");
  return (key === undefined ? mayName(bytes, erasing.keys()) : erasing.has(key)) ? [] : undefined;
}

/** Who has come again since, and which devices the erased ones had named: their logs hold the question for the profile. */
async function lookThrough(pass: ErasePass, partition: Partition, traces: Traces) {
  const revived = new Set<CustomerKey>();
  const named = new Map<CustomerKey, Set<CustomerKey>>();
  const { seed, partitions } = pass;
  const refused = await refusedIn(pass.connection, partitionKeys(partition.index).dead);
  const place: ScrubPlace = { partition: partition.index, partitions, seed, revived, refused };
  const look = (raw: RawEntry): void => {
    const again = revives(raw, traces, place);
    if (again !== undefined) revived.add(again);
    const device = namedBy(raw, traces, place);
    if (device !== undefined) named.set(device.key, (named.get(device.key) ?? new Set()).add(device.anonymous));
  };
  if (pass.archived !== undefined) await lookThroughArchive(pass.archived, partition.index, look);
  for (let after = "0-0" as RawEntry["position"]; ; ) {
    const page = await pass.journal.entries(partition.index, after, undefined, PAGE);
    for (const raw of page) look(raw);
    const last = page.at(-1);
    if (last === undefined) return { place, named };
    after = last.position;
  }
}

/** Entries that became dead letters by their fold: from their bytes it cannot be told. */
async function refusedIn({ command }: RedisConnection, letters: string): Promise<ReadonlySet<Position>> {
  const refused = new Set<Position>();
  for (let after = "-"; ; ) {
    const page = rawEntries(await command(["XRANGE", letters, after, "+", "COUNT", String(PAGE)]));
    for (const { fields } of page) if (fields[0]?.toString() === "position") refused.add(String(fields[1]) as Position);
    const last = page.at(-1);
    if (last === undefined) return refused;
    after = `(${last.position}`;
  }
}

async function eraseIndex(pass: ErasePass, { index }: Partition, traces: Traces, place: ScrubPlace): Promise<void> {
  for (let from = 1 as CommitSeq; ; ) {
    const page = await pass.journal.commits(index, from, PAGE);
    const gone = page.flatMap(({ seq, payload }) => scrubCommit(seq, decodeCommit(payload), traces, place)?.gone ?? []);
    const ids = gone.map(({ id }) => id);
    for (let at = 0; at < ids.length; at += DECISIONS_AT_ONCE) {
      const some = ids.slice(at, at + DECISIONS_AT_ONCE);
      await pass.connection.command(["HDEL", partitionKeys(index).decisions, ...some]);
    }
    const last = page.at(-1);
    if (last === undefined) return;
    from = (last.seq + 1) as CommitSeq;
  }
}

/** With the devices that the fold has passed on itself: the entries which had named them may have been trimmed long ago. */
async function withJoined(
  pass: ErasePass,
  { index }: Partition,
  { whole }: Traces,
  named: Map<CustomerKey, Set<CustomerKey>>,
): Promise<typeof named> {
  for (const { key, seq } of whole.values()) {
    const [commit] = await pass.journal.commits(index, seq, 1);
    if (commit?.seq !== seq) continue;
    for (const { to, fields } of decodeCommit(commit.payload).relays ?? []) {
      const bytes = fields.map((field) => Buffer.from(field as string));
      const place = { partition: to, partitions: pass.partitions, skewMs: 0 };
      const entry = decodeLogEntry("0-1" as RawEntry["position"], bytes, place);
      if (entry.kind === "erase" && entry.joinedTo === key)
        named.set(key, (named.get(key) ?? new Set()).add(entry.key));
    }
  }
  return named;
}

/** The devices are erased where they live; known of before this one is done, so that the whole is not done before them. */
async function passOn(
  pass: ErasePass,
  traces: Traces,
  named: ReadonlyMap<CustomerKey, ReadonlySet<CustomerKey>>,
): Promise<void> {
  for (const [key, anonymous] of named) {
    const { erasure } = traces.whole.get(key) as Erasing;
    for (const device of anonymous) {
      const to = partitionOf(device, pass.partitions);
      await pass.erasures.note(erasure, to, device, "announced");
      await pass.journal.append(to, encodeErase(device, erasure, key));
    }
  }
}
