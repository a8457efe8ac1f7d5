#!/usr/bin/env node
// Entry of `npx nba`, `npm start`, `npm run demo` and `npm run bench`: sets up what is missing, then runs the compiled
// program in this very process, so that signals and the exit code need no forwarding. `nba build` ends after the build.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, setUp } from "./setup.mjs";

setUp();
if (process.argv[2] !== "build") {
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(join(root, "dist", "program", "nba.js")).href);
}
