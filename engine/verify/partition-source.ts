// What verify reads of one partition. Reads only: no lease, no write.
import { readFileSync } from "node:fs";
import type { CommitSeq, CustomerKey, PartitionIndex, Position } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import { type Base, decodeBase } from "../journal/base.ts";
import type { Journal } from "../journal/journal.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, type Reply, redisScript, text } from "../journal/redis.ts";
import { rawEntries } from "../journal/redis-journal.ts";
import { sourceFile } from "../journal/source-file.ts";

export interface StoredHead {
  readonly seq: CommitSeq;
  readonly position: Position;
  readonly base: Base | undefined;
  /** Ring of seen hashes, as of the base. */
  readonly ring: Buffer;
  /** Id of the last commit of the journal; undefined where it is empty. */
  readonly last: string | undefined;
}

/** What is told of a dead letter: the entry that it was, why it could not be taken, and the source of what it keeps. */
export interface DeadLetter {
  readonly position: Position;
  readonly reason: string;
  readonly source: string;
}

export interface PartitionSource {
  readonly index: PartitionIndex;
  readonly journal: Pick<Journal, "commits" | "entries" | "profiles" | "logState">;
  readonly head: () => Promise<StoredHead>;
  /** Of those asked for, in their order; undefined where one is not in the register. As of commit `seq`. */
  readonly armed: (
    keys: readonly CustomerKey[],
  ) => Promise<{ readonly seq: CommitSeq; readonly due: readonly (Instant | undefined)[] }>;
  /** Every customer of the register, page by page; one may come twice. */
  readonly registered: () => AsyncGenerator<readonly CustomerKey[]>;
  /** First commit that Redis itself holds, whatever an archive has: what is before it is in no index any more. */
  readonly keptFrom: () => Promise<CommitSeq>;
  /** Values of the decision index, in the order of the ids. */
  readonly indexed: (ids: readonly string[]) => Promise<readonly (string | undefined)[]>;
  /** All of it, page by page: id, value. */
  /** `isWhole`: none was ever trimmed, retried or erased, nor added while they were read. */
  readonly deadLetters: () => Promise<{ readonly letters: readonly DeadLetter[]; readonly isWhole: boolean }>;
  readonly decisionIndex: () => AsyncGenerator<readonly (readonly [string, string])[]>;
}

const SCAN_COUNT = 1_000;
const headScript = redisScript(readFileSync(sourceFile("engine/verify/read-head.lua"), "utf8"));
const registerScript = redisScript(readFileSync(sourceFile("engine/verify/read-register.lua"), "utf8"));

export function createPartitionSource(
  connection: RedisConnection,
  journal: PartitionSource["journal"],
  index: PartitionIndex,
): PartitionSource {
  const keys = partitionKeys(index);
  const { command, script } = connection;
  return {
    index,
    journal,
    head: async () => {
      const reply = (await script(headScript, [keys.checkpoint, keys.seen, keys.journal], [])) as readonly Buffer[];
      const [seq, position, base, ring, last] = reply as readonly [Buffer, Buffer, Buffer, Buffer, Buffer];
      return {
        seq: Number(text(seq)) as CommitSeq,
        position: text(position) as Position,
        base: base.length === 0 ? undefined : decodeBase(base),
        ring,
        last: last.length === 0 ? undefined : text(last),
      };
    },
    armed: async (customers) => {
      const reply = await script(registerScript, [keys.checkpoint, keys.timers], customers);
      const [seq, ...scores] = (reply as readonly Reply[]).map(text);
      return { seq: Number(seq) as CommitSeq, due: scores.map(instantOf) };
    },
    registered: async function* () {
      for await (const page of scan(command, "ZSCAN", keys.timers)) yield page.map(([key]) => key as CustomerKey);
    },
    keptFrom: async () => {
      const [oldest] = (await command([
        "XRANGE",
        keys.journal,
        "-",
        "+",
        "COUNT",
        "1",
      ])) as readonly (readonly Reply[])[];
      return (oldest === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(text(oldest[0]), 10)) as CommitSeq;
    },
    indexed: async (ids) => {
      if (ids.length === 0) return [];
      const reply = (await command(["HMGET", keys.decisions, ...ids])) as readonly Reply[];
      return reply.map((value) => (value === null ? undefined : text(value)));
    },
    deadLetters: async () => {
      const before = await addedTo(command, keys.dead);
      const letters: DeadLetter[] = [];
      for (let after = "-"; ; ) {
        const page = rawEntries(await command(["XRANGE", keys.dead, after, "+", "COUNT", String(SCAN_COUNT)]));
        for (const { fields } of page) {
          const [, position, , reason, , , , from] = fields.map(String);
          letters.push({ position: (position ?? "") as Position, reason: reason ?? "", source: from ?? "" });
        }
        const last = page.at(-1);
        if (last === undefined) break;
        after = `(${last.position}`;
      }
      const isWhole = before === letters.length && (await addedTo(command, keys.dead)) === before;
      return { letters, isWhole };
    },
    decisionIndex: () => scan(command, "HSCAN", keys.decisions),
  };
}

/** Entries ever; undefined where the server does not count them. */
async function addedTo(command: RedisConnection["command"], stream: string): Promise<number | undefined> {
  if (Number(await command(["EXISTS", stream])) === 0) return 0;
  const flat = (await command(["XINFO", "STREAM", stream])) as readonly Reply[];
  const at = flat.findIndex((field, index) => index % 2 === 0 && text(field) === "entries-added");
  return at < 0 ? undefined : Number(flat[at + 1]);
}

async function* scan(
  command: RedisConnection["command"],
  name: "ZSCAN" | "HSCAN",
  key: string,
): AsyncGenerator<readonly (readonly [string, string])[]> {
  let cursor = "0";
  do {
    const reply = await command([name, key, cursor, "COUNT", String(SCAN_COUNT)]);
    const [next, flat] = reply as readonly [Reply, readonly Reply[]];
    cursor = text(next);
    yield Array.from({ length: flat.length / 2 }, (_, nth) => [text(flat[2 * nth]), text(flat[2 * nth + 1])] as const);
  } while (cursor !== "0");
}

function instantOf(score: string): Instant | undefined {
  if (score === "") return undefined;
  return score === "inf" ? NEVER : (Number(score) as Instant);
}
