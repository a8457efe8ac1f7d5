// The tail against a journal in memory: whoever commits, wherever a partition moves, each commit is told once and in order.
import fc from "fast-check";
import { afterEach, expect, it, vi } from "vitest";
import type { DecisionRecord, Withdrawal } from "../../engine/domain/decision.ts";
import type { CommitSeq, CustomerKey, PartitionIndex, Position, TrackingCode } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { Committed, Ownership } from "../../engine/engine.ts";
import { encodeCommit } from "../../engine/journal/commit-record.ts";
import { RedisTrouble } from "../../engine/journal/redis.ts";
import { createJournalTail, type JournalTail } from "../../engine/peer/journal-tail.ts";
import type { JournalReader } from "../../engine/peer/read-journals.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 2_000 : 60;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const PARTITION = 0 as PartitionIndex;
const PAGE = 3;

/** One partition, its journal and where it is owned; `commit` does what an owner does. */
class World {
  readonly journal: { seq: CommitSeq; payload: Buffer }[] = [];
  owner: Ownership = { kind: "there", address: "b:1" };
  /** Commits of this process that are in the journal and not published yet. */
  readonly unpublished: Committed[] = [];
  isBroken = false;
  /** So long the answer which commit is the last is under way. */
  answersLateMs = 0;
  #listener: (committed: Committed) => void = () => undefined;

  /** Number of the next commit, where a new owner begins to count anew. */
  next: number | undefined;

  get last(): CommitSeq {
    return (this.journal.at(-1)?.seq ?? 0) as CommitSeq;
  }

  commit(): void {
    const seq = (this.next ?? this.last + 1) as CommitSeq;
    const after = this.next === undefined ? {} : { after: this.last };
    this.next = undefined;
    const withdrawals: Withdrawal[] = [
      { key: "ana" as CustomerKey, trackingCode: `t${seq}` as TrackingCode, because: "expired" },
    ];
    const decisions: DecisionRecord[] = [];
    const at = { position: "1-0" as Position, now: 1 as Instant };
    this.journal.push({ seq, payload: encodeCommit({ ...at, decisions, withdrawals, learned: [], ...after }) });
    if (this.owner.kind === "here") this.unpublished.push({ partition: PARTITION, seq, decisions, withdrawals });
  }

  publish(): void {
    for (const committed of this.unpublished.splice(0)) this.#listener(committed);
  }

  /** What a Redis that lost its tail holds. */
  forget(count: number): void {
    this.journal.splice(this.journal.length - count);
  }

  readonly reader: JournalReader = {
    read: async (journals, blockMs) => {
      await pause(1);
      if (this.isBroken) return [{ kind: "trouble", partition: PARTITION, error: new RedisTrouble("cut") }];
      const [{ after } = { after: 0 }] = journals;
      const commits = this.journal.filter(({ seq }) => seq > after).slice(0, PAGE);
      if (commits.length === 0 && blockMs > 0) await pause(1);
      return [{ kind: "read", partition: PARTITION, commits, isLast: commits.length < PAGE }];
    },
    stop: () => undefined,
  };

  tail(): JournalTail {
    return createJournalTail({
      engine: {
        ownership: () => this.owner,
        onCommitted: (listener) => {
          this.#listener = listener;
        },
      },
      lastCommit: async () => {
        await pause(1);
        if (this.isBroken) throw new RedisTrouble("cut");
        const { last } = this;
        await pause(this.answersLateMs);
        return last;
      },
      reader: this.reader,
      log: { warn: () => undefined },
    });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const tails: JournalTail[] = [];
afterEach(() => {
  for (const tail of tails.splice(0)) tail.stop();
  vi.useRealTimers();
});

function follow(world: World, concerns: () => boolean = () => true) {
  const told: number[] = [];
  const codes: string[] = [];
  let lost = 0;
  const tail = world.tail();
  tails.push(tail);
  tail.listen({
    onCommitted: ({ seq, withdrawals }) => {
      told.push(seq);
      codes.push(...withdrawals.map(({ trackingCode }) => trackingCode));
    },
    concerns,
    onLost: () => void lost++,
  });
  return { tail, told, codes, lost: () => lost, following: tail.follow(PARTITION) };
}

const act = fc.oneof(
  { weight: 4, arbitrary: fc.constant("commit" as const) },
  { weight: 3, arbitrary: fc.constant("publish" as const) },
  { weight: 2, arbitrary: fc.constant("move" as const) },
  { weight: 1, arbitrary: fc.constant("break" as const) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 120 }) },
);

it(`ANY-3 each commit is told once and in order, however a partition moves (NBA_SEED=${SEED})`, async () => {
  vi.useFakeTimers();
  const check = async (before: number, acts: readonly ("commit" | "publish" | "move" | "break" | number)[]) => {
    const world = new World();
    for (let n = 0; n < before; n++) world.commit();
    const { tail, told, codes, lost, following } = follow(world);
    const placing = following.placed.catch(() => "broken");
    await vi.advanceTimersByTimeAsync(5);
    const placed = await placing;
    expect(placed).toBe(before);
    for (const one of acts) {
      if (one === "commit") world.commit();
      else if (one === "publish") world.publish();
      else if (one === "move") {
        world.owner = world.owner.kind === "here" ? { kind: "there", address: "c:1" } : { kind: "here" };
        world.next = world.last + 1_000;
      } else if (one === "break") world.isBroken = !world.isBroken;
      else await vi.advanceTimersByTimeAsync(one);
    }
    world.isBroken = false;
    world.publish();
    await vi.advanceTimersByTimeAsync(2_000);
    const expected = world.journal.map(({ seq }) => seq).filter((seq) => seq > before);
    expect(told).toEqual(expected);
    expect(codes).toEqual(expected.map((seq) => `t${seq}`));
    expect(lost()).toBe(0);
    tail.stop();
    await vi.advanceTimersByTimeAsync(300);
  };
  await fc.assert(fc.asyncProperty(fc.nat(5), fc.array(act, { maxLength: 40 }), check), { numRuns: RUNS, seed: SEED });
});

it("a commit of this process whose owner was killed before it told anybody is told by the next owner's journal", async () => {
  const world = new World();
  world.owner = { kind: "here" };
  const { told, following } = follow(world);
  await following.placed;
  world.commit();
  world.unpublished.splice(0);
  world.owner = { kind: "there", address: "b:1" };
  world.commit();
  await expect.poll(() => told).toEqual([1, 2]);
});

it("what concerns nobody is not decoded, and not told", async () => {
  const world = new World();
  const { told, following } = follow(world, () => false);
  await following.placed;
  world.journal.push({ seq: 1 as CommitSeq, payload: Buffer.from("not a commit") });
  await pause(150);
  expect(told).toEqual([]);
});

it("says that frames are lost where the journal was trimmed before it was read, or Redis has lost its end", async () => {
  const world = new World();
  for (let n = 0; n < 5; n++) world.commit();
  const { told, lost, following } = follow(world);
  await following.placed;
  world.commit();
  world.commit();
  world.journal.splice(0, 6); // commit 6 is gone before anybody read it
  await expect.poll(() => told).toEqual([7]);
  expect(lost()).toBe(1);
  world.isBroken = true;
  await pause(10);
  world.forget(1);
  world.isBroken = false;
  await expect.poll(lost).toBe(2);
  for (let n = 0; n < 2; n++) world.commit();
  await expect.poll(() => told).toEqual([7, 1, 2]);
});

it("a commit that is told while the last one is asked for is not told again, and nothing is lost", async () => {
  const world = new World();
  const { told, following, lost } = follow(world);
  await following.placed;
  for (let n = 0; n < 2; n++) world.commit();
  await vi.waitFor(() => expect(told).toEqual([1, 2]));
  world.answersLateMs = 60;
  world.owner = { kind: "here" }; // another owner: it is looked whether the journal still holds what was told
  await pause(20);
  world.commit();
  world.publish();
  expect(told).toEqual([1, 2, 3]);
  await pause(150);
  world.commit();
  world.publish();
  expect(told).toEqual([1, 2, 3, 4]);
  expect(lost()).toBe(0);
});

it("whoever stops is told nothing more; the next follower begins at the end", async () => {
  const world = new World();
  const { tail, told, following } = follow(world);
  await following.placed;
  following.stop();
  following.stop();
  world.commit();
  const next = tail.follow(PARTITION);
  expect(await next.placed).toBe(1);
  world.commit();
  await expect.poll(() => told).toEqual([2]);
});

it("rejects where the journal cannot be asked, and goes on by itself once it can", async () => {
  const world = new World();
  world.isBroken = true;
  const { told, following } = follow(world);
  await expect(following.placed).rejects.toThrow("cut");
  world.isBroken = false;
  await pause(400);
  world.commit();
  await expect.poll(() => told).toEqual([1]);
});
