// The rulebook that the simulation runs.
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { type LocalRulebook, readLocalRulebook } from "../../engine/partition/rulebook-library.ts";

/** Throws where it does not compile. */
export async function simulatedRules(): Promise<Extract<LocalRulebook, { kind: "sound" }>> {
  const files = await readRulebookFolder(`${repositoryRoot}/test/simulation/rules`);
  const local = await readLocalRulebook(files, `${repositoryRoot}/test/simulation/models`);
  if (local.kind === "faulty") throw new Error(JSON.stringify(local.faults, undefined, 1));
  return local;
}
