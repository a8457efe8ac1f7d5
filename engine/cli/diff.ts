// nba diff A B: what two rulebooks mean differently.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import type { RulebookHash } from "../domain/ids.ts";
import { rulebookKey } from "../journal/keys.ts";
import { text } from "../journal/redis.ts";
import { activations } from "../partition/activations.ts";
import { diffRulebooks, type RulebookChange } from "../rulebook/diff-rulebooks.ts";
import { formatFault } from "../rulebook/fault.ts";
import type { RulebookFiles } from "../rulebook/rulebook.ts";
import { openRedis } from "./open-redis.ts";
import { readRulebookFolder } from "./read-rulebook.ts";
import { CommandTrouble, exitWith, type Paint, paintFor, printJson, printLine } from "./terminal.ts";

export function diffCommand(): Command {
  return new Command("diff")
    .description("what two rulebooks mean differently: things added, removed and changed, with their places")
    .argument("<before>", "a folder, or a hash (its first digits will do) of a rulebook that Redis holds")
    .argument("<after>", "the same")
    .option("--json", "print the differences as JSON")
    .addHelpText(
      "after",
      "\nExit code 1 where they differ. Hashes are looked up at REDIS_URL.\n\nExample:\n  npx nba diff 4f2a91 rules",
    )
    .action(diff);
}

async function diff(before: string, after: string, flags: { readonly json?: true }): Promise<void> {
  const compared = diffRulebooks(await filesOf(before), await filesOf(after));
  if (compared.kind === "faulty") {
    const name = compared.side === "before" ? before : after;
    throw new CommandTrouble(
      `${name} has faults:\n${compared.faults.map((fault) => formatFault(fault)).join("\n")}`,
      1,
    );
  }
  const { changes } = compared;
  if (flags.json === true) printJson({ changes });
  else printChanges(changes, paintFor(process.stdout, process.env));
  exitWith(changes.length === 0 ? 0 : 1);
}

function printChanges(changes: readonly RulebookChange[], paint: Paint): void {
  if (changes.length === 0) printLine("no difference in meaning");
  for (const change of changes) {
    const { file, line, column } = change.place;
    const place = paint("dim", `${file}:${line}:${column}`);
    if (change.kind === "changed") {
      const told = `${change.before ?? "nothing"} -> ${change.after ?? "nothing"}`;
      printLine(`${paint("yellow", "~")} ${change.name}: ${change.field}: ${told}  ${place}`);
    } else {
      const mark = change.kind === "added" ? paint("green", "+") : paint("red", "-");
      printLine(`${mark} ${change.name}  ${place}`);
    }
  }
}

async function filesOf(name: string): Promise<RulebookFiles> {
  const dir = resolve(name);
  const isFolder = await stat(dir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return await readRulebookFolder(dir);
  if (!/^[0-9a-f]{4,64}$/.test(name)) throw new CommandTrouble(`"${name}" is neither a folder nor a hash`, 2);
  return await storedFiles(name);
}

async function storedFiles(digits: string): Promise<RulebookFiles> {
  const { connection } = await openRedis();
  try {
    const hashes = new Set((await activations(connection)).map(({ hash }) => hash));
    const keys = new Set([...hashes].filter((hash) => hash.startsWith(digits)).map(rulebookKey));
    // A variant, and what was activated too long ago, is found by its whole hash.
    const whole = rulebookKey(digits as RulebookHash);
    if ((await connection.command(["EXISTS", whole])) === 1) keys.add(whole);
    const [key] = keys;
    if (key === undefined) throw new CommandTrouble(`Redis holds no rulebook whose hash begins with "${digits}"`, 2);
    if (keys.size > 1) throw new CommandTrouble(`${keys.size} rulebooks begin with "${digits}": give more digits`, 2);
    const stored = JSON.parse(text(await connection.command(["GET", key]))) as { readonly files: RulebookFiles };
    return stored.files;
  } finally {
    connection.close();
  }
}
