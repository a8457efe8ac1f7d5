// Commits that are sent in one turn of the loop go to Redis in one call: each is taken or refused by itself, but what a call
// costs, here and there, is paid once. A cluster keeps partitions in different slots, so there each goes by itself.
import { readFileSync } from "node:fs";
import { NEVER } from "../domain/time.ts";
import type { CommitDraft, CommitReply } from "./journal.ts";
import { partitionKeys, profileKey } from "./keys.ts";
import { type Argument, type RedisConnection, type Reply, redisScript, text } from "./redis.ts";
import { sourceFile } from "./source-file.ts";

const commitScript = redisScript(readFileSync(sourceFile("engine/journal/commit.lua"), "utf8"));

/** Others wait while a script runs: so many commits, or so many profiles, are what takes it a millisecond or two. */
const COMMITS_MAX = 32;
const PROFILES_MAX = 256;

interface Waiting {
  readonly token: string;
  readonly draft: CommitDraft;
  readonly resolve: (reply: CommitReply) => void;
  readonly reject: (error: unknown) => void;
}

/** Commits in the order in which they were given. */
export function createCommitGroup(
  connection: RedisConnection,
): (token: string, draft: CommitDraft) => Promise<CommitReply> {
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (const group of groupsOf(all, connection.cluster === undefined ? COMMITS_MAX : 1)) void send(connection, group);
  };
  return (token, draft) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ token, draft, resolve, reject }) === 1) queueMicrotask(flush);
    });
}

function groupsOf(all: readonly Waiting[], commitsMax: number): readonly (readonly Waiting[])[] {
  const groups: Waiting[][] = [];
  let group: Waiting[] = [];
  let profiles = 0;
  for (const one of all) {
    const more = one.draft.profiles.length;
    if (group.length === commitsMax || profiles + more > PROFILES_MAX) {
      group = [];
      profiles = 0;
    }
    if (group.length === 0) groups.push(group);
    group.push(one);
    profiles += more;
  }
  return groups;
}

async function send(connection: RedisConnection, group: readonly Waiting[]): Promise<void> {
  try {
    const keys: Argument[] = [];
    const args: Argument[] = [String(group.length)];
    for (const { token, draft } of group) add(token, draft, keys, args);
    const replies = (await connection.script(commitScript, keys, args)) as readonly Reply[];
    for (const [index, { resolve }] of group.entries()) {
      const reply = text(replies[index]);
      resolve(reply === "OK" ? { kind: "ok" } : { kind: "refused", why: reply });
    }
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
}

function add(token: string, draft: CommitDraft, keys: Argument[], args: Argument[]): void {
  const { partition, seq } = draft;
  const named = partitionKeys(partition);
  const before = keys.length;
  keys.push(named.checkpoint, named.lease, named.journal, named.timers, named.decisions, named.dead, named.seen);
  for (const key of draft.forgotten) keys.push(profileKey(partition, key));
  for (const { key } of draft.profiles) keys.push(profileKey(partition, key));
  args.push(String(keys.length - before), token, String(draft.previous), String(seq), draft.position, draft.payload);
  args.push(draft.base ?? "", String(draft.seen.length));
  for (const { offset, bytes } of draft.seen) args.push(String(offset), bytes);
  args.push(String(draft.decisions.length));
  for (const { id, items, key } of draft.decisions) args.push(id, `${seq} ${items} ${key}`);
  args.push(String(draft.forgotten.length));
  for (const key of draft.forgotten) args.push(key);
  args.push(String(draft.armed.length));
  for (const { key, due } of draft.armed) args.push(due === NEVER ? "+inf" : String(due), key);
  args.push(String(draft.dead.length));
  for (const { position, reason, detail, source, bytes } of draft.dead)
    args.push(position, reason, detail, source, bytes);
  for (const { bytes } of draft.profiles) args.push(bytes);
}
