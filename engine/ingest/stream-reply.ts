// The reply of XREAD in RESP2: null, or [[stream, [[id, [name, value, ...]], ...]], ...], bulk strings as Buffers.
import type { Position } from "../domain/ids.ts";
import type { RawEntry } from "../journal/journal.ts";
import type { Reply } from "../journal/redis.ts";

export interface StreamEntries {
  readonly stream: string;
  /** At least one, in order. */
  readonly entries: readonly RawEntry[];
}

/** Throws where it is not such a reply: that would be a bug or another server. */
export function readStreams(reply: Reply): readonly StreamEntries[] {
  if (reply === null) return [];
  return list(reply).map((each) => {
    const [stream, entries] = list(each);
    return { stream: string(stream), entries: list(entries).map(readEntry) };
  });
}

function readEntry(reply: Reply): RawEntry {
  const [position, fields] = list(reply);
  return { position: string(position) as Position, fields: list(fields) as readonly Buffer[] };
}

function list(reply: Reply | undefined): readonly Reply[] {
  if (!Array.isArray(reply)) throw new TypeError("reply of XREAD: an array was expected");
  return reply as readonly Reply[];
}

function string(reply: Reply | undefined): string {
  if (!Buffer.isBuffer(reply)) throw new TypeError("reply of XREAD: a bulk string was expected");
  return reply.toString("latin1");
}
