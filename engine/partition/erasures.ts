// Erasures from the request to the end: asked for by an entry of the log, carried out over the partitions of this process by
// erase-pass.ts, and done once Redis has written its files anew.
import type { CustomerKey } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { encodeErase } from "../ingest/erase-entry.ts";
import { createErasures, type ErasureField, type ErasureState, fieldOf } from "../journal/erasures.ts";
import { LIMITS } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import type { Archived } from "./erase-archive.ts";
import { type ErasePass, erasePass, forgetErased, readyToErase } from "./erase-pass.ts";
import { aloneOfAll } from "./erase-shared.ts";
import { heardSince } from "./heard-since.ts";
import type { OneAtATime } from "./one-at-a-time.ts";
import type { Erasing, Partition } from "./partition.ts";
import { type RewriteFilesOptions, rewriteFiles } from "./rewrite-files.ts";
import type { Session } from "./session.ts";

/** An entry that was announced and is not found in the log by then may have been lost on its way; a failover may lose it later. */
const LOST_MS: Readonly<Record<ErasureState, number>> = {
  announced: 1_000,
  asked: 15_000,
  passed: 15_000,
  rewritten: Number.POSITIVE_INFINITY,
  done: Number.POSITIVE_INFINITY,
};
const TELL_MS = 1_000;
/** The notes of all erasures of a month are read so often where none of this engine's waits for the end: a killed engine may have left one. */
const LOOK_AFTER_MS = 30_000;

/**
 * Notes the erasure in the log of the key, unless one is under way. `isKnown`: is something known of the key? Where an
 * erasure is done and nothing new was accepted since, there is nothing to do.
 */
export async function erase(
  session: Pick<Session, "connection" | "journal"> & { readonly context: Pick<Session["context"], "partitions"> },
  key: CustomerKey,
  clock: () => number,
  isKnown: () => Promise<boolean>,
): Promise<"under-way" | "erased"> {
  const erasures = createErasures(session.connection, clock);
  const partition = partitionOf(key, session.context.partitions);
  const erasure = await erasures.idOf(key);
  const noted = (await erasures.all()).filter((field) => field.erasure === erasure);
  const isDone = noted.length > 0 && noted.every(({ state }) => state === "done");
  if (isDone && !(await isKnown())) {
    const place = { partition, partitions: session.context.partitions };
    const heard = await heardSince(session.journal, place, key, Math.min(...noted.map(({ at }) => at)));
    if (heard !== "come-again") return heard === "nothing" ? "erased" : "under-way";
  }
  const own = noted.find((field) => field.field === fieldOf(erasure, partition, erasure));
  const isLost = own !== undefined && clock() - own.at > LOST_MS[own.state];
  if (noted.length > 0 && !isDone && !isLost) return "under-way";
  // Announced before: the pass may be over before the answer to the entry is here.
  await erasures.note(erasure, partition, key, "announced");
  await session.journal.append(partition, encodeErase(key, erasure));
  return "under-way";
}

export interface ErasureOptions {
  readonly clock: () => number;
  readonly erasurePollMs: number;
  readonly log: Log;
  readonly archived?: (place: Session["context"]) => Archived | undefined;
  /** Of this engine, among all. */
  readonly owner: string;
}

/** Looks now and then whether something is to be erased; returns how to stop it. */
export function startErasures(
  session: Session,
  { clock, erasurePollMs, log, owner, archived }: ErasureOptions,
): () => void {
  let isStopped = false;
  let isRunning = false;
  let isFinishing = true;
  let lookedAt = clock();
  const pass: ErasePass = {
    connection: session.connection,
    owner,
    journal: session.journal,
    archived: archived?.(session.context),
    erasures: createErasures(session.connection, clock),
    passed: new WeakSet(),
    partitions: session.context.partitions,
    seed: session.context.seed,
    channels: () => channelsOf(session),
    isOver: (partition) => isStopped || session.owned(partition.index) !== partition || session.isLost(partition),
  };
  const onLeft = (why: string): void => log.warn("an erasure is done, but for the snapshot of Redis", { why });
  const tellAll = createTelling(pass, session);
  /** Nothing is lost where it fails: the checkpoints still name who is to be erased. */
  const saying = async (work: () => Promise<void>): Promise<void> => {
    try {
      if (!isStopped) await work();
    } catch (error) {
      const { name, message } = error as Error;
      if (!isStopped && name !== "Busy") log.warn("an erasure could not go on yet", { why: message });
    }
  };
  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      for (const partition of session.partitions) {
        await saying(async () => {
          if (await eraseIn(pass, session.alone, partition)) isFinishing = true;
        });
      }
      if (!isFinishing && clock() - lookedAt < LOOK_AFTER_MS) return;
      await saying(async () => {
        const isLeft = await concludePassed(pass, session);
        await finish(pass, clock, { isStopped: () => isStopped, onLeft });
        // Not where another engine was at it: then it is tried again at the next look.
        isFinishing = isLeft;
        lookedAt = clock();
      });
    } finally {
      isRunning = false;
    }
  };
  const looking = setInterval(() => void run(), erasurePollMs);
  const telling = setInterval(() => void saying(tellAll), Math.min(erasurePollMs, TELL_MS));
  return () => {
    isStopped = true;
    clearInterval(looking);
    clearInterval(telling);
  };
}

/** True where something was erased, and waits for the files. */
async function eraseIn(pass: ErasePass, alone: OneAtATime, partition: Partition): Promise<boolean> {
  if (partition.erasing.length === 0) return false;
  const ready = await readyToErase(pass, partition);
  if (ready.length === 0) return false;
  await alone(partition.index, () => erasePass(pass, partition, ready));
  await forgetErased(pass, partition, ready);
  return true;
}

/** Now and then it is told of each erasure that was found in a log that somebody is at it, or it would be asked for again. */
function createTelling({ erasures, passed }: ErasePass, session: Session): () => Promise<void> {
  const toldAt = new WeakMap<Erasing, number>();
  return async () => {
    for (const { index, erasing } of session.partitions) {
      for (const one of erasing) {
        if (passed.has(one) || performance.now() - (toldAt.get(one) ?? Number.NEGATIVE_INFINITY) < TELL_MS) continue;
        toldAt.set(one, performance.now());
        await erasures.note(one.erasure, index, one.key, "asked");
      }
    }
  };
}

/**
 * Whoever had passed over a partition may have been killed when its checkpoint was stored, and had no time to say so: its next
 * owner does, whose checkpoint names the key no more. True where it is left to others, or to a pass that is done again.
 */
async function concludePassed({ erasures, isOver }: ErasePass, session: Session): Promise<boolean> {
  const passed = (await erasures.all()).filter(({ state }) => state === "passed");
  const concluded: ErasureField[] = [];
  for (const field of passed) {
    const partition = session.owned(field.partition);
    if (partition === undefined || isOver(partition)) continue;
    const named = await Promise.all(
      partition.erasing.map(async ({ erasure, key }) => fieldOf(erasure, field.partition, await erasures.idOf(key))),
    );
    if (!named.includes(field.field)) concluded.push(field);
  }
  await erasures.set(concluded, "rewritten");
  return concluded.length < passed.length;
}

/** What is in no stream any more is still in the files of Redis: they are written anew, for all erasures at once. */
async function finish(
  { connection, owner, erasures }: ErasePass,
  clock: () => number,
  files: RewriteFilesOptions,
): Promise<void> {
  const all = await erasures.all();
  const old = all.filter(({ state, at }) => state === "done" && clock() - at > LIMITS.erasureKnownMs);
  await erasures.forget(old);
  const waiting = all.filter(({ state }) => state === "rewritten");
  if (waiting.length === 0) return;
  await aloneOfAll({ connection, owner }, async () => {
    for (const node of connection.cluster?.masters() ?? [connection.command]) await rewriteFiles(node, files);
    await erasures.set(await stillWaiting(erasures.all, waiting), "done");
  });
}

/** Not those that were asked for again meanwhile. */
async function stillWaiting(
  all: () => Promise<readonly ErasureField[]>,
  waiting: readonly ErasureField[],
): Promise<readonly ErasureField[]> {
  const now = new Map((await all()).map((field) => [field.field, field]));
  return waiting.filter(({ field, at }) => now.get(field)?.state === "rewritten" && now.get(field)?.at === at);
}

/** Of every rulebook that runs here: a channel that was given up long ago is bounded by its length. */
function channelsOf(session: Session): readonly string[] {
  const names = session.library.all().flatMap(({ rulebook }) => rulebook.channels.map(({ name }) => name));
  return [...new Set(names)];
}
