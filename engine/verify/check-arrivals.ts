// S1 for what partitions send to one another: each `$seal`, `$merge` and `$forward` of a commit is in the log of its receiver once,
// up to the watermark of its sender; and no log holds one that nobody sent.
import { createHash } from "node:crypto";
import type { CommitSeq, PartitionIndex, Position } from "../domain/ids.ts";
import type { Relay } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import { type Differ, differIn, type Findings } from "./difference.ts";
import type { PartitionTold } from "./verify-partition.ts";

export interface Departures {
  readonly onCommit: (sender: PartitionIndex, seq: CommitSeq, relays: readonly Relay[]) => void;
  /** Once all partitions are told. */
  readonly check: (findings: Findings) => Promise<void>;
}

/** How often an entry was sent: in all, and below the watermark of its sender. */
interface Sent {
  all: number;
  arrived: number;
}

const PAGE = 1_000;
const SOURCES: readonly string[] = ["$seal", "$merge", "$forward"];

export function createDepartures(
  connection: RedisConnection,
  journal: Pick<Journal, "entries">,
  told: ReadonlyMap<PartitionIndex, PartitionTold>,
): Departures {
  const sent: {
    readonly sender: PartitionIndex;
    readonly id: string;
    readonly to: PartitionIndex;
    readonly print: string;
  }[] = [];
  const countSent = (to: PartitionIndex, watermarks: ReadonlyMap<PartitionIndex, string>): Map<string, Sent> => {
    const counts = new Map<string, Sent>();
    for (const one of sent) {
      if (one.to !== to) continue;
      const count = counts.get(one.print) ?? { all: 0, arrived: 0 };
      counts.set(one.print, count);
      count.all++;
      if (isUpTo(one.id, watermarks.get(one.sender))) count.arrived++;
    }
    return counts;
  };
  const checkReceiver = async (to: PartitionIndex, differ: Differ): Promise<void> => {
    // In this order: what is below a watermark is in the log by then, and what is in the log was committed by then.
    const watermarks = await watermarksOf(connection, to, [...told.keys()]);
    const received = await receivedBy(journal, to);
    const isUnknown = (): boolean =>
      [...received].some(([print, count]) => count > (countSent(to, watermarks).get(print)?.all ?? 0));
    if (isUnknown()) for (const { walkOn } of told.values()) await walkOn();
    const counts = countSent(to, watermarks);
    for (const print of new Set([...received.keys(), ...counts.keys()])) {
      const found = received.get(print) ?? 0;
      const { all, arrived } = counts.get(print) ?? { all: 0, arrived: 0 };
      const expected = found < arrived ? `${arrived} times` : `at most ${all} times`;
      if (found < arrived || found > all) {
        differ("S1", undefined, `input log: entry ${print} of other partitions`, `${found} times`, expected);
      }
    }
  };
  return {
    onCommit: (sender, seq, relays) => {
      for (const [ordinal, { to, fields }] of relays.entries()) {
        const print = printOf(fields.map((field) => Buffer.from(field)));
        if (print !== undefined) sent.push({ sender, id: `${seq}-${ordinal}`, to, print });
      }
    },
    check: async (findings) => {
      // What was sent before the beginning of a journal that was trimmed is not known.
      if ([...told.values()].some(({ cut }) => cut !== undefined)) return;
      for (const to of new Set(sent.map((one) => one.to))) await checkReceiver(to, differIn(findings, to));
    },
  };
}

/** Of everything that an entry of these kinds says; undefined for others. */
function printOf(fields: readonly Buffer[]): string | undefined {
  const source = text(fields[1]);
  if (!SOURCES.includes(source)) return undefined;
  const hash = createHash("sha256");
  for (const field of fields) hash.update(`${field.length}:`).update(field);
  return `${source} ${hash.digest("hex").slice(0, 32)}`;
}

async function receivedBy(journal: Pick<Journal, "entries">, to: PartitionIndex): Promise<ReadonlyMap<string, number>> {
  const received = new Map<string, number>();
  for (let after = "0-0" as Position; ; ) {
    const page = await journal.entries(to, after, undefined, PAGE);
    for (const { fields } of page) {
      const print = printOf(fields);
      if (print !== undefined) received.set(print, (received.get(print) ?? 0) + 1);
    }
    const last = page.at(-1);
    if (last === undefined) return received;
    after = last.position;
  }
}

async function watermarksOf(
  { command }: RedisConnection,
  to: PartitionIndex,
  senders: readonly PartitionIndex[],
): Promise<ReadonlyMap<PartitionIndex, string>> {
  const { checkpoint } = partitionKeys(to);
  const found = new Map<PartitionIndex, string>();
  for (const sender of senders) found.set(sender, text(await command(["HGET", checkpoint, `relayed:${sender}`])));
  return found;
}

function isUpTo(id: string, watermark: string | undefined): boolean {
  if (watermark === undefined || watermark === "") return false;
  const [seq, ordinal] = id.split("-").map(Number) as [number, number];
  const [lastSeq, lastOrdinal] = watermark.split("-").map(Number) as [number, number];
  return seq < lastSeq || (seq === lastSeq && ordinal <= lastOrdinal);
}
