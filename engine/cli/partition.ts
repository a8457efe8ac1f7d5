import { Command } from "commander";
import { anonymousKey, customerKey } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { RedisTrouble } from "../journal/redis.ts";
import { LIMITS } from "../limits.ts";
import { configOf } from "./config-of.ts";
import { openRedis } from "./open-redis.ts";
import { CommandTrouble, printJson, printLine } from "./terminal.ts";

export function partitionCommand(): Command {
  return new Command("partition")
    .description("tell which partition a customer lives in, and under which keys")
    .argument("<customer>", "customer id as sent, or anon:ID")
    .option("--anonymous", "it is an anonymousId", false)
    .option("--json", "print it as JSON", false)
    .addHelpText("after", "\nExample:\n  npx nba partition c-17")
    .action(partition);
}

async function partition(
  customer: string,
  flags: { readonly anonymous: boolean; readonly json: boolean },
): Promise<void> {
  if (customer.length === 0 || customer.length > LIMITS.customerCharsMax) {
    throw new CommandTrouble(
      `a customer id has 1 to ${LIMITS.customerCharsMax} characters, this one ${customer.length}`,
      2,
    );
  }
  const { partitions, from, because } = await howMany(process.env);
  const key = flags.anonymous ? anonymousKey(customer) : customerKey(customer);
  const index = partitionOf(key, partitions);
  const facts = {
    key,
    partition: index,
    partitions,
    from,
    log: `nba:{${index}}:events`,
    profile: `nba:{${index}}:profile:${key}`,
  };
  if (flags.json) printJson(facts);
  else {
    const doubt = because === undefined ? "" : ` (the default; ${because})`;
    printLine(
      `${key} lives in partition ${index} of ${partitions}${doubt}: log ${facts.log}, profile ${facts.profile}`,
    );
  }
}

interface HowMany {
  readonly partitions: number;
  readonly from: "PARTITIONS" | "redis" | "default";
  /** Why nobody could say how many there are. */
  readonly because?: string;
}

/** As PARTITIONS says; else as the Redis holds that would be used; else the default. */
async function howMany(env: NodeJS.ProcessEnv): Promise<HowMany> {
  const { partitions: configured } = configOf(env);
  if ((env["PARTITIONS"] ?? "") !== "") return { partitions: configured, from: "PARTITIONS" };
  try {
    const { connection, partitions } = await openRedis();
    connection.close();
    return { partitions, from: "redis" };
  } catch (error) {
    if (!(error instanceof CommandTrouble || error instanceof RedisTrouble)) throw error;
    return { partitions: configured, from: "default", because: error.message };
  }
}
