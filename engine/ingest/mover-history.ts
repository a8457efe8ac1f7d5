// Are the ids of a named stream those that the watermarks beside the logs speak of? Not where the stream is kept by a server with
// another history: a new master may lack entries that were moved, and where its clock is behind give their ids to others. Nor
// where the stream was made anew. Then the watermarks are void, by the number of the history that they carry (append-once.lua), and
// what is left of the stream is moved again: the log knows the ids of events, and drops what comes twice.
import { comparePositions, type PartitionIndex } from "../domain/ids.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import { readStreamState } from "../journal/stream-state.ts";
import { historyOf } from "../journal/watch-master.ts";
import { deadTarget, logTarget, readMark } from "./append-once.ts";
import type { MoverLease } from "./mover-lease.ts";

export interface MoverHistory {
  readonly stream: string;
  readonly partitions: number;
  readonly lease: Pick<MoverLease, "generation">;
  /** The one reads the stream and the other trims it: both must mean the same one. */
  readonly reader: RedisConnection;
  readonly writer: RedisConnection;
  /** It was seen that the stream was made anew. */
  readonly isAnew: boolean;
}

/** Which generation of the stream's ids this is; rejects as commands do, and where the servers behind the two differ. */
export async function generationOf(history: MoverHistory): Promise<number> {
  const { stream, partitions, lease, reader, writer, isAnew } = history;
  const [read, written] = await Promise.all([historyOf(reader, stream), historyOf(writer, stream)]);
  if (read !== written) throw new Error(`two connections to ${stream} are not to the same server`);
  const targets = Array.from({ length: partitions }, (_, index) => logTarget(index as PartitionIndex, stream));
  const marks = await Promise.all(
    [...targets, deadTarget(stream)].map(async ({ watermarks, field }) =>
      readMark(text(await writer.command(["HGET", watermarks, field]))),
    ),
  );
  // After the marks: another mover may be at work still.
  const { lastId } = await readStreamState(writer, stream);
  const known = Math.max(...marks.map(({ generation }) => generation));
  const isAbove = marks.some(({ id, generation }) => generation === known && comparePositions(id, lastId) > 0);
  return await lease.generation(writer, written, isAnew || isAbove ? known + 1 : known);
}
