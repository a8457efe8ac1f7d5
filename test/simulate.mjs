// `npm run simulate -- --seeds N [--seed S] [--broken NAME] [--notes LINES] [--short]`: see test/simulation/README.md.
import { setUp } from "../engine/cli/setup.mjs";

setUp();
const { simulateSeeds } = await import("../dist/test/simulation/simulate-seeds.js");
try {
  const failed = await simulateSeeds(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`simulate: ${error.message}\n`);
  process.exitCode = 2;
}
