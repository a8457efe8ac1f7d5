// Commits of partitions that somebody here follows, wherever they are owned: each once, in order, none left out. Those of this
// process are told as it publishes them; those of other engines are read from their journals. One number for each partition,
// the last commit that was told, makes both one sequence: whatever comes again is skipped, whatever is missing is read.
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import type { Committed, Engine, Ownership } from "../engine.ts";
import { decodeCommit, follows } from "../journal/commit-record.ts";
import type { Log } from "../observe/log.ts";
import { isTrouble } from "../partition/trouble.ts";
import type { JournalPage, JournalReader } from "./read-journals.ts";

export interface TailListener {
  readonly onCommitted: (committed: Committed) => void;
  /** May a commit with these bytes be of interest? Most are not, and need not be decoded. */
  readonly concerns: (partition: PartitionIndex, payload: Buffer) => boolean;
  /** Commits of this partition are gone that were never told: whoever follows it has to look afresh. */
  readonly onLost: (partition: PartitionIndex) => void;
}

export interface Following {
  /** Resolves once every commit from now on will be told, with the last one before. Rejects where the journal cannot be asked. */
  readonly placed: Promise<CommitSeq>;
  /** Only the first call counts. */
  readonly stop: () => void;
}

export interface JournalTail {
  readonly follow: (partition: PartitionIndex) => Following;
  /** There is one listener; the last one given. */
  readonly listen: (listener: TailListener) => void;
  readonly stop: () => void;
}

export interface JournalTailOptions {
  readonly engine: Pick<Engine, "ownership" | "onCommitted">;
  /** The last commit of a partition, whoever owns it. */
  readonly lastCommit: (partition: PartitionIndex) => Promise<CommitSeq>;
  readonly reader: JournalReader;
  readonly log: Pick<Log, "warn">;
}

interface Followed {
  followers: number;
  /** Undefined until it is placed. */
  told: CommitSeq | undefined;
  placing: Promise<CommitSeq> | undefined;
  /** What is told by the owner may have been missed here: it is read until nothing more is there. */
  isBehind: boolean;
  /** Whether the journal still holds what was told is to be looked at: its owner or the connection changed. */
  isSuspect: boolean;
  owner: string;
  /** On the clock of performance.now(): after trouble it is left alone for a moment. */
  restsUntil: number;
  /** On the same clock. */
  readAt: number;
}

/** How long a read of journals waits, and how soon a change of owners is noticed. */
const BLOCK_MS = 50;
const RETRY_MS = 200;
/** Journals of partitions owned here are read so often: one that went and came back between two looks may have commits of others. */
const READ_OWN_MS = 1_000;
const SAY_AGAIN_MS = 5_000;

export function createJournalTail(options: JournalTailOptions): JournalTail {
  const { engine, lastCommit, reader, log } = options;
  const followed = new Map<PartitionIndex, Followed>();
  let listener: TailListener | undefined;
  let isStopped = false;
  let isPumping = false;
  let saidAt = Number.NEGATIVE_INFINITY;
  let wake = (): void => undefined;

  engine.onCommitted((committed) => {
    const one = followed.get(committed.partition);
    if (one?.told === undefined || committed.seq <= one.told) return;
    if (committed.seq > one.told + 1) {
      one.isBehind = true;
      return wake();
    }
    one.told = committed.seq;
    listener?.onCommitted(committed);
  });

  const place = (partition: PartitionIndex, one: Followed): Promise<CommitSeq> => {
    one.placing ??= lastCommit(partition)
      .then((seq) => {
        one.told = seq;
        one.isBehind = true; // what this process committed meanwhile was told to nobody
        wake();
        return seq;
      })
      .finally(() => {
        one.placing = undefined;
      });
    return one.placing;
  };

  const tell = (partition: PartitionIndex, one: Followed, seq: CommitSeq, payload: Buffer): void => {
    const { told = 0 as CommitSeq } = one;
    if (seq <= told) return;
    // A new owner numbers its commits from a number of its own on, and names the one before.
    const record = seq === told + 1 ? undefined : decodeCommit(payload);
    if (record !== undefined && !follows(told, seq, record)) listener?.onLost(partition);
    one.told = seq;
    if (listener?.concerns(partition, payload) !== true) return;
    const { decisions, withdrawals } = record ?? decodeCommit(payload);
    listener.onCommitted({ partition, seq, decisions, withdrawals });
  };

  const tellPage = (page: JournalPage): void => {
    const { partition } = page;
    const one = followed.get(partition);
    if (one?.told === undefined) return;
    if (page.kind === "trouble") {
      rest(one, page.error);
      return;
    }
    for (const { seq, payload } of page.commits) tell(partition, one, seq, payload);
    one.readAt = performance.now();
    if (!page.isLast) one.isBehind = true;
  };

  /** Throws what is no trouble of the surroundings. */
  const rest = (one: Followed, error: unknown): void => {
    if (!isTrouble(error) && (error as Error).name !== "Unavailable") throw error;
    one.isBehind = one.isSuspect = true;
    one.restsUntil = performance.now() + RETRY_MS;
    if (isStopped || performance.now() - saidAt < SAY_AGAIN_MS) return;
    saidAt = performance.now();
    log.warn("journals cannot be followed just now", { why: (error as Error).message });
  };

  /** A Redis that lost what it had acknowledged counts its commits again from where it stands. */
  const lookAfresh = async (partition: PartitionIndex, one: Followed): Promise<void> => {
    one.isSuspect = false;
    const before = one.told;
    const last = await lastCommit(partition);
    // What was told meanwhile may be beyond this answer: it is no sign of a loss, nor is it told again.
    if (before === undefined || last >= before) return;
    if (one.told === before) one.told = last;
    listener?.onLost(partition);
  };

  /** Whether its journal is to be read now. */
  const prepare = async (partition: PartitionIndex, one: Followed): Promise<boolean> => {
    if (performance.now() < one.restsUntil) return false;
    const owner = nameOf(engine.ownership(partition));
    if (owner !== one.owner) one.isBehind = one.isSuspect = true;
    one.owner = owner;
    try {
      if (one.told === undefined) await place(partition, one);
      if (one.isSuspect) await lookAfresh(partition, one);
    } catch (error) {
      rest(one, error);
      return false;
    }
    return owner !== HERE || one.isBehind || performance.now() - one.readAt > READ_OWN_MS;
  };

  const pump = async (): Promise<void> => {
    isPumping = true;
    while (followed.size > 0 && !isStopped) {
      const open: { partition: PartitionIndex; after: CommitSeq }[] = [];
      let isBehind = false;
      for (const [partition, one] of followed) {
        if (!(await prepare(partition, one))) continue;
        open.push({ partition, after: one.told as CommitSeq });
        isBehind ||= one.isBehind || one.owner === HERE;
        one.isBehind = false; // what falls behind from now on this read may not see
      }
      if (open.length === 0) await pause(BLOCK_MS);
      else for (const page of await reader.read(open, isBehind ? 0 : BLOCK_MS)) tellPage(page);
    }
    isPumping = false;
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  return {
    follow: (partition) => {
      const one = followed.get(partition) ?? newFollowed(nameOf(engine.ownership(partition)));
      followed.set(partition, one);
      one.followers++;
      const placed = one.told === undefined ? place(partition, one) : Promise.resolve(one.told);
      if (!isPumping) void pump();
      let isFollowing = true;
      const stop = (): void => {
        if (!isFollowing) return;
        isFollowing = false;
        one.followers--;
        if (one.followers === 0) followed.delete(partition);
      };
      return { placed, stop };
    },
    listen: (given) => {
      listener = given;
    },
    stop: () => {
      isStopped = true;
      reader.stop();
      wake();
    },
  };
}

const HERE = "here";

function nameOf(owner: Ownership): string {
  return owner.kind === "there" ? `there ${owner.address}` : owner.kind;
}

function newFollowed(owner: string): Followed {
  return {
    followers: 0,
    told: undefined,
    placing: undefined,
    isBehind: false,
    isSuspect: false,
    owner,
    restsUntil: 0,
    readAt: 0,
  };
}
