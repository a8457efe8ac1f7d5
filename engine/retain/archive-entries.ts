import type { PartitionIndex } from "../domain/ids.ts";
import { comparePositions, type Position } from "../domain/ids.ts";
import type { Archive } from "./archive.ts";
import type { SegmentEntry, SegmentHead, SegmentKind } from "./archive-segment.ts";

export interface ArchivePlace {
  readonly archive: Archive;
  readonly partition: PartitionIndex;
  readonly kind: SegmentKind;
  /** Entries that the stream had taken before the first of these. */
  readonly ordinal: number;
}

/**
 * The oldest entries of a stream, durable in the archive when this resolves. Those that are there already, because somebody
 * was killed before he trimmed them, are compared and not written again. Returns the bytes written. Rejects where they
 * are not durable, or the archive holds something else in their place.
 */
export async function archiveEntries(place: ArchivePlace, entries: readonly SegmentEntry[]): Promise<number> {
  const { archive, partition, kind } = place;
  if (entries.length === 0) return 0;
  const known = await archivedAmong(place, entries);
  const left = entries.slice(known);
  const [first, last] = [left[0], left.at(-1)];
  if (first === undefined || last === undefined) return 0;
  const head: SegmentHead = {
    kind,
    partition,
    first: idOf(first),
    last: idOf(last),
    count: left.length,
    ordinal: place.ordinal + known,
  };
  return await archive.write(head, left);
}

/** How many of these, from the first on, the archive holds already. */
async function archivedAmong({ archive, partition, kind }: ArchivePlace, entries: readonly SegmentEntry[]) {
  let known = 0;
  for (const segment of await archive.segments(partition, kind)) {
    const next = entries[known];
    if (next === undefined) break;
    if (isAfter(kind, idOf(next), segment.last) || isAfter(kind, segment.first, idOf(next))) continue;
    const held = (await archive.read(segment)).filter((one) => !isAfter(kind, idOf(next), idOf(one)));
    for (const entry of held) {
      const own = entries[known];
      if (own === undefined) break;
      if (!isSame(entry, own)) {
        throw new Error(
          `archive ${segment.path}: holds ${idOf(entry)} where Redis holds another ${idOf(own)}: was Redis restored from` +
            " an older copy? use another ARCHIVE_DIR from then on",
        );
      }
      known++;
    }
  }
  return known;
}

function isSame(a: SegmentEntry, b: SegmentEntry): boolean {
  return a.length === b.length && a.every((part, index) => part.equals(b[index] as Buffer));
}

function isAfter(kind: SegmentKind, a: string, b: string): boolean {
  return kind === "journal" ? Number(a) > Number(b) : comparePositions(a as Position, b as Position) > 0;
}

function idOf(entry: SegmentEntry): string {
  return (entry[0] as Buffer).toString("latin1");
}
