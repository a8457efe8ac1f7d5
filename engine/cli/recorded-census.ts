// How often the rules of a rulebook would have been true at the decisions that a Redis has recorded.
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import { createRulebookLibrary } from "../partition/rulebook-library.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { createRuleCensus, type RuleCensus } from "../sandbox/rule-census.ts";
import { ruleScopeOf } from "../sandbox/rule-scope-of.ts";
import { openRedis } from "./open-redis.ts";

const PAGE = 1_000;

/** Of REDIS_URL; reads only. Throws CommandTrouble where Redis holds no engine's data. */
export async function recordedCensus(rulebook: Rulebook): Promise<RuleCensus> {
  const { connection, partitions } = await openRedis();
  try {
    const census = createRuleCensus(rulebook);
    const journal = createRedisJournal({ connection, owner: "validate", leaseMs: 0, address: "" });
    const library = createRulebookLibrary(connection, {});
    for (let index = 0; index < partitions; index++) {
      let from = 1 as CommitSeq;
      for (;;) {
        const page = await journal.commits(index as PartitionIndex, from, PAGE);
        for (const { seq, payload } of page) {
          for (const record of decodeCommit(payload).decisions) {
            const decided = await library.get(record.rulebook);
            census.add(ruleScopeOf(rulebook, decided.rulebook, record));
          }
          from = (seq + 1) as CommitSeq;
        }
        if (page.length < PAGE) break;
      }
    }
    return census;
  } finally {
    connection.close();
  }
}
