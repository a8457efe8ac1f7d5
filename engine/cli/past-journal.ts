// The journal as commands read it: what Redis holds, and before that what was archived.
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import { decodeCommit, follows } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import { CONFIG_KEY } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import { createArchive } from "../retain/archive.ts";
import { withArchive } from "../retain/with-archive.ts";
import { configOf } from "./config-of.ts";

/** Takes no part. The archive is that of ARCHIVE_DIR, where it is set. */
export async function pastJournal(connection: RedisConnection, env: NodeJS.ProcessEnv): Promise<Journal> {
  const journal = createRedisJournal({ connection, owner: "reader", leaseMs: 0, address: "" });
  const { archiveDir } = configOf(env);
  if (archiveDir === undefined) return journal;
  const found = (await connection.command(["HMGET", CONFIG_KEY, "seed", "partitions"])) as readonly Reply[];
  const [seed, partitions] = found.map((item) => Number(text(item)));
  return withArchive(journal, createArchive(archiveDir, { seed: seed as number, partitions: partitions as number }));
}

/** What to add where something is not found: that it may have been let go. */
export async function beyondRetention(journal: Journal, partition: PartitionIndex): Promise<string> {
  const [oldest] = await journal.commits(partition, 1 as CommitSeq, 1);
  if (oldest === undefined) return "";
  const commit = decodeCommit(oldest.payload);
  if (follows(0 as CommitSeq, oldest.seq, commit)) return "";
  const { now } = commit;
  return `; it begins at ${new Date(now).toISOString()}, what is older was let go (RETENTION), and ARCHIVE_DIR does not hold it`;
}
