import { Command, Option } from "commander";
import { newApiKey } from "../deliver/auth/api-keys.ts";
import { isScope, SCOPES, type Scope } from "../deliver/auth/scopes.ts";
import { CommandTrouble, printJson, printLine } from "./terminal.ts";

interface Flags {
  readonly scopes: string;
  readonly topics?: string;
  readonly until?: string;
  readonly json: boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function keyCommand(): Command {
  return new Command("key")
    .description("make a new API key of a server; it is shown once, the file gets its sha256")
    .argument("<name>", "of the server, e.g. crm-gateway")
    .addOption(new Option("--scopes <list>", `of ${SCOPES.join(", ")}, separated by commas`).makeOptionMandatory())
    .option("--topics <list>", "that the scope agent reaches, separated by commas, e.g. customer/*")
    .option("--until <time>", "ISO 8601, e.g. 2027-01-31T00:00:00Z; else the key does not end")
    .option("--json", "print it as JSON", false)
    .addHelpText("after", "\nExample:\n  npx nba key crm-gateway --scopes decide,events")
    .action(makeKey);
}

function makeKey(name: string, { scopes, topics, until, json }: Flags): void {
  if (!NAME.test(name)) throw new CommandTrouble(`"${name}" is no name: letters, digits and . _ -, at most 64`, 2);
  const end = until === undefined ? undefined : Date.parse(until);
  if (Number.isNaN(end)) throw new CommandTrouble(`--until "${until}" is no time: write e.g. 2027-01-31T00:00:00Z`, 2);
  const { key, entry } = newApiKey({
    name,
    scopes: scopesOf(scopes),
    ...(topics === undefined ? {} : { topics: topics.split(",") }),
    ...(end === undefined ? {} : { until: new Date(end).toISOString() }),
  });
  if (json) printJson({ key, entry });
  else {
    printLine(`${key}\n\nthis is the only time that the key is shown; put into NBA_API_KEYS_FILE under keys:\n`);
    printLine(`  - ${JSON.stringify(entry)}`);
  }
}

function scopesOf(list: string): Scope[] {
  return list.split(",").map((scope) => {
    if (!isScope(scope)) throw new CommandTrouble(`--scopes: "${scope}" is none of ${SCOPES.join(", ")}`, 2);
    return scope;
  });
}
