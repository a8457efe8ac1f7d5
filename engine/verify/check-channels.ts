// S2 for what was sent: the stream of a channel holds nothing that was not committed, in the order of its commits, once, and
// everything up to the watermark of each partition but what was refused and reported as not delivered.

import { watermarksOf as watermarksKey } from "../deliver/send-once.ts";
import {
  type CommitSeq,
  comparePositions,
  type PartitionIndex,
  type Position,
  type TrackingCode,
} from "../domain/ids.ts";
import type { CommitRecord } from "../journal/commit-record.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { rawEntries } from "../journal/redis-journal.ts";
import type { BookShelf } from "./book-shelf.ts";
import type { Differ } from "./difference.ts";
import type { Reported } from "./read-reported.ts";

/** What one partition has sent to one channel, as the stream of the channel says. */
interface Sent {
  readonly channel: string;
  readonly codes: TrackingCode[];
  /** Everything up to here was appended or refused: `<commit>-<ordinal>`, as read before the stream was. */
  readonly watermark: string;
  /** Ids that were refused and may not be reported yet. */
  readonly refused: ReadonlySet<string>;
  /** The stream may have been trimmed: it does not begin with what was sent first. */
  readonly isTrimmed: boolean;
}

export interface ChannelCheck {
  readonly onCommit: (seq: CommitSeq, commit: CommitRecord) => void;
  /** `readReports`: looked at where a message is missing. */
  readonly check: (
    shelf: BookShelf,
    isCut: boolean,
    differ: Differ,
    readReports: () => Promise<Reported>,
  ) => Promise<void>;
}

const PAGE = 1_000;
const PREFIX = "nba:channel:";

/** Reads the streams of all channels once. Whatever they hold by now has been committed by the time that journals are read. */
export async function readChannels(
  connection: RedisConnection,
  partitions: readonly PartitionIndex[],
  shelf: BookShelf,
): Promise<{ readonly ofPartition: (index: PartitionIndex) => ChannelCheck }> {
  const byPartition = new Map<PartitionIndex, Map<string, Sent>>(partitions.map((index) => [index, new Map()]));
  for (const channel of await channelNames(connection, shelf)) {
    const watermarks = await watermarksOf(connection, channel);
    const isTrimmed = await isStreamTrimmed(connection, channel);
    const sentBy = (index: PartitionIndex): Sent | undefined => {
      const own = byPartition.get(index);
      const watermark = watermarks.get(String(index)) ?? "";
      const refused = new Set(watermarks.get(`${index}:refused`)?.split(" "));
      const sent = own?.get(channel) ?? { channel, codes: [], watermark, refused, isTrimmed };
      own?.set(channel, sent);
      return own && sent;
    };
    for (const index of partitions) if (watermarks.has(String(index))) sentBy(index);
    for await (const code of codesIn(connection, channel)) {
      const home = Buffer.from(code.slice(0, 22), "base64url").readUInt16BE(0) as PartitionIndex;
      sentBy(home)?.codes.push(code);
    }
  }
  return { ofPartition: (index) => channelCheck([...(byPartition.get(index)?.values() ?? [])]) };
}

/** An item of the journal that was to be sent, or would have been if its channel was of that kind. */
interface Committed {
  readonly id: string;
  readonly code: TrackingCode;
  /** Of its commit: what was reported of it stands later in the input log. */
  readonly position: Position;
}

function channelCheck(sent: readonly Sent[]): ChannelCheck {
  const committed = new Map<string, Committed[]>();
  return {
    onCommit: (seq, { decisions, position }) => {
      let ordinal = 0;
      for (const { direction, slates } of decisions) {
        if (direction === "inbound") continue;
        for (const { kept, channel, trackingCode: code } of slates.flatMap(({ items }) => items)) {
          const id = `${seq}-${ordinal++}`;
          if (kept || !sent.some((one) => one.channel === channel)) continue;
          const ofChannel = committed.get(channel) ?? [];
          committed.set(channel, ofChannel);
          ofChannel.push({ id, code, position });
        }
      }
    },
    check: async (shelf, isCut, differ, readReports) => {
      for (const one of sent) {
        const missing = checkChannel(one, committed.get(one.channel) ?? [], shelf, isCut, differ);
        if (missing.length === 0) continue;
        const { codes, oldest } = await readReports();
        for (const { code, position } of missing) {
          const mayBeGone = oldest !== undefined && comparePositions(position, oldest) < 0;
          if (codes.has(code) || (mayBeGone && isCut)) continue;
          differ("S2", undefined, `channel ${one.channel}: message ${code}`, "not sent", "sent, or reported");
        }
      }
    },
  };
}

/** What should have been sent and is not there. */
function checkChannel(
  sent: Sent,
  committed: readonly Committed[],
  shelf: BookShelf,
  isCut: boolean,
  differ: Differ,
): readonly Committed[] {
  const { channel, codes, watermark, refused, isTrimmed } = sent;
  const places = new Map(committed.map(({ code }, nth) => [code, nth]));
  let last = -1;
  const found = new Set<TrackingCode>();
  for (const code of codes) {
    const place = places.get(code);
    const name = `channel ${channel}: message ${code}`;
    if (place === undefined) {
      if (!isCut) differ("S2", undefined, name, "sent", "not committed");
      continue;
    }
    if (found.has(code)) differ("S2", undefined, name, "sent twice", "sent once");
    else if (place < last) differ("S2", undefined, name, "sent late", "in the order of its commits");
    found.add(code);
    last = Math.max(last, place);
  }
  // A channel that was of another kind for a while was not sent everything, nor does a trimmed stream hold it any more.
  const isSometimesOther = shelf
    .all()
    .some(({ rulebook }) => rulebook.channels.some(({ name, kind }) => name === channel && kind !== "stream"));
  if (isSometimesOther) return [];
  const first = committed.findIndex(({ code }) => found.has(code));
  return committed.filter(({ id, code }, nth) => {
    const isExpected = isUpTo(id, watermark) && (isTrimmed ? first >= 0 && nth > first : true);
    return isExpected && !found.has(code) && !refused.has(id);
  });
}

function isUpTo(id: string, watermark: string): boolean {
  if (watermark === "") return false;
  const [seq, ordinal] = id.split("-").map(Number) as [number, number];
  const [lastSeq, lastOrdinal] = watermark.split("-").map(Number) as [number, number];
  return seq < lastSeq || (seq === lastSeq && ordinal <= lastOrdinal);
}

/** Of every rulebook on the shelf. */
async function channelNames({ command }: RedisConnection, shelf: BookShelf): Promise<readonly string[]> {
  const names = new Set(shelf.all().flatMap(({ rulebook }) => rulebook.channels.map(({ name }) => name)));
  const found: string[] = [];
  for (const name of [...names].sort()) if ((await command(["EXISTS", `${PREFIX}${name}`])) === 1) found.push(name);
  return found;
}

/** Field of the hash to what it holds: of each partition its watermark, and what was refused last. */
async function watermarksOf({ command }: RedisConnection, channel: string): Promise<Map<string, string>> {
  const flat = (await command(["HGETALL", watermarksKey(channel)])) as readonly Reply[];
  const found = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) found.set(text(flat[at]), text(flat[at + 1]));
  return found;
}

async function isStreamTrimmed({ command }: RedisConnection, channel: string): Promise<boolean> {
  const flat = (await command(["XINFO", "STREAM", `${PREFIX}${channel}`])) as readonly Reply[];
  const numberOf = (name: string): number | undefined => {
    const at = flat.findIndex((item, index) => index % 2 === 0 && text(item) === name);
    return at < 0 ? undefined : Number(flat[at + 1]);
  };
  const added = numberOf("entries-added");
  return added === undefined || added > (numberOf("length") as number); // a server that does not count them may have
}

async function* codesIn({ command }: RedisConnection, channel: string): AsyncGenerator<TrackingCode> {
  for (let after = "-"; ; ) {
    const page = rawEntries(await command(["XRANGE", `${PREFIX}${channel}`, after, "+", "COUNT", String(PAGE)]));
    for (const { fields } of page) {
      const at = fields.findIndex((field, index) => index % 2 === 0 && field.toString() === "d");
      const { trackingCode } = JSON.parse(text(fields[at + 1])) as { trackingCode: TrackingCode };
      yield trackingCode;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = `(${last.position}`;
  }
}
