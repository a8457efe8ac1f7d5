// Commits a second through the journal, beside the least that could make the same bytes durable: one XADD.
import { randomBytes } from "node:crypto";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { decide } from "../engine/decide/decide.ts";
import { recordOf } from "../engine/decide/record.ts";
import type { DecisionRecord } from "../engine/domain/decision.ts";
import type { CommitSeq, DecisionId, PartitionIndex, Position } from "../engine/domain/ids.ts";
import type { Instant } from "../engine/domain/time.ts";
import { encodeCommit } from "../engine/journal/commit-record.ts";
import type { CommitDraft, Journal } from "../engine/journal/journal.ts";
import { connectRedis, type RedisConnection } from "../engine/journal/redis.ts";
import { createRedisJournal } from "../engine/journal/redis-journal.ts";
import { startTestRedis } from "../test/redis.ts";
import { requestFor } from "./decide.ts";
import { compileRules, deliveredFiles } from "./load/delivered-rules.ts";
import { makeInputs } from "./load/profiles.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "commit",
  about:
    "commits a second through the journal, one partition, each waited for, 1 and 256 decisions in each, encoding included, beside a bare XADD of as many bytes",
  run,
};

const RECORDS = 512;
const PARTITION = 0 as PartitionIndex;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const records = await makeRecords();
  const rows: BenchRow[] = [];
  for (const [appendOnly, label] of [
    [true, "appendfsync always"],
    [false, "without AOF"],
  ] as const) {
    const redis = await startTestRedis({ appendOnly });
    const connection = await connectRedis({ url: redis.url, silenceMs: 10_000 });
    try {
      for (const batch of [1, 256]) rows.push(...(await measure(connection, records, batch, label, options)));
    } finally {
      connection.close();
      await redis.stop();
    }
    options.say(`${label}: done`);
  }
  return rows;
}

async function measure(
  connection: RedisConnection,
  records: readonly DecisionRecord[],
  batch: number,
  label: string,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  const writer = await createWriter(connection, records, batch);
  const bytes = writer.payload();
  const turnMs = options.quick ? 150 : 500;
  const rates = await alternate(roundsOf(options), {
    journal: () => perSecond(turnMs, writer.commit),
    bare: () => perSecond(turnMs, () => connection.command(["XADD", "bench:bare", "*", "c", bytes])),
  });
  const words = `${batch} decision${batch === 1 ? "" : "s"} (${Math.round(bytes.length / 1_024)} KiB), ${label}`;
  return [
    rowOf(`commit of ${words}`, "commits/s", rates.journal, rates.bare),
    rowOf(`XADD of ${words}`, "commands/s", rates.bare),
  ];
}

/** Commits as the loop makes them: the payload encoded, the decisions indexed, a timer armed for each. */
async function createWriter(connection: RedisConnection, records: readonly DecisionRecord[], batch: number) {
  const owner = randomBytes(8).toString("hex");
  const journal: Journal = createRedisJournal({ connection, owner, leaseMs: 60_000, address: "127.0.0.1:0" });
  await connection.command(["FLUSHALL"]);
  const acquired = await journal.acquire(PARTITION);
  if (acquired.kind !== "acquired") throw new Error(`the partition could not be taken: ${acquired.kind}`);
  let seq = acquired.seq;
  let next = 0;
  const take = (): DecisionRecord[] =>
    Array.from({ length: batch }, () => {
      const record = records[next++ % records.length] as DecisionRecord;
      return { ...record, id: randomBytes(16).toString("base64url") as DecisionId };
    });
  const encode = (decisions: readonly DecisionRecord[]): Buffer =>
    encodeCommit({ position: "1-0" as Position, now: Date.now() as Instant, decisions, withdrawals: [], learned: [] });
  const commit = async (): Promise<void> => {
    const decisions = take();
    const draft: CommitDraft = {
      partition: PARTITION,
      previous: seq,
      seq: (seq + 1) as CommitSeq,
      position: "1-0" as Position,
      payload: encode(decisions),
      decisions: decisions.map(({ id, key, contacts }) => ({ id, key, items: contacts.length })),
      armed: decisions.map(({ key, now }) => ({ key, due: now })),
      forgotten: [],
      dead: [],
      profiles: [],
      base: undefined,
      seen: [],
    };
    const reply = await journal.commit(acquired.token, draft);
    if (reply.kind !== "ok") throw new Error(`the commit was refused: ${reply.why}`);
    seq = draft.seq;
  };
  return { commit, payload: () => encode(take()) };
}

async function perSecond(turnMs: number, call: () => Promise<unknown>): Promise<number> {
  let calls = 0;
  const startedAt = performance.now();
  let tookMs = 0;
  while (tookMs < turnMs) {
    await call();
    calls++;
    tookMs = performance.now() - startedAt;
  }
  return (calls / tookMs) * 1_000;
}

/** Decisions by the delivered rules. */
async function makeRecords(): Promise<readonly DecisionRecord[]> {
  const rules = compileRules(await deliveredFiles());
  const { rulebook, decider } = rules;
  const now = Date.now() as Instant;
  const inputs = makeInputs(rules, { count: RECORDS, seed: 11, contacts: 5, now, request: requestFor(rulebook) });
  const scores = rulebook.models.map(({ index }) => ({ model: index, value: 0.4, fallback: false }));
  return inputs.map((input) => recordOf(decider, input, decide(decider, input, scores), { models: [], degraded: [] }));
}
