// The register of live engines, `nba:engines`: who is where and owns what. A hint, from which fair shares and addresses are
// read; whether a partition may be written to is said by its lease alone.
import { readFileSync } from "node:fs";
import type { PartitionIndex } from "../domain/ids.ts";
import { ENGINES_KEY } from "./keys.ts";
import { type RedisConnection, type Reply, redisScript, text } from "./redis.ts";
import { sourceFile } from "./source-file.ts";

/** One engine as it last said of itself. */
export interface EngineEntry {
  readonly id: string;
  /** host:port where other engines reach it. */
  readonly address: string;
  /** When it first said so, ms by the clock of Redis. */
  readonly since: number;
  readonly owned: ReadonlySet<PartitionIndex>;
}

export interface EngineRegister {
  /** Says that this engine is alive and owns these; tells everybody who is. Rejects as commands do. */
  readonly beat: (owned: Iterable<PartitionIndex>) => Promise<readonly EngineEntry[]>;
  /** On a clean end: nobody has to wait until it counts as dead. Tells everybody who is left. */
  readonly leave: () => Promise<readonly EngineEntry[]>;
}

export interface EngineRegisterOptions {
  readonly connection: Pick<RedisConnection, "script">;
  readonly id: string;
  readonly address: string;
  /** An engine that was silent for so long is dead. */
  readonly leaseMs: number;
}

const beatScript = redisScript(readFileSync(sourceFile("engine/journal/beat.lua"), "utf8"));

export function createEngineRegister({ connection, id, address, leaseMs }: EngineRegisterOptions): EngineRegister {
  const send = async (ms: number, owned: Iterable<PartitionIndex>): Promise<readonly Reply[]> => {
    const rest = JSON.stringify({ address, owned: encodeOwned(owned) }).slice(1);
    return (await connection.script(beatScript, [ENGINES_KEY], [id, String(ms), rest])) as readonly Reply[];
  };
  return {
    beat: async (owned) => entriesOf(await send(leaseMs, owned)),
    leave: async () => entriesOf(await send(0, [])),
  };
}

function entriesOf([, ...flat]: readonly Reply[]): readonly EngineEntry[] {
  const entries: EngineEntry[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) entries.push(decodeEntry(text(flat[at]), text(flat[at + 1])));
  return entries;
}

function decodeEntry(id: string, written: string): EngineEntry {
  const entry = JSON.parse(written) as { readonly address: string; readonly since: number; readonly owned: string };
  return { id, address: entry.address, since: entry.since, owned: decodeOwned(entry.owned) };
}

/** Ranges, as `0-3,7`: short, since most engines own neighbours. */
function encodeOwned(owned: Iterable<PartitionIndex>): string {
  const ranges: [number, number][] = [];
  for (const index of [...owned].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}

function decodeOwned(written: string): ReadonlySet<PartitionIndex> {
  const owned = new Set<PartitionIndex>();
  for (const range of written.split(",")) {
    if (range === "") continue;
    const [from, to] = range.split("-").map(Number) as [number, number | undefined];
    for (let index = from; index <= (to ?? from); index++) owned.add(index as PartitionIndex);
  }
  return owned;
}
