import { expect, test } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { readLocalRulebook } from "../../engine/partition/rulebook-library.ts";
import { runSeed } from "./run-seed.ts";

test("one", async () => {
  const local = await readLocalRulebook(
    await readRulebookFolder(`${repositoryRoot}/test/simulation/rules`),
    `${repositoryRoot}/test/fixtures/no-models`,
  );
  if (local.kind === "faulty") throw new Error(JSON.stringify(local.faults, null, 1));
  const from = Number(process.env["SEED"] ?? 1);
  for (let seed = from; seed < from + Number(process.env["SEEDS"] ?? 1); seed++) {
    const t0 = performance.now();
    const run = await runSeed(seed, { local });
    console.log(
      seed,
      (performance.now() - t0).toFixed(0),
      run.simulatedMs,
      run.decisions,
      run.events,
      JSON.stringify([...run.faults]),
      JSON.stringify([...run.answers]),
      run.trace.slice(0, 8),
    );
    if (run.violations.length > 0) {
      console.log(run.violations.slice(0, 5).join("\n"));
      if (process.env["NOTES"]) console.log(run.notes.slice(-Number(process.env["NOTES"])).join("\n"));
    }
  }
  expect(1).toBe(1);
}, 600_000);
