import { Command, Option } from "commander";
import { DEAD_REASONS } from "../domain/event.ts";
import type { PartitionIndex } from "../domain/ids.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import { type DeadLetter, type LetterFilter, readLetters } from "./dead-letters.ts";
import { openRedis } from "./open-redis.ts";
import { retryLetter } from "./retry-letter.ts";
import { CommandTrouble, formatTable, paintFor, printJson, printLine } from "./terminal.ts";

interface Flags {
  readonly reason?: string;
  readonly partition?: string;
  readonly since?: string;
  readonly limit: string;
  readonly json: boolean;
}

export function deadCommand(): Command {
  const dead = new Command("dead")
    .description("what the engine could not use: entries that it refused, messages that never left it")
    .addHelpText(
      "after",
      "\nExamples:\n  npx nba dead list --reason poison\n  npx nba dead retry --since 2026-11-22T08:00Z",
    );
  dead.addCommand(
    filtered("list", "dead letters, with reason and position")
      .addHelpText(
        "after",
        "\nPayloads are printed with --json only: they hold what customers sent.\n\nExample:\n  npx nba dead list",
      )
      .action(list),
  );
  dead.addCommand(
    filtered(
      "retry",
      "give the engine another go at them: sent again under the same id; what was not delivered is asked for again",
    )
      .addHelpText(
        "after",
        "\nExits 1 where a letter had to stay.\n\nExample:\n  npx nba dead retry --reason attribute-type",
      )
      .action(retry),
  );
  return dead;
}

function filtered(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option("--reason <reason>", "only those of this reason").choices(DEAD_REASONS))
    .option("--partition <number>", "only those of this partition")
    .option("--since <time>", "only those written since, such as 2026-11-22T08:00Z")
    .option("--limit <count>", "at most so many", "100")
    .option("--json", "print it as JSON", false);
}

async function list(flags: Flags): Promise<void> {
  const { connection, partitions } = await openRedis();
  try {
    const letters = await readLetters(connection, partitions, filterOf(flags, partitions));
    if (flags.json) printJson({ letters: letters.map(written) });
    else if (letters.length === 0) printLine("no dead letters");
    else printLine(table(letters));
  } finally {
    connection.close();
  }
}

async function retry(flags: Flags): Promise<void> {
  const { connection, partitions } = await openRedis();
  try {
    const journal = createRedisJournal({ connection, owner: "dead", leaseMs: 0, address: "" });
    const letters = await readLetters(connection, partitions, filterOf(flags, partitions));
    const left: { readonly id: string; readonly stream: string; readonly why: string }[] = [];
    for (const letter of letters) {
      const result = await retryLetter(connection, journal, partitions, letter);
      if (result.kind === "left") left.push({ id: letter.id, stream: letter.stream, why: result.why });
    }
    const retried = letters.length - left.length;
    if (flags.json) printJson({ retried, left });
    else {
      printLine(`${retried} of ${letters.length} dead letters were given back to the engine`);
      for (const { stream, id, why } of left) printLine(`${stream} ${id} stays: ${why}`);
    }
    if (left.length > 0) throw new CommandTrouble(`${left.length} dead letters stay`, 1);
  } finally {
    connection.close();
  }
}

function filterOf({ reason, partition, since, limit }: Flags, partitions: number): LetterFilter {
  const index = partition === undefined ? undefined : Number(partition);
  if (index !== undefined && !(Number.isInteger(index) && index >= 0 && index < partitions)) {
    throw new CommandTrouble(`--partition ${partition}: this Redis has partitions 0 to ${partitions - 1}`, 2);
  }
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  if (Number.isNaN(sinceMs)) {
    throw new CommandTrouble(`--since "${since}" is no time: write it like 2026-11-22T08:00Z`, 2);
  }
  if (!/^[1-9]\d{0,6}$/.test(limit)) {
    throw new CommandTrouble(`--limit ${limit} must be a whole number from 1 to 9999999`, 2);
  }
  return { partition: index as PartitionIndex | undefined, reason, sinceMs, limit: Number(limit) };
}

function table(letters: readonly DeadLetter[]): string {
  const rows = letters.map(({ stream, id, reason, source, position, detail }) => ({
    at: new Date(Number.parseInt(id, 10)).toISOString(),
    stream,
    id,
    reason,
    source,
    position,
    detail,
  }));
  return formatTable(rows, paintFor(process.stdout, process.env));
}

function written({ payload, partition, ...letter }: DeadLetter): object {
  const asText = payload.toString("utf8");
  const isText = Buffer.from(asText, "utf8").equals(payload);
  return {
    ...letter,
    partition: partition ?? null,
    ...(isText ? { d: asText } : { d: payload.toString("base64"), encoding: "base64" }),
  };
}
