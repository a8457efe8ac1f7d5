// A segment of the archive as bytes: gzip over records of u32 length, u32 crc32, bytes (little endian). The first record
// tells what the segment holds; each other is one entry, as parts of u32 length, bytes. Written once, never changed.
import { promisify } from "node:util";
import { crc32, gunzip, gzip } from "node:zlib";
import type { PartitionIndex } from "../domain/ids.ts";

export type SegmentKind = "log" | "journal";

export interface SegmentHead {
  readonly kind: SegmentKind;
  readonly partition: PartitionIndex;
  /** Of an input log: positions. Of a journal: numbers of commits. */
  readonly first: string;
  readonly last: string;
  readonly count: number;
  /** Entries that the stream had taken before its first. */
  readonly ordinal: number;
}

/** Position, then the fields of an entry of an input log; number of a commit, then its payload. */
export type SegmentEntry = readonly Buffer[];

const FORMAT = 1;
/** More than the largest segment ever written, so that a damaged one cannot fill the memory. */
const RAW_BYTES_MAX = 1_073_741_824;

export async function encodeSegment(head: SegmentHead, entries: readonly SegmentEntry[]): Promise<Buffer> {
  const records = [record([Buffer.from(JSON.stringify({ format: FORMAT, ...head }))])];
  for (const entry of entries) records.push(record(entry.flatMap((part) => [size(part.length), part])));
  return await promisify(gzip)(Buffer.concat(records));
}

/** Rejects, naming the file, where a byte is not as it was written. */
export async function decodeSegment(
  bytes: Buffer,
  path: string,
): Promise<{ readonly head: SegmentHead; readonly entries: readonly SegmentEntry[] }> {
  const raw = await promisify(gunzip)(bytes, { maxOutputLength: RAW_BYTES_MAX }).catch((error: Error) => {
    throw new Error(`archive ${path}: not what was written: ${error.message}`);
  });
  const records = [...recordsOf(raw, path)];
  const [first, ...rest] = records;
  const { format, ...head } = JSON.parse((first ?? Buffer.from("{}")).toString()) as SegmentHead & { format?: number };
  if (format !== FORMAT) throw new Error(`archive ${path}: of format ${format}: this engine reads format ${FORMAT}`);
  if (rest.length !== head.count) {
    throw new Error(`archive ${path}: holds ${rest.length} entries and should hold ${head.count}`);
  }
  return { head, entries: rest.map((bytesOf) => partsOf(bytesOf, path)) };
}

function record(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([size(body.length), size(crc32(body)), body]);
}

function size(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function* recordsOf(raw: Buffer, path: string): Generator<Buffer> {
  for (let at = 0; at < raw.length; ) {
    const end = at + 8 + (at + 8 <= raw.length ? raw.readUInt32LE(at) : 0);
    if (at + 8 > raw.length || end > raw.length) throw new Error(`archive ${path}: ends in the middle of a record`);
    const body = raw.subarray(at + 8, end);
    if (crc32(body) !== raw.readUInt32LE(at + 4)) throw new Error(`archive ${path}: byte ${at} on is not as written`);
    yield body;
    at = end;
  }
}

function partsOf(body: Buffer, path: string): SegmentEntry {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + body.readUInt32LE(at);
    if (end > body.length) throw new Error(`archive ${path}: an entry ends in its middle`);
    parts.push(body.subarray(at + 4, end));
    at = end;
  }
  return parts;
}
