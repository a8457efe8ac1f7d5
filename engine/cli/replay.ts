// nba replay FILE: plays recorded events into the streams of a running engine.
import cliProgress from "cli-progress";
import { Command, InvalidArgumentError, Option } from "commander";
import { DAY_MS } from "../domain/time.ts";
import { openConnection } from "../journal/open-connection.ts";
import { MAPPINGS, type Mapping } from "./mappings.ts";
import { type RecordedFile, readRecorded } from "./replay-file.ts";
import { type ReplayClock, sendRecorded } from "./replay-send.ts";

interface ReplayOptions {
  readonly mapping: Mapping | undefined;
  readonly speed: number;
  readonly clock: "shift" | "drive";
  readonly stream?: string;
  readonly redis?: string;
  readonly json?: boolean;
}

/** The engine refuses events that are further behind its clock. */
const BEHIND_MAX_MS = 90 * DAY_MS;
const SILENCE_MS = 30_000;

export function replayCommand(): Command {
  const mapped = MAPPINGS.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join("\n");
  return new Command("replay")
    .description("plays recorded events into the streams of an engine")
    .argument("<file>", "NDJSON of events, or another file with --mapping; .gz is unpacked")
    .option("--mapping <name>", "what the rows of the file mean", parseMapping)
    .addOption(
      new Option("--speed <n>", "times as fast as it happened; max: as fast as it goes")
        .argParser(parseSpeed)
        .default(Number.POSITIVE_INFINITY, "max"),
    )
    .addOption(
      new Option("--clock <how>", "shift: the last event becomes now; drive: the engine's clock follows the events")
        .choices(["shift", "drive"])
        .default("shift"),
    )
    .option(
      "--stream <name>",
      "send all to one stream, which keeps their order; left out: by type, to clickstream, transactions, outcomes",
    )
    .addOption(new Option("--redis <url>", "where the engine's Redis is").env("REDIS_URL"))
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `\nMappings:\n${mapped}\n\nExample:\n  nba replay UserBehavior.csv.gz --mapping taobao --clock drive`,
    )
    .action(async (file: string, options: ReplayOptions, command: Command) => {
      if (options.redis === undefined)
        command.error("error: no Redis: give --redis URL (npm start prints it) or set REDIS_URL", { exitCode: 2 });
      await replay(file, options, options.redis, command);
    });
}

export function parseMapping(name: string): Mapping {
  const mapping = MAPPINGS.find((one) => one.name === name);
  if (mapping !== undefined) return mapping;
  throw new InvalidArgumentError(`"${name}" is none of ${MAPPINGS.map((one) => one.name).join(", ")}`);
}

export function parseSpeed(text: string): number {
  if (text === "max" || text === "0") return Number.POSITIVE_INFINITY;
  const speed = Number(text);
  if (text.trim() !== "" && speed > 0) return speed;
  throw new InvalidArgumentError(`"${text}" is neither a number above 0 nor "max"`);
}

/** Lines for people: what was read, what was refused and where first. */
export function describeRecorded(file: RecordedFile): string[] {
  const refused = [...file.refused].map(
    ([why, { count, firstLine }]) => `refused ${count} rows: ${why} (first at line ${firstLine})`,
  );
  const joined = file.joined > 0 ? `, ${file.joined} rows joined to the basket of an earlier row` : "";
  return [`${file.rows} rows: ${file.events.length} events${joined}`, ...refused];
}

async function replay(path: string, options: ReplayOptions, url: string, command: Command): Promise<void> {
  const say = (line: string): void => void command.configureOutput().writeErr?.(`${line}\n`);
  const fail = (what: string, error: unknown): never =>
    command.error(`error: ${what}: ${error instanceof Error ? error.message : String(error)}`, { exitCode: 1 });
  const file = await readRecorded(path, options.mapping).catch((error: unknown) => fail(`cannot read ${path}`, error));
  for (const line of describeRecorded(file)) say(line);
  const last = file.events.at(-1)?.body.ts ?? 0;
  const old = file.events.filter((event) => event.body.ts < last - BEHIND_MAX_MS).length;
  if (options.clock === "shift" && old > 0) {
    say(`${old} events are more than 90 days before the last one: the engine will refuse them; use --clock drive`);
  }
  const connection = await openConnection({ url, silenceMs: SILENCE_MS }).catch((error: unknown) =>
    fail(`no Redis at ${url}`, error),
  );
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {value}/{total} events | {duration_formatted}",
    stream: process.stderr,
    noTTYOutput: false,
  });
  const clock: ReplayClock = options.clock === "drive" ? { kind: "drive" } : { kind: "shift", byMs: Date.now() - last };
  const startedAt = performance.now();
  bar.start(file.events.length, 0);
  try {
    const plan = { clock, speed: options.speed, stream: options.stream };
    const sent = await sendRecorded(file.events, plan, {
      command: connection.command,
      clock: () => performance.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      onSent: (count) => bar.update(count),
    });
    bar.stop();
    const seconds = (performance.now() - startedAt) / 1000;
    report({ sent, seconds, file, json: options.json === true }, command);
  } catch (error) {
    bar.stop();
    fail("Redis did not take the events; play the file again, what it took already counts once", error);
  } finally {
    connection.close();
  }
}

interface Report {
  readonly sent: number;
  readonly seconds: number;
  readonly file: RecordedFile;
  readonly json: boolean;
}

function report({ sent, seconds, file, json }: Report, command: Command): void {
  const write = (line: string): void => void command.configureOutput().writeOut?.(`${line}\n`);
  const [first, last] = [file.events[0]?.body.ts ?? null, file.events.at(-1)?.body.ts ?? null];
  if (json) {
    const refused = Object.fromEntries([...file.refused].map(([why, { count }]) => [why, count]));
    write(JSON.stringify({ sent, rows: file.rows, joined: file.joined, refused, first, last, seconds }));
    return;
  }
  const between = first === null || last === null ? "" : ` of ${dateOf(first)} to ${dateOf(last)}`;
  write(`sent ${sent} events${between} in ${seconds.toFixed(1)} s`);
}

/** A ts of NDJSON can be any number: one that is no date is shown as it is. */
function dateOf(ts: number): string {
  const date = new Date(ts);
  return Number.isNaN(date.getTime()) ? String(ts) : date.toISOString();
}
