import { Command } from "commander";
import { explain } from "../decide/explain.ts";
import type { DecisionId } from "../domain/ids.ts";
import { CONFIG_KEY } from "../journal/keys.ts";
import { openConnection } from "../journal/open-connection.ts";
import { text } from "../journal/redis.ts";
import { LIMITS } from "../limits.ts";
import { findDecision } from "../partition/find-decision.ts";
import { partitionOfDecision } from "../partition/questions.ts";
import { createRulebookLibrary } from "../partition/rulebook-library.ts";
import { beyondRetention, pastJournal } from "./past-journal.ts";
import { redisUrlOf } from "./redis-url.ts";
import { renderExplanation } from "./render-explanation.ts";
import { CommandTrouble, paintFor, printJson, printLine } from "./terminal.ts";

export function explainCommand(): Command {
  return new Command("explain")
    .description("the funnel of a past decision, computed again from the journal and compared with what was decided")
    .argument("<decision>", "a decision id, or a tracking code of it")
    .option("--json", "print it as JSON", false)
    .addHelpText(
      "after",
      "\nReads REDIS_URL; unset: the Redis of an engine or demo that runs from this folder. What retention let go is\n" +
        "read from ARCHIVE_DIR.\n" +
        "\nExample:\n  npx nba explain AAnH4n0Xx9mGd0Jq3oYb8A",
    )
    .action(explainDecision);
}

async function explainDecision(wanted: string, flags: { readonly json: boolean }): Promise<void> {
  const id = wanted.split(".")[0] as DecisionId;
  const connection = await openConnection({ url: redisUrlOf(process.env), silenceMs: LIMITS.silenceMs });
  try {
    const partitions = Number(text(await connection.command(["HGET", CONFIG_KEY, "partitions"])));
    if (partitions === 0) throw new CommandTrouble("this Redis holds no data of an engine", 1);
    const partition = partitionOfDecision(id, partitions);
    if (partition === undefined) throw new CommandTrouble(`"${wanted}" is no decision id: it has 22 characters`, 2);
    const journal = await pastJournal(connection, process.env);
    const found = await findDecision(journal, partition, id);
    if (found === undefined) {
      const hint = await beyondRetention(journal, partition);
      throw new CommandTrouble(`there is no decision ${id} in the journal${hint}`, 1);
    }
    const active = await createRulebookLibrary(connection, {}).get(found.record.rulebook);
    const explanation = explain(active.decider, found.record);
    if (flags.json) printJson({ customer: found.record.key, trigger: found.record.trigger, ...explanation });
    else printLine(renderExplanation(explanation, paintFor(process.stdout, process.env), found.record));
  } finally {
    connection.close();
  }
}
