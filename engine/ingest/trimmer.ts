// Takes out of a named stream what was moved, a moment later and much at once: with appendfsync always a trim is a sync of the
// disk, for which whatever is written next waits, the commits of the very events that were moved included.
import type { Position } from "../domain/ids.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { trimMoved } from "./trim-moved.ts";

export interface Trimmer {
  /** So many more entries were moved, up to this one. Throws what a trim has failed with before. */
  readonly moved: (last: Position, entries: number) => void;
  /** All that was moved is trimmed. Rejects where that, or a trim before, failed. */
  readonly flush: () => Promise<void>;
  /** Begins no trim any more; one under way goes on. */
  readonly stop: () => void;
}

export interface TrimmerOptions {
  readonly connection: Pick<RedisConnection, "script">;
  readonly stream: string;
  /** `trimmed` entries went, where `moved` had been moved; or the stream was made anew, and stands as it is. May throw. */
  readonly onTrimmed: (trimmed: number | "anew", moved: number) => void;
}

/** What was moved and is still there is read and skipped after a crash. */
const TRIM_AFTER_MS = 50;

export function createTrimmer({ connection, stream, onTrimmed }: TrimmerOptions): Trimmer {
  let waiting: { readonly last: Position; readonly entries: number } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let trimming = Promise.resolve();
  let failed: { readonly error: unknown } | undefined;

  const trim = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === undefined) return;
    const { last, entries } = waiting;
    waiting = undefined;
    trimming = trimming.then(async () => onTrimmed(await trimMoved(connection, stream, last), entries));
    // Told by `moved` and `flush`, for which nobody may be waiting just now.
    trimming.catch((error: unknown) => {
      failed = { error };
    });
  };
  return {
    moved: (last, entries) => {
      if (failed !== undefined) throw failed.error;
      waiting = { last, entries: (waiting?.entries ?? 0) + entries };
      timer ??= setTimeout(trim, TRIM_AFTER_MS);
    },
    flush: () => {
      trim();
      return trimming;
    },
    stop: () => clearTimeout(timer),
  };
}
