// Traces in the files that hold what retention has let go: written anew as the streams are.
import type { CommitSeq, PartitionIndex, Position } from "../domain/ids.ts";
import { decodeCommit, encodeCommit } from "../journal/commit-record.ts";
import type { RawEntry } from "../journal/journal.ts";
import { type ScrubPlace, scrubCommit, scrubEntry, type Traces } from "./erase-scrub.ts";

/** Of an input log: position, then the fields. Of a journal: number of the commit, then its payload. */
type Held = readonly Buffer[];

export interface Archived {
  /** Puts what `change` makes of an entry in its place; undefined: it stays. Rejects where a file cannot be read or written. */
  readonly rewrite: (
    partition: PartitionIndex,
    change: (kind: "log" | "journal", entry: Held) => Held | undefined,
  ) => Promise<number>;
}

export async function eraseArchive(archived: Archived, traces: Traces, place: ScrubPlace): Promise<void> {
  await archived.rewrite(place.partition, (kind, entry) => {
    if (kind === "log") {
      const raw = rawEntryOf(entry);
      const fields = scrubEntry(raw, traces, place);
      return fields && [entry[0] as Buffer, ...fields.map((field) => Buffer.from(field as string))];
    }
    const [seq, payload] = entry as readonly [Buffer, Buffer];
    const scrubbed = scrubCommit(Number(seq.toString()) as CommitSeq, decodeCommit(payload), traces, place);
    return scrubbed && [seq, encodeCommit(scrubbed.record)];
  });
}

/** Looks at each entry of the log that the files hold. */
export async function lookThroughArchive(
  archived: Archived,
  partition: PartitionIndex,
  look: (raw: RawEntry) => void,
): Promise<void> {
  await archived.rewrite(partition, (kind, entry) => {
    if (kind === "log") look(rawEntryOf(entry));
    return undefined;
  });
}

function rawEntryOf([position, ...fields]: Held): RawEntry {
  return { position: (position as Buffer).toString("latin1") as Position, fields };
}
