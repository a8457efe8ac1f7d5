import type { Position } from "../domain/ids.ts";
import { type RedisConnection, type Reply, text } from "./redis.ts";

/** What a stream has ever had, and has now. */
export interface StreamState {
  /** Undefined before Redis 7, which does not count them. */
  readonly added: number | undefined;
  readonly length: number;
  /** The last id that was ever given to an entry. */
  readonly lastId: Position;
  /** The last entry that was deleted or trimmed; "0-0": none was, or Redis does not know. */
  readonly lastDeleted: Position;
}

const NONE = "0-0" as Position;

/** Of a key that is not there: nothing was ever added. Rejects as commands do. */
export async function readStreamState(
  { command }: Pick<RedisConnection, "command">,
  stream: string,
): Promise<StreamState> {
  if ((await command(["EXISTS", stream])) === 0) return { added: 0, length: 0, lastId: NONE, lastDeleted: NONE };
  const flat = (await command(["XINFO", "STREAM", stream])) as readonly Reply[];
  const found = (name: string): Reply | undefined => {
    const at = flat.findIndex((item, index) => index % 2 === 0 && text(item) === name);
    return at < 0 ? undefined : flat[at + 1];
  };
  const added = found("entries-added");
  return {
    added: added === undefined ? undefined : Number(added),
    length: Number(found("length")),
    lastId: text(found("last-generated-id")) as Position,
    lastDeleted: (text(found("max-deleted-entry-id")) || NONE) as Position,
  };
}
