import { Command } from "commander";
import { anonymousKey, customerKey } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { LIMITS } from "../limits.ts";
import { configOf } from "./config-of.ts";
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

function partition(customer: string, flags: { readonly anonymous: boolean; readonly json: boolean }): void {
  if (customer.length === 0 || customer.length > LIMITS.customerCharsMax) {
    throw new CommandTrouble(
      `a customer id has 1 to ${LIMITS.customerCharsMax} characters, this one ${customer.length}`,
      2,
    );
  }
  const { partitions } = configOf(process.env);
  const key = flags.anonymous ? anonymousKey(customer) : customerKey(customer);
  const index = partitionOf(key, partitions);
  const facts = {
    key,
    partition: index,
    partitions,
    log: `nba:{${index}}:events`,
    profile: `nba:{${index}}:profile:${key}`,
  };
  if (flags.json) printJson(facts);
  else printLine(`${key} lives in partition ${index} of ${partitions}: log ${facts.log}, profile ${facts.profile}`);
}
