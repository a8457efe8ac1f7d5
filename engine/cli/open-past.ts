// Where a what-if takes its past and its rulebooks from: a running Redis, or a file and folders.

import type { RulebookHash } from "../domain/ids.ts";
import { CONFIG_KEY } from "../journal/keys.ts";
import { text } from "../journal/redis.ts";
import { createRulebookLibrary, readLocalRulebook } from "../partition/rulebook-library.ts";
import { formatFault } from "../rulebook/fault.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Past } from "../sandbox/past.ts";
import { readPast } from "../sandbox/read-past.ts";
import { createScorer, type Scorer } from "../score/scorer.ts";
import { openRedis } from "./open-redis.ts";
import { pastJournal } from "./past-journal.ts";
import { readRulebookFolder, UnreadableRulebook } from "./read-rulebook.ts";
import { CommandTrouble } from "./terminal.ts";

export interface BookToRun {
  /** As shown: a folder, or the first digits of a hash. */
  readonly name: string;
  readonly rulebook: Rulebook;
  readonly scorer: Scorer;
}

/** Nothing is late here: a model answers, however long it takes. */
const PATIENT = { slowMs: Number.POSITIVE_INFINITY, strikesMax: Number.POSITIVE_INFINITY };

/** @throws CommandTrouble with every fault. */
export async function bookOfFolder(dir: string, modelsDir: string): Promise<BookToRun> {
  const files = await readRulebookFolder(dir).catch((error: unknown) => {
    throw error instanceof UnreadableRulebook ? new CommandTrouble(error.message, 2) : error;
  });
  const local = await readLocalRulebook(files, modelsDir);
  if (local.kind === "faulty") {
    const told = local.faults.map((fault) => formatFault(fault, dir)).join("\n");
    throw new CommandTrouble(`${dir} has faults:\n${told}`, 1);
  }
  const names = local.rulebook.features.map(({ name }) => name);
  const scorer = createScorer(local.models, names, PATIENT);
  if (scorer.kind === "faulty")
    throw new CommandTrouble(scorer.faults.map((fault) => formatFault(fault)).join("\n"), 1);
  return { name: dir, rulebook: local.rulebook, scorer: scorer.scorer };
}

export interface PastOfRedis {
  readonly past: Past;
  /** The rulebook that is active there. */
  readonly active: BookToRun;
}

/** Of REDIS_URL, and before what it holds of ARCHIVE_DIR. Reads, and takes no part. @throws CommandTrouble where Redis holds no engine's data. */
export async function pastOfRedis(onRead: (count: number) => void): Promise<PastOfRedis> {
  const { connection, partitions } = await openRedis();
  try {
    const genesis = text(await connection.command(["HGET", CONFIG_KEY, "genesis"])) as RulebookHash;
    const journal = await pastJournal(connection, process.env);
    const library = createRulebookLibrary(connection, PATIENT);
    const rulebook = async (hash: RulebookHash): Promise<Rulebook> => (await library.get(hash)).rulebook;
    const past = await readPast({ journal, partitions, rulebook, onRead });
    const hash = past.activated ?? genesis;
    const found = await library.get(hash);
    return { past, active: { name: hash.slice(0, 12), rulebook: found.rulebook, scorer: found.scorer } };
  } finally {
    connection.close();
  }
}
