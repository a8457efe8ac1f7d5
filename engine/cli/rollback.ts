import { Command } from "commander";
import type { RulebookHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import { type Activation, activate, activations, previousOf } from "../partition/activations.ts";
import { createRulebookLibrary } from "../partition/rulebook-library.ts";
import { openRedis } from "./open-redis.ts";
import { CommandTrouble, printJson, printLine } from "./terminal.ts";

interface Flags {
  readonly list: boolean;
  readonly json: boolean;
}

export function rollbackCommand(): Command {
  return new Command("rollback")
    .description("activate the rulebook that was active before; every engine on this Redis runs it at once")
    .argument("[hash]", "of another rulebook that Redis holds, or its first digits")
    .option("--to <which>", "previous: the one before the present one (default)")
    .option("--list", "only list what was active when", false)
    .option("--json", "print it as JSON", false)
    .addHelpText(
      "after",
      "\nReads REDIS_URL; unset: the Redis of an engine or demo that runs from this folder." +
        "\nRULES_DIR stays as it is: the next reload activates what is there." +
        "\n\nExample:\n  npx nba rollback",
    )
    .action(rollback);
}

async function rollback(wanted: string | undefined, flags: Flags & { readonly to?: string }): Promise<void> {
  if (flags.to !== undefined && (flags.to !== "previous" || wanted !== undefined)) {
    throw new CommandTrouble(`--to ${flags.to}: write --to previous, or the hash of a rulebook alone`, 2);
  }
  const { connection, partitions } = await openRedis();
  try {
    const history = await activations(connection);
    if (flags.list) list(history, flags.json);
    else await goBack(connection, partitions, chosen(history, wanted), history, flags.json);
  } finally {
    connection.close();
  }
}

function chosen(history: readonly Activation[], wanted: string | undefined): RulebookHash {
  if (wanted === undefined) {
    const previous = previousOf(history);
    if (previous === undefined) throw new CommandTrouble("no other rulebook was active before", 1);
    return previous.hash;
  }
  if (!/^[0-9a-f]{6,64}$/.test(wanted)) {
    throw new CommandTrouble(`"${wanted}" is no hash of a rulebook: write at least its first 6 hexadecimal digits`, 2);
  }
  const found = new Set(history.map(({ hash }) => hash).filter((hash) => hash.startsWith(wanted)));
  if (found.size > 1) throw new CommandTrouble(`"${wanted}" begins ${found.size} rulebooks: write more digits`, 2);
  const [hash] = found;
  if (hash !== undefined) return hash;
  if (wanted.length === 64) return wanted as RulebookHash;
  throw new CommandTrouble(`no rulebook that begins with "${wanted}" was ever active here: nba rollback --list`, 1);
}

async function goBack(
  connection: RedisConnection,
  partitions: number,
  hash: RulebookHash,
  history: readonly Activation[],
  json: boolean,
): Promise<void> {
  const active = await createRulebookLibrary(connection, {}).find(hash);
  if (active === undefined) throw new CommandTrouble(`this Redis holds no rulebook ${hash}`, 1);
  if (active.isVariant) throw new CommandTrouble(`${hash} is a variant: it decides for an arm only`, 1);
  const journal = createRedisJournal({ connection, owner: "rollback", leaseMs: 0, address: "" });
  const at = Date.now() as Instant;
  const { version } = active.rulebook;
  const told = await activate(connection, journal, partitions, { hash, version, by: "cli", at });
  const untold = told.flatMap((position, partition) => (position === undefined ? [partition] : []));
  const from = history.at(-1)?.hash;
  if (json) printJson({ hash, version, from, untold });
  else {
    printLine(`activated ${hash} (version ${version}) on ${partitions} partitions`);
    if (from !== undefined) printLine(`before: ${from}`);
    if (untold.length > 0) printLine(`partitions ${untold.join(", ")} could not be told; the engine will tell them`);
    printLine("RULES_DIR is unchanged: the next reload activates what it holds");
  }
}

function list(history: readonly Activation[], json: boolean): void {
  if (json) printJson({ activations: history.map(({ hash, version, by, at }) => ({ hash, version, by, at })) });
  else if (history.length === 0) printLine("nothing was ever active on this Redis");
  for (const { entry, hash, version, by, at } of json ? [] : history) {
    const when = entry === undefined ? "at the start           " : new Date(at).toISOString();
    printLine(`${when}  ${hash}  ${version.padEnd(16)} by ${by}`);
  }
}
