// `npm run check`: format and lint, types, unused code. All three run even where one of them finds something.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { dependenciesAreThere, installDependencies, requireNode, root, withLock } from "../engine/cli/setup.mjs";

const CHECKS = [
  { name: "biome (format, lint)", args: ["@biomejs/biome/bin/biome", "ci", "--error-on-warnings"] },
  { name: "tsc (types)", args: ["typescript/bin/tsc", "--noEmit", "-p", "tsconfig.json"] },
  { name: "knip (unused code)", args: ["knip/bin/knip.js", "--no-progress"] },
];

requireNode();
if (!dependenciesAreThere()) withLock(installDependencies);
const results = await Promise.all(CHECKS.map(check));
for (const { name, status, seconds, output } of results) {
  process.stdout.write(`${status === 0 ? "ok    " : "FAILED"}  ${name}  ${seconds.toFixed(1)} s\n`);
  if (status !== 0) process.stdout.write(output);
}
process.exitCode = results.every(({ status }) => status === 0) ? 0 : 1;

function check({ name, args: [script, ...rest] }) {
  const start = performance.now();
  const child = spawn(process.execPath, [join(root, "node_modules", script), ...rest], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const parts = [];
  child.stdout.on("data", (part) => parts.push(part));
  child.stderr.on("data", (part) => parts.push(part));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      resolve({ name, status, seconds: (performance.now() - start) / 1_000, output: Buffer.concat(parts).toString() });
    });
  });
}
