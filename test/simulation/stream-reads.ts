// Reads of several streams of the simulated Redis, which may wait.
import { type Answer, arity, type Database, existing, integer, SimpleError, SYNTAX } from "./database.ts";
import { placeOf, shown, streamId } from "./stream-commands.ts";

const END = Number.POSITIVE_INFINITY;

export interface StreamRead {
  readonly countMax: number;
  /** Undefined: it does not wait. 0: for ever. */
  readonly blockMs: number | undefined;
  /** Read after this id. */
  readonly from: readonly (readonly [key: string, id: string])[];
}

export function parseRead(db: Database, [name = "", ...rest]: readonly string[]): StreamRead {
  let countMax = END;
  let blockMs: number | undefined;
  let at = 0;
  for (; rest[at]?.toUpperCase() !== "STREAMS"; at++) {
    const option = rest[at]?.toUpperCase();
    if (option === "COUNT") countMax = integer(rest[++at]);
    else if (option === "BLOCK") blockMs = integer(rest[++at]);
    else throw option === undefined ? arity(name) : new SimpleError(SYNTAX);
  }
  const names = rest.slice(at + 1);
  if (names.length === 0 || names.length % 2 !== 0) {
    throw new SimpleError(
      "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.",
    );
  }
  const half = names.length / 2;
  const from = names.slice(0, half).map((key, index) => {
    const wanted = names[half + index] as string;
    const stream = existing(db, key, "stream");
    if (wanted === "$") return [key, `${stream?.lastMs ?? 0}-${stream?.lastSeq ?? 0}`] as const;
    streamId(wanted, 0);
    return [key, wanted] as const;
  });
  return { countMax, blockMs, from };
}

/** null where nothing is there. */
export function readNow(db: Database, { countMax, from }: StreamRead): Answer {
  const found = from.flatMap(([key, after]): Answer[] => {
    const stream = existing(db, key, "stream");
    if (stream === undefined) return [];
    const start = placeOf(stream, streamId(after, 0), true);
    const entries = stream.entries.slice(start, start + countMax);
    return entries.length === 0 ? [] : [[key, entries.map(shown)]];
  });
  return found.length === 0 ? null : found;
}
