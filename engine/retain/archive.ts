// The folder of the archive: `<partition>/<kind>.<partition>.<ordinal>+<count>.<first>..<last>.gz`. A name tells what its segment
// holds, so no file is opened to find another. A segment appears whole, by a rename after fsync, or not at all; whoever was
// killed before Redis let the entries go finds the segment there and writes nothing twice.
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PartitionIndex } from "../domain/ids.ts";
import {
  decodeSegment,
  encodeSegment,
  type SegmentEntry,
  type SegmentHead,
  type SegmentKind,
} from "./archive-segment.ts";

export interface Segment extends SegmentHead {
  readonly path: string;
}

/** Of which data: an archive takes that of one Redis only. */
export interface ArchiveIdentity {
  readonly seed: number;
  readonly partitions: number;
}

export interface Archive {
  /** By ordinal, without those that another holds too. Empty where there is no folder. */
  readonly segments: (partition: PartitionIndex, kind: SegmentKind) => Promise<readonly Segment[]>;
  /** Rejects where a byte is not as it was written. */
  readonly read: (segment: Segment) => Promise<readonly SegmentEntry[]>;
  /**
   * Puts what `change` makes of an entry in its place, in every file of a partition, doubles too; undefined: it stays. What is
   * not finished is removed. Resolves with the number of files written anew, each durable. Rejects as `read` does.
   */
  readonly rewrite: (
    partition: PartitionIndex,
    change: (kind: SegmentKind, entry: SegmentEntry) => SegmentEntry | undefined,
  ) => Promise<number>;
  /** Resolves, with the bytes of the file, when the segment is durable. Rejects where it may not be. */
  readonly write: (head: SegmentHead, entries: readonly SegmentEntry[]) => Promise<number>;
}

const IDENTITY_FILE = "nba-archive.json";
const NAME = /^(log|journal)\.(\d+)\.(\d+)\+(\d+)\.([\d-]+)\.\.([\d-]+)\.gz$/;
/** Decoded segments kept: what is read page by page is decoded once. */
const DECODED_MAX = 4;
/** A file that somebody was killed over is swept away after this; before, its writer may still be at it. */
const UNFINISHED_MS_MAX = 600_000;

export function createArchive(dir: string, identity: ArchiveIdentity): Archive {
  const decoded = new Map<string, { readonly ino: number; readonly entries: readonly SegmentEntry[] }>();
  const swept = new Set<string>();
  let known: Promise<void> | undefined;
  const checkIdentity = (): Promise<void> => {
    known ??= sameData(dir, identity, false).catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
  return {
    segments: async (partition, kind) => {
      await checkIdentity();
      const folder = folderOf(dir, partition);
      const names = await readdir(folder).catch(emptyWhereAbsent);
      return withoutInner(names.flatMap((name) => segmentOf(folder, name)).filter((one) => one.kind === kind));
    },
    read: async (segment) => {
      const { ino } = await stat(segment.path); // another where somebody has written it anew
      const before = decoded.get(segment.path);
      if (before?.ino === ino) return before.entries;
      const { entries } = await decodeSegment(await readFile(segment.path), segment.path);
      if (decoded.size >= DECODED_MAX) decoded.delete(decoded.keys().next().value as string);
      decoded.set(segment.path, { ino, entries });
      return entries;
    },
    rewrite: async (partition, change) => {
      await checkIdentity();
      const folder = folderOf(dir, partition);
      const names = await readdir(folder).catch(emptyWhereAbsent);
      for (const name of names.filter((one) => one.endsWith(".tmp"))) await unlinkIfThere(join(folder, name));
      let rewritten = 0;
      for (const { kind, path } of names.flatMap((name) => segmentOf(folder, name))) {
        if (await rewriteSegment(path, (entry) => change(kind, entry))) rewritten++;
      }
      return rewritten;
    },
    write: async (head, entries) => {
      const folder = folderOf(dir, head.partition);
      await mkdir(folder, { recursive: true });
      await sameData(dir, identity, true);
      if (!swept.has(folder)) await sweep(folder);
      swept.add(folder);
      const bytes = await encodeSegment(head, entries);
      await writeDurably(join(folder, nameOf(head)), bytes);
      return bytes.length;
    },
  };
}

async function rewriteSegment(
  path: string,
  change: (entry: SegmentEntry) => SegmentEntry | undefined,
): Promise<boolean> {
  const { head, entries } = await decodeSegment(await readFile(path), path);
  let isChanged = false;
  const changed = entries.map((entry) => {
    const after = change(entry);
    if (after === undefined) return entry;
    isChanged = true;
    return after;
  });
  if (isChanged) await writeDurably(path, await encodeSegment(head, changed));
  return isChanged;
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

function folderOf(dir: string, partition: PartitionIndex): string {
  return join(dir, String(partition).padStart(4, "0"));
}

function nameOf({ kind, partition, ordinal, count, first, last }: SegmentHead): string {
  return `${kind}.${String(partition).padStart(4, "0")}.${ordinal}+${count}.${first}..${last}.gz`;
}

function segmentOf(folder: string, name: string): Segment[] {
  const [, kind, partition, ordinal, count, first, last] = NAME.exec(name) ?? [];
  if (first === undefined || last === undefined) return [];
  return [
    {
      kind: kind as SegmentKind,
      partition: Number(partition) as PartitionIndex,
      ordinal: Number(ordinal),
      count: Number(count),
      first,
      last,
      path: join(folder, name),
    },
  ];
}

/** An owner that was about to lose its partition may have archived a part of what the next one archived whole. */
function withoutInner(segments: readonly Segment[]): readonly Segment[] {
  const sorted = segments.toSorted((a, b) => a.ordinal - b.ordinal || b.count - a.count);
  const kept: Segment[] = [];
  let end = 0;
  for (const segment of sorted) {
    if (segment.ordinal + segment.count <= end) continue;
    kept.push(segment);
    end = segment.ordinal + segment.count;
  }
  return kept;
}

/** Creates the file that tells whose the archive is (`isWriting`), or compares. */
async function sameData(dir: string, identity: ArchiveIdentity, isWriting: boolean): Promise<void> {
  const path = join(dir, IDENTITY_FILE);
  const found = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  const own = JSON.stringify(identity);
  if (found === undefined) {
    if (isWriting) await writeDurably(path, Buffer.from(own));
    return;
  }
  if (found !== own) {
    throw new Error(`archive ${dir}: belongs to other data (${found}, and this Redis is ${own}): use another folder`);
  }
}

/** Whole under its name when this resolves, on the disk; under another name, or gone, when it does not. */
async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const unfinished = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const file = await open(unfinished, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await unlink(unfinished).catch(() => undefined); // what failed is told; a file that was never made is no second fault
    throw error;
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".tmp")) continue;
    const { mtimeMs } = await stat(join(folder, name));
    if (Date.now() - mtimeMs > UNFINISHED_MS_MAX) await unlink(join(folder, name));
  }
}

function emptyWhereAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}
