// `nba profile`: one benchmark under Node's own profiler, in its own process and in those of the engines that it starts.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { Command } from "commander";
import { repositoryRoot } from "../journal/source-file.ts";
import { type Bench, findBench } from "./bench.ts";
import { type CpuProfile, flameGraph, framesOf, hottest } from "./flame-graph.ts";
import { complain, formatTable, paintFor, printLine } from "./terminal.ts";

const SHOWN = 25;
const INTERVAL_US = 500;

export function profileCommand(): Command {
  return new Command("profile")
    .description("run a benchmark under Node's profiler: flame graphs and .cpuprofile files under bench/results/")
    .argument("<name>", "which one; nba bench --list tells what there is")
    .option("--full", "as long as it is measured, not the short run", false)
    .addHelpText("after", "\nExample:\n  npm run profile stream-throughput")
    .action(async (name: string, { full }: { readonly full: boolean }) => {
      await profile(await findBench(name), full);
    });
}

async function profile(bench: Bench, full: boolean): Promise<void> {
  const folder = join(repositoryRoot, "bench", "results", `${bench.name}.profiles`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // An orderly exit, so that the servers of a benchmark that is cut short end with it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  process.env["BENCH_PROFILES"] = folder; // bench/load/engine-under-test.ts starts its engines by it
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
  await session.post("Profiler.start");
  await bench.run({ quick: !full, say: complain });
  const own = await session.post("Profiler.stop");
  session.disconnect();
  await writeFile(join(folder, "bench.cpuprofile"), JSON.stringify(own.profile));
  const files = (await readdir(folder)).filter((file) => file.endsWith(".cpuprofile")).sort();
  for (const file of files) await draw(bench.name, folder, file);
}

async function draw(name: string, folder: string, file: string): Promise<void> {
  const root = framesOf(JSON.parse(await readFile(join(folder, file), "utf8")) as CpuProfile);
  const picture = join(folder, file.replace(/\.cpuprofile$/, ".svg"));
  const title = `${name}, ${file}: ${Math.round(root.total / 1_000)} ms of work`;
  await writeFile(picture, flameGraph(root, title));
  const percent = (share: number): number => Math.round(share * 1_000) / 10;
  const rows = hottest(root, SHOWN).map((hot) => ({
    "itself, %": percent(hot.self),
    "with what it calls, %": percent(hot.total),
    function: hot.name,
  }));
  printLine(`\n${title}\n${picture}\n${formatTable(rows, paintFor(process.stdout, process.env))}`);
}
