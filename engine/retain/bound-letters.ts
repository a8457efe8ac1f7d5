// How many dead letters of a partition stay. A letter holds all that was sent, up to 16 KiB, so their number alone bounds little:
// within the bytes of the partition they have a part, and what is beyond it goes first, the oldest before others.
import type { RedisConnection } from "../journal/redis.ts";

export interface LettersBound {
  /** About what those that stay have. */
  readonly bytes: number;
  readonly countMax: number;
}

/** Over all partitions. */
const LETTERS_MAX = 100_000;
const LETTERS_OF_EACH_MIN = 100;
/** Of the bytes of a partition. */
const PART = 1 / 8;
/** Nodes of the stream that its size is reckoned from: letters differ more than entries of a log do. */
const SAMPLES = "100";

/** `bytesMax`: of the whole partition. Rejects where Redis does not answer. */
export async function boundLetters(
  { command }: RedisConnection,
  dead: string,
  bytesMax: number,
  partitions: number,
): Promise<LettersBound> {
  const [usage, length] = await Promise.all([
    command(["MEMORY", "USAGE", dead, "SAMPLES", SAMPLES]),
    command(["XLEN", dead]),
  ]);
  const bytes = Number(usage ?? 0);
  const byNumber = Math.max(LETTERS_OF_EACH_MIN, Math.ceil(LETTERS_MAX / partitions));
  const room = Math.floor(bytesMax * PART);
  if (bytes <= room) return { bytes, countMax: byNumber };
  return { bytes: room, countMax: Math.min(byNumber, Math.max(1, Math.floor((Number(length) * room) / bytes))) };
}
