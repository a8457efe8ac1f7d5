import { Command } from "commander";
import { type Explanation, explain } from "../decide/explain.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Instant } from "../domain/time.ts";
import type { Simulation } from "../engine.ts";
import { partitionKeys } from "../journal/keys.ts";
import { openConnection } from "../journal/open-connection.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import { LIMITS } from "../limits.ts";
import { decisionsOf } from "../partition/customer-past.ts";
import { obtainable } from "../partition/quota-use.ts";
import { type ReadPartition, readContext, readPartition } from "../partition/read-partition.ts";
import { nowOf, type RecoverContext } from "../partition/recover.ts";
import { decideSupposed, suppose } from "../partition/suppose.ts";
import { pastJournal } from "./past-journal.ts";
import { redisUrlOf } from "./redis-url.ts";
import { renderWhy, type WhyAnswer } from "./render-why.ts";
import { simulateThere } from "./simulate-there.ts";
import { tellWhy } from "./tell-why.ts";
import { CommandTrouble, paintFor, printJson, printLine } from "./terminal.ts";
import { type WhyWanted, whyQuestion } from "./why-question.ts";

type Explained = Extract<Explanation, { readonly kind: "explained" }>;

interface Flags {
  readonly at?: string;
  readonly placement?: string;
  readonly channel?: string;
  readonly json: boolean;
}

export function whyCommand(): Command {
  return new Command("why")
    .description(
      "why a customer did or did not get an action: what was decided last, and what would be decided; changes nothing",
    )
    .argument("<customer>", "customer id as sent, or anon:ID")
    .argument("<action>", "id of the action")
    .option("--at <time>", "what would have been decided then: ISO 8601, or milliseconds since 1970")
    .option(
      "--placement <name>",
      "ask in this placement; else as the last decision, or the first that shows the action",
    )
    .option("--channel <name>", "ask on this channel")
    .option("--json", "print it as JSON", false)
    .addHelpText(
      "after",
      "\nReads REDIS_URL; unset: the Redis of an engine or demo that runs from this folder.\n" +
        "What retention let go is read from ARCHIVE_DIR.\n" +
        "What would be decided now is asked of the engine that owns the customer, or worked out from Redis where none answers.\n" +
        "\nExamples:\n  npx nba why c-17 personal-loan\n  npx nba why c-17 personal-loan --at 2026-03-01T14:05:00Z --placement app-home",
    )
    .action(why);
}

async function why(customer: string, action: string, flags: Flags): Promise<void> {
  if (customer === "" || customer.length > LIMITS.customerCharsMax) {
    throw new CommandTrouble(
      `a customer id has 1 to ${LIMITS.customerCharsMax} characters, this one ${customer.length}`,
      2,
    );
  }
  const at = flags.at === undefined ? undefined : instantOf(flags.at);
  const { placement, channel } = flags;
  const wanted: WhyWanted = { key: customer as CustomerKey, action, placement, channel };
  const connection = await openConnection({ url: redisUrlOf(process.env), silenceMs: LIMITS.silenceMs });
  try {
    const context = await readContext(connection, await pastJournal(connection, process.env));
    if (context === undefined) throw new CommandTrouble("this Redis holds no data of an engine", 1);
    const answer = at === undefined ? await whyNow(connection, context, wanted) : await whyThen(context, wanted, at);
    if (flags.json) printJson(answer);
    else printLine(renderWhy(answer, paintFor(process.stdout, process.env)));
  } finally {
    connection.close();
  }
}

async function whyNow(connection: RedisConnection, context: RecoverContext, wanted: WhyWanted): Promise<WhyAnswer> {
  const { key, action } = wanted;
  const index = partitionOf(key, context.partitions);
  const stored = await read(context, index, key, undefined);
  const [armed] = await context.journal.armed(index, [key]);
  const made = stored.partition.store
    .state(key)
    .contacts.map(({ decision }) => decision)
    .reverse();
  const past = await decisionsOf(context.journal, index, context.partitions, key, made, DECISIONS_MAX);
  const last = await lastConsidered(context, past.found, wanted);
  const question = whyQuestion(stored.partition.active.rulebook, wanted, last?.record ?? past.found[0], undefined);
  const owner = text(await connection.command(["HGET", partitionKeys(index).lease, "address"]));
  const told = owner === "" ? undefined : await simulateThere(`http://${owner}`, question);
  const explanation = told ?? (await decideHere(stored, question, nowOf(stored.partition, Date.now)));
  const now = tellWhy(explanation, key, action, "now");
  if (now === undefined) throw new CommandTrouble(`the engine at ${owner} runs a rulebook without "${action}"`, 1);
  return {
    customer: key,
    action,
    known: armed !== undefined || made.length > 0, // every customer is in the register of timers
    ...(last === undefined ? {} : { past: last.told }),
    now: {
      ...now,
      asked: question.placements[0]?.name ?? "",
      by: told === undefined ? "redis" : "engine",
      explanation,
    },
  };
}

async function whyThen(context: RecoverContext, wanted: WhyWanted, at: Instant): Promise<WhyAnswer> {
  const { key, action } = wanted;
  const index = partitionOf(key, context.partitions);
  const stored = await read(context, index, key, at);
  const past = await decisionsOf(context.journal, index, context.partitions, key, [], DECISIONS_MAX);
  const before = past.found.find(({ now }) => now <= at);
  const question = whyQuestion(stored.partition.active.rulebook, wanted, before, undefined);
  const explanation = await decideHere(stored, question, at);
  const then = tellWhy(explanation, key, action, "back");
  if (then === undefined) throw new CommandTrouble(`the rulebook of that time has no action "${action}"`, 1);
  return {
    customer: key,
    action,
    backThen: { ...then, asked: question.placements[0]?.name ?? "", by: "redis", explanation },
  };
}

const DECISIONS_MAX = 200;

/** The newest decision that had the choice: the action was tested for the placement and channel that are meant. */
async function lastConsidered(context: RecoverContext, found: readonly DecisionRecord[], wanted: WhyWanted) {
  for (const record of found) {
    if (wanted.placement !== undefined && !record.slates.some(({ placement }) => placement === wanted.placement))
      continue;
    const { decider } = await context.rulebook(record.rulebook);
    const explanation = explain(decider, record);
    if (explanation.kind !== "explained") continue;
    const told = tellWhy(explanation, wanted.key, wanted.action, "past");
    if (told === undefined || told.outcome === "not-asked" || told.action.fell?.because === "no-treatment") continue;
    const treatments = told.action.treatments.filter(({ outcome }) => outcome !== "not-asked");
    const isOnChannel = treatments.some(({ channel }) => channel === wanted.channel);
    if (wanted.channel !== undefined && told.action.fell === undefined && !isOnChannel) continue;
    const placements = record.slates.map(({ placement }) => placement);
    return { record, told: { ...told, decision: record.id, placements, explanation } };
  }
  return undefined;
}

async function decideHere(
  { partition, quotas }: ReadPartition,
  question: Simulation,
  present: Instant,
): Promise<Explained> {
  const supposed = suppose(partition, question, present, await obtainable(quotas, partition, present));
  if ("kind" in supposed) throw new CommandTrouble(`${supposed.pointer}: ${supposed.why}`, 2);
  const explanation = explain(supposed.active.decider, await decideSupposed(supposed));
  if (explanation.kind !== "explained") throw new Error("a decision was explained by another rulebook than made it");
  return explanation;
}

/** That the past is gone is no bug. */
async function read(
  context: RecoverContext,
  index: PartitionIndex,
  key: CustomerKey,
  at: Instant | undefined,
): Promise<ReadPartition> {
  try {
    return await readPartition(context, index, key, at);
  } catch (error) {
    if (at === undefined || !(error instanceof Error)) throw error;
    throw new CommandTrouble(`the profile of ${new Date(at).toISOString()} cannot be rebuilt: ${error.message}`, 1);
  }
}

function instantOf(written: string): Instant {
  const at = /^\d{10,15}$/.test(written) ? Number(written) : Date.parse(written);
  if (Number.isNaN(at)) {
    throw new CommandTrouble(
      `--at is "${written}": must be a time such as 2026-03-01T14:05:00Z, or milliseconds since 1970`,
      2,
    );
  }
  if (at > Date.now())
    throw new CommandTrouble(`--at is "${written}", which is still to come: leave it out to ask about now`, 2);
  return at as Instant;
}
