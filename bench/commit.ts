// Commits a second through the journal: with a disk under it and without, and beside the least that could make the same bytes
// durable: one XADD.
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
    "commits a second through the journal, one partition, each waited for, 1 and 256 decisions in each, encoding included: with appendfsync always beside none, and beside a bare XADD of as many bytes",
  run,
};

const RECORDS = 512;
const PARTITION = 0 as PartitionIndex;
const BATCHES = [1, 256];

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const records = await makeRecords();
  const durable = await openServer(true);
  try {
    const fleeting = await openServer(false);
    try {
      const rows: BenchRow[] = [];
      for (const batch of BATCHES) {
        rows.push(...(await measure(durable.connection, fleeting.connection, records, batch, options)));
        options.say(`commits of ${batch}: done`);
      }
      return rows;
    } finally {
      await fleeting.close();
    }
  } finally {
    await durable.close();
  }
}

async function openServer(appendOnly: boolean) {
  const redis = await startTestRedis({ appendOnly });
  try {
    const connection = await connectRedis({ url: redis.url, silenceMs: 10_000 });
    const close = async (): Promise<void> => {
      connection.close();
      await redis.stop();
    };
    return { connection, close };
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

/** Both servers have their turns in the same rounds, so that one may be held against the other. */
async function measure(
  durable: RedisConnection,
  fleeting: RedisConnection,
  records: readonly DecisionRecord[],
  batch: number,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  const [kept, lost] = [await createWriter(durable, records, batch), await createWriter(fleeting, records, batch)];
  const bytes = kept.payload();
  const turnMs = options.quick ? 150 : 500;
  const bare = (connection: RedisConnection) => () =>
    perSecond(turnMs, () => connection.command(["XADD", "bench:bare", "*", "c", bytes]));
  // Of the commands alone, beside the whole: what a disk costs must not hide behind what encoding costs.
  const waits: { readonly kept: number[]; readonly lost: number[] } = { kept: [], lost: [] };
  const journal = async (writer: Writer, waited: number[]): Promise<number> => {
    const before = writer.waited();
    const rate = await perSecond(turnMs, writer.commit);
    const after = writer.waited();
    waited.push(((after.commits - before.commits) / (after.ms - before.ms)) * 1_000);
    return rate;
  };
  const rates = await alternate(roundsOf(options), {
    kept: () => journal(kept, waits.kept),
    lost: () => journal(lost, waits.lost),
    bareKept: bare(durable),
    bareLost: bare(fleeting),
  });
  const words = `${batch} decision${batch === 1 ? "" : "s"} (${Math.round(bytes.length / 1_024)} KiB)`;
  const [on, off] = ["appendfsync always", "without AOF"];
  return [
    rowOf(`commit of ${words}, ${on}, of the same without`, "commits/s", rates.kept, rates.lost),
    rowOf(`its command alone, ${on}, of the same without`, "commits/s", waits.kept, waits.lost),
    rowOf(`commit of ${words}, ${on}, of an XADD`, "commits/s", rates.kept, rates.bareKept),
    rowOf(`XADD of as much, ${on}`, "commands/s", rates.bareKept),
    rowOf(`commit of ${words}, ${off}, of an XADD`, "commits/s", rates.lost, rates.bareLost),
    rowOf(`XADD of as much, ${off}`, "commands/s", rates.bareLost),
  ];
}

interface Writer {
  readonly commit: () => Promise<void>;
  /** Of the commits so far, the time between command and reply. */
  readonly waited: () => { readonly commits: number; readonly ms: number };
  readonly payload: () => Buffer;
}

/** Commits as the loop makes them: the payload encoded, the decisions indexed, a timer armed for each. */
async function createWriter(
  connection: RedisConnection,
  records: readonly DecisionRecord[],
  batch: number,
): Promise<Writer> {
  const owner = randomBytes(8).toString("hex");
  const journal: Journal = createRedisJournal({ connection, owner, leaseMs: 60_000, address: "127.0.0.1:0" });
  await connection.command(["FLUSHALL"]);
  const acquired = await journal.acquire(PARTITION);
  if (acquired.kind !== "acquired") throw new Error(`the partition could not be taken: ${acquired.kind}`);
  let seq = acquired.seq;
  let next = 0;
  const waited = { commits: 0, ms: 0 };
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
    const sentAt = performance.now();
    const reply = await journal.commit(acquired.token, draft);
    waited.ms += performance.now() - sentAt;
    waited.commits++;
    if (reply.kind !== "ok") throw new Error(`the commit was refused: ${reply.why}`);
    seq = draft.seq;
  };
  return { commit, waited: () => ({ ...waited }), payload: () => encode(take()) };
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
