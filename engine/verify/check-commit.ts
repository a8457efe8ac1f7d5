// One commit against what its entries bring about: decisions that were triggered, withdrawals, what was learned, what goes to
// other partitions; then its decisions are told, one after the other.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, CustomerKey, DecisionId } from "../domain/ids.ts";
import { comparePositions } from "../domain/ids.ts";
import type { CommitRecord } from "../journal/commit-record.ts";
import type { BookShelf } from "./book-shelf.ts";
import { checkDecision, decidingRulebook } from "./check-decision.ts";
import { checkRelays } from "./check-relays.ts";
import { capsExceeded } from "./count-caps.ts";
import type { Differ } from "./difference.ts";
import type { PartitionSource } from "./partition-source.ts";
import { grantLines, spendLines } from "./quota-lines.ts";
import { countCampaign, tellDecision } from "./tell-decision.ts";
import { tellErasedCounts } from "./tell-erase.ts";
import { type Asked, nothingBrought, type Telling, toldOf } from "./telling.ts";

export interface CommitCheck {
  readonly telling: Telling;
  readonly source: PartitionSource;
  readonly shelf: BookShelf;
  readonly differ: Differ;
}

export async function checkCommit(check: CommitCheck, seq: CommitSeq, commit: CommitRecord): Promise<void> {
  const { telling, differ } = check;
  if (commit.now < telling.lastNow) differ("S2", undefined, `commit ${seq}: now`, commit.now, telling.lastNow);
  telling.lastNow = commit.now;
  checkAsked(check, seq, commit.decisions);
  grantLines(telling.ledger, commit.granted ?? []);
  if (commit.erased !== undefined) tellErasedCounts(telling, commit.now, commit.erased);
  const asks = new Map(telling.brought.asks.map((asked) => [asked.decision, asked]));
  for (const record of commit.decisions) decide(check, record, asks);
  checkBrought(check, seq, commit);
  await checkRelays(check, seq, commit.relays ?? []);
  await checkIndexed(
    check,
    seq,
    commit.decisions.filter(({ key }) => !telling.untold.has(key)),
  );
  for (const { treatment, trials, positives } of commit.learned) {
    const [before, hits] = telling.evidence.get(treatment) ?? [0, 0];
    telling.evidence.set(treatment, [before + trials, hits + positives]);
  }
  telling.brought = nothingBrought();
  if (comparePositions(telling.position, commit.position) < 0) telling.position = commit.position;
}

function decide({ telling, differ }: CommitCheck, record: DecisionRecord, asks: ReadonlyMap<DecisionId, Asked>): void {
  const { rulebook } = telling.book;
  countCampaign(telling, record);
  for (const { line, granted, spent } of spendLines(telling.ledger, rulebook.quotas, record)) {
    if (spent > granted)
      differ("S3", record.key, `quota ${line} after decision ${record.id}`, spent, `at most ${granted}`);
  }
  const known = toldOf(telling, record.key);
  if (known === undefined) {
    telling.brought.isWhole = false;
    return;
  }
  checkDecision(telling, known, record, asks.get(record.id), differ);
  tellDecision(telling, known, record);
  for (const { limit, count, max } of capsExceeded(known, record, decidingRulebook(telling, record))) {
    differ("S3", record.key, `limit ${limit} after decision ${record.id}`, count, `at most ${max}`);
  }
}

/** Each trigger is decided once, in the commit that takes in what brought it about; nothing else says that it was triggered. */
function checkAsked({ telling, differ }: CommitCheck, seq: CommitSeq, decisions: readonly DecisionRecord[]): void {
  const found = new Set<DecisionId>();
  for (const { id, key } of decisions) {
    if (found.has(id)) differ("S2", key, `commit ${seq}: decision ${id}`, "twice", "once");
    found.add(id);
  }
  const expected = new Map<DecisionId, Asked>();
  for (const asked of telling.brought.asks) {
    if (expected.has(asked.decision)) continue;
    expected.set(asked.decision, asked);
    if (asked.isUnsure || found.has(asked.decision)) continue;
    const { trigger, source, event } = asked;
    differ("S1", asked.key, `commit ${seq}: decision ${asked.decision}`, "nothing", { trigger, source, event });
  }
  for (const { id, key, trigger } of decisions) {
    if (trigger === undefined || expected.has(id) || !isTold(telling, key)) continue;
    differ("S1", key, `commit ${seq}: decision ${id}`, trigger, "nothing that asked for it");
  }
}

function checkBrought({ telling, differ }: CommitCheck, seq: CommitSeq, commit: CommitRecord): void {
  const { brought } = telling;
  const named = ({ key, trackingCode, because }: CommitRecord["withdrawals"][number]): string =>
    `${trackingCode} of ${key}: ${because}`;
  const found = commit.withdrawals.filter(({ key }) => isTold(telling, key)).map(named);
  const say = (withdrawal: string, times: number, expected: number): void =>
    differ("S2", undefined, `commit ${seq}: withdrawal ${withdrawal}`, `${times} times`, `${expected} times`);
  compareTimes(found, brought.withdrawals.map(named), say);
  if (!brought.isWhole) return;
  const learned = ({ treatment, trials, positives }: CommitRecord["learned"][number]): string =>
    `${treatment} ${trials} ${positives}`;
  compareTimes(commit.learned.map(learned), brought.learned.map(learned), (what, times, expected) =>
    differ("S1", undefined, `commit ${seq}: learned ${what}`, `${times} times`, `${expected} times`),
  );
}

function isTold(telling: Telling, key: CustomerKey): boolean {
  return toldOf(telling, key) !== undefined;
}

function compareTimes(
  found: readonly string[],
  expected: readonly string[],
  say: (what: string, found: number, expected: number) => void,
): void {
  const times = new Map<string, [number, number]>();
  for (const [side, list] of [found, expected].entries()) {
    for (const one of list) {
      const both = times.get(one) ?? [0, 0];
      times.set(one, both);
      both[side as 0 | 1]++;
    }
  }
  for (const [what, [theirs, ours]] of times) if (theirs !== ours) say(what, theirs, ours);
}

/** W9: the index finds every decision, where it is; one that retention let go it has forgotten together with its commit. */
async function checkIndexed(
  { source, differ }: CommitCheck,
  seq: CommitSeq,
  decisions: readonly DecisionRecord[],
): Promise<void> {
  const found = await source.indexed(decisions.map(({ id }) => id));
  for (const [nth, { id, key, contacts }] of decisions.entries()) {
    const expected = `${seq} ${contacts.length} ${key}`;
    if (found[nth] === undefined && seq < (await source.keptFrom())) continue;
    if (found[nth] !== expected) differ("S2", key, `decision index ${id}`, found[nth], expected);
  }
}
