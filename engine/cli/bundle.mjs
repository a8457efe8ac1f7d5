// Joins the program and the JavaScript that it depends on into few files in dist/program/: a process that has to open two
// thousand files takes three times as long to start, and an engine that was killed is wanted back at once. Types are checked by
// the build; benchmarks and tests go on with the single modules that it writes.
import { join } from "node:path";
import { rolldown } from "rolldown";
import { root } from "./setup.mjs";

/** Those that load native code or workers from files beside their own. */
const KEPT_APART = ["uWebSockets.js", "onnxruntime-node", "pino"];

const bundle = await rolldown({
  cwd: root,
  // The second is started as a thread of the first.
  input: {
    nba: join(root, "engine", "cli", "nba.ts"),
    "read-thread": join(root, "engine", "partition", "read-thread.ts"),
  },
  platform: "node",
  external: KEPT_APART,
});
await bundle.write({ dir: join(root, "dist", "program"), format: "esm", sourcemap: true, cleanDir: true });
await bundle.close();
