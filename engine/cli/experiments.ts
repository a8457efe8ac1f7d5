import { Command } from "commander";
import { inHoldout } from "../decide/holdout.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import { type ArmCounts, type ExperimentCounts, HOLDOUT } from "../learn/arm-tally.ts";
import { type SampleRatio, sampleRatio } from "../learn/sample-ratio.ts";
import { activations } from "../partition/activations.ts";
import { countExperiments } from "../partition/count-experiments.ts";
import { createRulebookLibrary } from "../partition/rulebook-library.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { openRedis } from "./open-redis.ts";
import { CommandTrouble, exitWith, formatTable, type Paint, paintFor, printJson, printLine } from "./terminal.ts";

interface ReportedArm extends ArmCounts {
  readonly arm: string;
  /** Declared, of its experiment's customers; undefined: the present rulebook does not have the arm. */
  readonly share: number | undefined;
}

interface Reported {
  readonly experiment: string;
  readonly arms: readonly ReportedArm[];
  readonly crossed: number;
  readonly ratio: SampleRatio | undefined;
}

export function experimentsCommand(): Command {
  return new Command("experiments")
    .description("each experiment in numbers, arm by arm, and whether its customers are divided as declared")
    .option("--json", "print it as JSON", false)
    .addHelpText(
      "after",
      "\nReads the journals of REDIS_URL and changes nothing; unset: the Redis of an engine or demo that runs from this folder." +
        "\nThe holdout is told as an experiment with the arms in and out. Exit code 1: customers of an experiment are not divided" +
        "\nas declared, so its rates must not be compared.\n\nExample:\n  npx nba experiments",
    )
    .action(experiments);
}

async function experiments(flags: { readonly json: boolean }): Promise<void> {
  const { connection, partitions } = await openRedis();
  try {
    const active = (await activations(connection)).at(-1);
    if (active === undefined) throw new CommandTrouble("this Redis holds no rulebook", 1);
    const { rulebook } = await createRulebookLibrary(connection, {}).get(active.hash);
    const journal = createRedisJournal({ connection, owner: "experiments", leaseMs: 0, address: "" });
    const isHeldOut = rulebook.holdout === undefined ? () => undefined : inHoldout.bind(undefined, rulebook);
    const counts = await countExperiments(journal, partitions, isHeldOut);
    const report = [...reportOf(rulebook, counts)];
    if (flags.json) printJson({ rulebook: rulebook.hash, experiments: report });
    else print(report, paintFor(process.stdout, process.env));
    exitWith(report.some(({ ratio }) => ratio?.isAlarm === true) ? 1 : 0);
  } finally {
    connection.close();
  }
}

/** Those of the rulebook in its order, then those that only the journal knows. */
function* reportOf(rulebook: Rulebook, counts: ReadonlyMap<string, ExperimentCounts>): Generator<Reported> {
  const declared = declaredShares(rulebook);
  for (const [experiment, shares] of declared) yield reported(experiment, shares, counts.get(experiment));
  for (const [experiment, found] of counts) if (!declared.has(experiment)) yield reported(experiment, new Map(), found);
}

/** By experiment, then by arm: in (0, 1]. */
function declaredShares({ experiments, holdout }: Rulebook): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const shares = new Map<string, ReadonlyMap<string, number>>();
  for (const { id, arms } of experiments) {
    shares.set(id, new Map(arms.map((arm, at) => [arm.id, arm.upTo - (arms[at - 1]?.upTo ?? 0)])));
  }
  if (holdout !== undefined && holdout.share > 0) {
    shares.set(HOLDOUT, new Map([["in", holdout.share] as const, ["out", 1 - holdout.share] as const]));
  }
  return shares;
}

function reported(
  experiment: string,
  shares: ReadonlyMap<string, number>,
  counts: ExperimentCounts | undefined,
): Reported {
  const names = [...new Set([...shares.keys(), ...(counts?.arms.keys() ?? [])])];
  const arms = names.map((arm): ReportedArm => {
    const none = { customers: 0, decisions: 0, contacts: 0, positives: 0 };
    return { arm, share: shares.get(arm), ...(counts?.arms.get(arm) ?? none) };
  });
  const known = arms.filter(({ share }) => share !== undefined);
  const ratio = sampleRatio(
    known.map(({ customers }) => customers),
    known.map(({ share }) => share as number),
  );
  return { experiment, arms, crossed: counts?.crossed ?? 0, ratio };
}

function print(report: readonly Reported[], paint: Paint): void {
  if (report.length === 0) printLine("there are no experiments, neither in the rulebook nor in the journals");
  for (const { experiment, arms, crossed, ratio } of report) {
    printLine(paint("bold", experiment === HOLDOUT ? "holdout" : experiment));
    printLine(formatTable(arms.map(rowOf), paint));
    printLine(verdictOf(arms, ratio, paint));
    if (crossed > 0) printLine(`${crossed} customers were in more than one arm: the experiment was changed as it ran`);
    printLine("");
  }
}

function rowOf({ arm, share, customers, decisions, contacts, positives }: ReportedArm) {
  return {
    arm,
    share: share === undefined ? "not declared" : percent(share),
    customers,
    decisions,
    contacts,
    positives,
    "per contact": percent(positives / contacts),
    "per customer": percent(positives / customers),
  };
}

function verdictOf(arms: readonly ReportedArm[], ratio: SampleRatio | undefined, paint: Paint): string {
  if (arms.every(({ share }) => share === undefined)) return "not in the active rulebook";
  if (ratio === undefined) return "too few customers to tell whether they are divided as declared";
  const { chiSquare, p, isAlarm } = ratio;
  const numbers = `chi-square ${chiSquare.toFixed(2)}, p ${p < 0.001 ? p.toExponential(1) : p.toFixed(3)}`;
  if (!isAlarm) return `divided as declared (${numbers})`;
  return paint("red", `not divided as declared (${numbers}): the arms must not be compared until it is known why`);
}

function percent(part: number): string {
  return Number.isFinite(part) ? `${(part * 100).toFixed(2)}%` : "-";
}
