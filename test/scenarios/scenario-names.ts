import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

const folder = new URL("./", import.meta.url);

/** Of every scenario under test/scenarios, as `CON-1 CON-2 what it shows`. */
export const SCENARIO_NAMES: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .flatMap((name) => {
    const { tests } = parse(readFileSync(new URL(name, folder), "utf8")) as { tests: { name: string }[] };
    return tests.map((one) => one.name);
  });
