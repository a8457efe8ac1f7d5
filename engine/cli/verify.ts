// `nba verify`: S1 to S5 of engine/README.md on this Redis.
import cliProgress from "cli-progress";
import { Command } from "commander";
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Difference } from "../verify/difference.ts";
import { type PartitionSummary, type VerifyReport, verifyRedis } from "../verify/verify-redis.ts";
import { openRedis } from "./open-redis.ts";
import { pastJournal } from "./past-journal.ts";
import { CommandTrouble, exitWith, formatTable, type Paint, paintFor, printJson, printLine } from "./terminal.ts";

interface Flags {
  readonly partition?: string;
  readonly customer?: string;
  readonly json: boolean;
}

/** So many are printed; all are counted. */
const DIFFERENCES_MAX = 100;

export function verifyCommand(): Command {
  return new Command("verify")
    .description("computes every profile and counter anew from the streams, and says what differs from what is stored")
    .option("--partition <number>", "of this partition alone")
    .option("--customer <id>", "of this customer alone: the id as sent, or anon:ID")
    .option("--json", "print it as JSON", false)
    .addHelpText(
      "after",
      "\nReads REDIS_URL and changes nothing, while engines run or not; unset: the Redis of an engine or demo that runs from" +
        "\nthis folder. It shares no code with the engine's own fold. Compared are profiles, checkpoints, timers, the decision" +
        "\nindex, what every decision was given, caps, quotas, and what was sent to channels. What retention let go is read from" +
        "\nARCHIVE_DIR; without it, it begins with the checkpoint and says how many customers it cannot tell of." +
        "\nExit code 1: something differs." +
        "\n\nExamples:\n  npx nba verify\n  npx nba verify --customer c-17 --json",
    )
    .action(verify);
}

async function verify(flags: Flags): Promise<void> {
  const { connection, partitions } = await openRedis();
  const bar = new cliProgress.SingleBar({
    format: "{bar} partition {partition} of {partitions} | {value}/{total} commits | {duration_formatted}",
    stream: process.stderr,
    noTTYOutput: false,
  });
  bar.start(1, 0, { partition: 0, partitions });
  try {
    const report = await verifyRedis(connection, {
      partitions: partitionsOf(flags, partitions),
      customer: flags.customer as CustomerKey | undefined,
      differencesMax: DIFFERENCES_MAX,
      journal: await pastJournal(connection, process.env),
      onProgress: (partition, done, total) => {
        bar.setTotal(Math.max(1, total));
        bar.update(done, { partition, partitions });
      },
    });
    bar.stop();
    if (flags.json) printJson(report);
    else print(report, paintFor(process.stdout, process.env));
    exitWith(report.differencesFound > 0 ? 1 : 0);
  } finally {
    bar.stop();
    connection.close();
  }
}

function partitionsOf({ partition, customer }: Flags, partitions: number): readonly PartitionIndex[] | undefined {
  const home = customer === undefined ? undefined : partitionOf(customer as CustomerKey, partitions);
  if (partition === undefined) return home === undefined ? undefined : [home];
  const index = Number(partition);
  if (!/^\d+$/.test(partition) || index >= partitions) {
    throw new CommandTrouble(`--partition "${partition}": this Redis has partitions 0 to ${partitions - 1}`, 2);
  }
  if (home !== undefined && home !== index) {
    throw new CommandTrouble(`--partition ${partition}: customer "${customer}" lives in partition ${home}`, 2);
  }
  return [index as PartitionIndex];
}

function print(report: VerifyReport, paint: Paint): void {
  const { partitions, differences, differencesFound, doubtful } = report;
  const sum = (of: (one: PartitionSummary) => number): number => partitions.reduce((total, one) => total + of(one), 0);
  if (differences.length > 0) printLine(formatTable(differences.map(rowOf), paint));
  for (const { partition, cut } of partitions) {
    if (cut !== undefined) printLine(`partition ${partition} is told from its checkpoint on: ${cut}`);
  }
  if (doubtful.length > 0) {
    printLine(
      `partitions ${doubtful.join(", ")} were trimmed while they were read, again and again: what differs there may be no ` +
        "difference; verify with a longer RETENTION, with ARCHIVE_DIR, or while no engine runs",
    );
  }
  const uncovered = sum((one) => one.uncovered);
  if (uncovered > 0) {
    printLine(
      `of ${uncovered} customers nothing can be told: what their profiles go back to is no longer in the streams`,
    );
  }
  const untold = sum((one) => one.featuresUntold);
  if (untold > 0) printLine(`${untold} features cannot be told: windows were made longer than what was kept for them`);
  const told = [
    `${partitions.length} partitions`,
    `${sum((one) => one.entries)} entries`,
    `${sum((one) => one.commits)} commits`,
    `${sum((one) => one.decisions)} decisions`,
    `${sum((one) => one.compared)} profiles compared`,
  ].join(", ");
  const verdict =
    differencesFound === 0 ? paint("green", "no difference") : paint("red", `${differencesFound} differences`);
  const shown = differencesFound > differences.length ? `, of which the first ${differences.length} are shown` : "";
  printLine(`${told}: ${verdict}${shown}`);
}

function rowOf({ invariant, partition, customer, field, found, expected }: Difference) {
  return { "": invariant, partition: partition ?? "all", customer: customer ?? "", field, found, expected };
}
