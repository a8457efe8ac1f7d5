import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { CommitSeq, CustomerKey, PartitionIndex, Position } from "../domain/ids.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import { createCommitGroup } from "./commit-group.ts";
import type { Acquired, Journal, RawEntry } from "./journal.ts";
import { partitionKeys, profileKey } from "./keys.ts";
import { createPageSizes, type PageSizes, readPages } from "./page-size.ts";
import { type RedisConnection, type Reply, redisScript, text } from "./redis.ts";
import { sourceFile } from "./source-file.ts";
import { readStreamState } from "./stream-state.ts";

const appendKnownScript = redisScript(readFileSync(sourceFile("engine/journal/append-known.lua"), "utf8"));
const acquireScript = redisScript(readFileSync(sourceFile("engine/journal/acquire.lua"), "utf8"));
const noteScript = redisScript(readFileSync(sourceFile("engine/journal/note.lua"), "utf8"));
const renewScript = redisScript(readFileSync(sourceFile("engine/journal/renew.lua"), "utf8"));

export interface RedisJournalOptions {
  readonly connection: RedisConnection;
  /** Unlike any other engine's, and new at each start of the process. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Where other engines reach this one. */
  readonly address: string;
  /** An engine that runs no more, for certain: its lease is not waited for. */
  readonly isGone?: (owner: string) => boolean;
  /** How much of each input log is read at once; kept by whoever opens another journal where the connection of this one is lost. */
  readonly pageSizes?: PageSizes;
}

export function createRedisJournal(options: RedisJournalOptions): Journal {
  const { connection, pageSizes = createPageSizes() } = options;
  const { command } = connection;
  return {
    acquire: (partition) => acquire(options, partition),
    renew: async (partition, token, ms) =>
      text(await connection.script(renewScript, [partitionKeys(partition).lease], [token, String(ms)])) === "OK",
    note: async (partition, token, fields) => {
      const { lease, checkpoint } = partitionKeys(partition);
      return (
        text(await connection.script(noteScript, [lease, checkpoint], [token, ...Object.entries(fields).flat()])) ===
        "OK"
      );
    },
    commit: createCommitGroup(connection),
    commits: async (partition, from, countMax) => {
      const keys = partitionKeys(partition);
      return commitPage(await command(["XRANGE", keys.journal, `${from}-0`, "+", "COUNT", String(countMax)]));
    },
    commitsBefore: async (partition, before, countMax) => {
      const end = before === undefined ? "+" : `(${before}-0`;
      const { journal } = partitionKeys(partition);
      return commitPage(await command(["XREVRANGE", journal, end, "-", "COUNT", String(countMax)]));
    },
    entriesBefore: async (partition, before, countMax) => {
      const { events } = partitionKeys(partition);
      return readPages(pageSizes(partition), countMax, async (count, last) => {
        const limit = last?.position ?? before;
        const end = limit === undefined ? "+" : `(${limit}`;
        return rawEntries(await command(["XREVRANGE", events, end, "-", "COUNT", String(count)]));
      });
    },
    head: async (partition) => {
      const { checkpoint } = partitionKeys(partition);
      const reply = (await command(["HMGET", checkpoint, "seq", "position", "base"])) as readonly Reply[];
      const [seq, position, base] = reply;
      return {
        seq: Number(text(seq)) as CommitSeq,
        position: (text(position) || "0-0") as Position,
        base: base === null ? undefined : (base as Buffer),
      };
    },
    entries: async (partition, after, upTo, countMax) => {
      const { events } = partitionKeys(partition);
      return readPages(pageSizes(partition), countMax, async (count, last) => {
        const start = `(${last?.position ?? after}`;
        return rawEntries(await command(["XRANGE", events, start, upTo ?? "+", "COUNT", String(count)]));
      });
    },
    logState: (partition) => readStreamState(connection, partitionKeys(partition).events),
    lastEntry: async (partition) => {
      const [last] = rawEntries(await command(["XREVRANGE", partitionKeys(partition).events, "+", "-", "COUNT", "1"]));
      return last?.position ?? ("0-0" as Position);
    },
    profiles: async (partition, keys) => {
      if (keys.length === 0) return [];
      const reply = await command(["MGET", ...keys.map((key) => profileKey(partition, key))]);
      return storedProfiles(reply, keys.length);
    },
    seen: async (partition) => ((await command(["GET", partitionKeys(partition).seen])) as Buffer | null) ?? undefined,
    findDecision: async (partition, id) => {
      const reply = await command(["HGET", partitionKeys(partition).decisions, id]);
      if (reply === null) return undefined;
      const [seq, items, ...key] = text(reply).split(" ");
      return { seq: Number(seq) as CommitSeq, items: Number(items), key: key.join(" ") as CustomerKey };
    },
    armed: async (partition, keys) => {
      if (keys.length === 0) return [];
      const reply = await command(["ZMSCORE", partitionKeys(partition).timers, ...keys]);
      return (reply as readonly Reply[]).map((score) => (score === null ? undefined : instantOf(text(score))));
    },
    due: async (partition, now, countMax) => {
      const timers = partitionKeys(partition).timers;
      return timerList(
        await command(["ZRANGEBYSCORE", timers, "-inf", String(now), "WITHSCORES", "LIMIT", "0", String(countMax)]),
      );
    },
    nextDue: async (partition) => {
      const first = timerList(await command(["ZRANGE", partitionKeys(partition).timers, "0", "0", "WITHSCORES"]))[0];
      return first === undefined ? NEVER : first.due;
    },
    append: async (partition, fields) =>
      text(await command(["XADD", partitionKeys(partition).events, "*", ...fields])) as Position,
    appendKnown: async (partition, of, fields) => {
      const { events, decisions, timers } = partitionKeys(partition);
      const [index, ...asked] = "decision" in of ? [decisions, "HGET", of.decision] : [timers, "ZSCORE", of.customer];
      const reply = text(await connection.script(appendKnownScript, [events, index], [...asked, ...fields]));
      return reply === "" ? undefined : (reply as Position);
    },
  };
}

function commitPage(reply: Reply): readonly { readonly seq: CommitSeq; readonly payload: Buffer }[] {
  return rawEntries(reply).map(({ position, fields }) => ({
    seq: Number.parseInt(position, 10) as CommitSeq,
    payload: fields[1] as Buffer,
  }));
}

/** Entries of an XRANGE reply, or of one stream of an XREAD reply. */
export function rawEntries(reply: Reply): readonly RawEntry[] {
  return (reply as readonly (readonly [Buffer, readonly Buffer[]])[]).map(([id, fields]) => ({
    position: id.toString("latin1") as Position,
    fields,
  }));
}

/** Numbers of commits; by chance up to 17 million more. */
const LEAP_MIN = 1_000_000;

async function acquire(options: RedisJournalOptions, partition: PartitionIndex): Promise<Acquired> {
  const keys = partitionKeys(partition);
  // While its slot is being moved some of its keys are here and some are there: a commit could not touch them all.
  await options.connection.cluster?.settled(keys.lease);
  const token = randomBytes(16).toString("hex");
  const leap = String(LEAP_MIN + Number.parseInt(token.slice(0, 6), 16));
  const run = async (gone: string): Promise<readonly Reply[]> =>
    (await options.connection.script(
      acquireScript,
      [keys.lease, keys.checkpoint, keys.journal, keys.timers],
      [options.owner, token, String(options.leaseMs), options.address, gone, leap],
    )) as readonly Reply[];
  let reply = await run("");
  if (text(reply[0]) === "HELD" && options.isGone?.(text(reply[1])) === true) reply = await run(text(reply[1]));
  const kind = text(reply[0]);
  if (kind === "BROKEN") return { kind: "broken", why: text(reply[1]) };
  if (kind === "HELD") return { kind: "held", owner: text(reply[1]), remainingMs: Number(text(reply[2])) };
  const base = reply[4] as Buffer;
  return {
    kind: "acquired",
    token,
    epoch: Number(text(reply[1])),
    seq: Number(text(reply[2])) as CommitSeq,
    position: text(reply[3]) as Position,
    base: base.length === 0 ? undefined : base,
  };
}

/** Anything else would pass for damaged profiles, whose events become dead letters: it throws. */
function storedProfiles(reply: Reply, count: number): (Buffer | undefined)[] {
  if (!Array.isArray(reply) || reply.length !== count)
    throw new Error(`${count} profiles were not what Redis answered`);
  return reply.map((item: Reply) => {
    if (item !== null && !Buffer.isBuffer(item)) throw new Error("what Redis answered for a profile is none");
    return item ?? undefined;
  });
}

function timerList(reply: Reply): { key: CustomerKey; due: Instant }[] {
  const flat = reply as readonly Reply[];
  const timers: { key: CustomerKey; due: Instant }[] = [];
  for (let index = 0; index < flat.length; index += 2) {
    timers.push({ key: text(flat[index]) as CustomerKey, due: instantOf(text(flat[index + 1])) });
  }
  return timers;
}

/** A score as Redis writes it. */
function instantOf(score: string): Instant {
  return score === "inf" ? NEVER : (Number(score) as Instant);
}
