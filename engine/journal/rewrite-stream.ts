// Writes a stream anew under the same ids, with some of its entries changed: deleting an entry leaves its bytes where they
// were, in memory and in the files. Readers and writers of the stream do not notice; whoever waits for entries goes on waiting.
import { readFileSync } from "node:fs";
import type { Position } from "../domain/ids.ts";
import type { RawEntry } from "./journal.ts";
import { createPageSize, readPage } from "./page-size.ts";
import { type Argument, type RedisConnection, redisScript, text } from "./redis.ts";
import { rawEntries } from "./redis-journal.ts";
import { sourceFile } from "./source-file.ts";

const copyScript = redisScript(readFileSync(sourceFile("engine/journal/rewrite-copy.lua"), "utf8"));
const swapScript = redisScript(readFileSync(sourceFile("engine/journal/rewrite-swap.lua"), "utf8"));
const PAGE = 500;
/** How many entries the last step copies, which nobody else can interrupt. */
const AT_ONCE_MAX = 1_000;

/** The stream stands as it was; to be tried again, if need be by its owner. */
export class NotRewritten extends Error {
  override readonly name = "NotRewritten";
  constructor(stream: string, why: string) {
    super(`${stream} could not be written anew: ${why}`);
  }
}

export interface StreamRewrite {
  readonly stream: string;
  /** Lease and token without which nothing may be written; undefined: nobody owns the stream. */
  readonly fence: { readonly lease: string; readonly token: string } | undefined;
  /** New names and values for the entry; empty: it is left out; undefined: it stays as it is. */
  readonly change: (entry: RawEntry) => readonly (string | Buffer)[] | undefined;
}

/**
 * Resolves with the number of entries that were changed. What is killed in the middle leaves the stream as it was, and a
 * copy that the next one removes. Rejects with an error named RedisTrouble where it is not known whether it happened, and
 * with NotRewritten where the stream belongs to another engine by now, or another was writing it anew at the same time.
 */
export async function rewriteStream(connection: RedisConnection, rewrite: StreamRewrite): Promise<number> {
  const { stream, fence, change } = rewrite;
  const copy = copyOf(stream);
  const keys = fence === undefined ? [stream, copy] : [stream, copy, fence.lease];
  const token = fence?.token ?? "";
  await connection.command(["DEL", copy]);
  let changed = 0;
  let copied = 0;
  let last = "0-0" as Position;
  const size = createPageSize();
  const read = async (count: number): Promise<readonly RawEntry[]> =>
    rawEntries(await connection.command(["XRANGE", stream, `(${last}`, "+", "COUNT", String(count)]));
  for (;;) {
    for (;;) {
      const { entries: page } = await readPage(size, PAGE, read);
      const first = page[0];
      if (first === undefined) break;
      last = (page.at(-1) as RawEntry).position;
      const args: Argument[] = [token, first.position, last];
      for (const entry of page) {
        const fields = change(entry);
        if (fields === undefined) continue;
        args.push(entry.position, String(fields.length), ...fields);
        changed++;
      }
      copied += countIn(stream, text(await connection.script(copyScript, keys, args)));
    }
    const args = [token, last, String(AT_ONCE_MAX), String(copied)];
    const swapped = text(await connection.script(swapScript, keys, args));
    if (swapped === "OK") return changed;
    if (swapped !== "MORE") throw new NotRewritten(stream, swapped);
  }
}

/** In the slot of the stream. */
function copyOf(stream: string): string {
  return /\{.+\}/.test(stream) ? `${stream}:rewriting` : `{${stream}}:rewriting`;
}

function countIn(stream: string, reply: string): number {
  const count = Number(reply);
  if (!Number.isInteger(count)) throw new NotRewritten(stream, reply);
  return count;
}
