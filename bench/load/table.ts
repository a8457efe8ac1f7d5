// The table of bench/README.md: what was asked for, beside what bench/results/ says.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BenchRow } from "../../engine/cli/bench.ts";
import { ASKED, type Asked, type Bar, type Figure } from "./asked.ts";

/** Of one file of bench/results/. */
export interface Measured {
  readonly quick: boolean;
  readonly rows: readonly BenchRow[];
}

/** Markdown, from the files in `folder`; what was not measured, or in a quick run only, says so. */
export async function tableFrom(folder: string): Promise<string> {
  const names = [...new Set(ASKED.map(({ bench }) => bench))];
  const read = names.map(async (name): Promise<readonly [string, Measured | undefined]> => {
    const text = await readFile(join(folder, `${name}.json`), "utf8").catch(() => undefined);
    return [name, text === undefined ? undefined : (JSON.parse(text) as Measured)];
  });
  return tableOf(new Map(await Promise.all(read)));
}

export function tableOf(measured: ReadonlyMap<string, Measured | undefined>): string {
  const lines = ASKED.map((asked) => `| ${cellsOf(asked, measured.get(asked.bench)).join(" | ")} |`);
  return [
    "| benchmark | against | measured | ratio | at least | aim | reached |",
    "|---|---|---|---|---|---|---|",
    ...lines,
  ].join("\n");
}

function cellsOf(asked: Asked, measured: Measured | undefined): readonly string[] {
  const { bench, what, against, least, aim, isRatio } = asked;
  const bars = [barText(least), barText(aim)];
  const name = `\`${bench}\`: ${what}`;
  if (measured === undefined || measured.quick) return [name, against, "not measured", "", ...bars, ""];
  const value = figureIn(measured.rows, asked.value);
  const ratio = ratioIn(measured.rows, asked);
  if (value === undefined || (isRatio && ratio === undefined)) return [name, against, "not measured", "", ...bars, ""];
  const row = measured.rows.find((each) => asked.value.row.test(String(each["measured"])));
  const judged = isRatio ? (ratio as number) : value;
  const column = asked.value.column ?? "median";
  const spread = column === "median" ? ["least", "most"] : [`least ${column}`, `most ${column}`];
  const text = `${short(value)} ${String(row?.["unit"] ?? "")}${between(row, spread)}`;
  // A ratio of one row to another is of all their rounds together: it has no spread of its own.
  const ofRounds = asked.ratio === undefined ? between(row, ["least of it", "most of it"]) : "";
  const told = ratio === undefined ? "" : `${short(ratio)}${ofRounds}`;
  return [name, against, text, told, ...bars, verdict(judged, least, aim)];
}

/** Of the rounds, where the row has them. */
function between(row: BenchRow | undefined, columns: readonly string[]): string {
  const [least, most] = columns.map((column) => row?.[column]);
  return typeof least === "number" && typeof most === "number" ? ` (${short(least)} to ${short(most)})` : "";
}

function ratioIn(rows: readonly BenchRow[], { value, ratio, isRatio }: Asked): number | undefined {
  if (!isRatio) return undefined;
  if (ratio === undefined) return figureIn(rows, { row: value.row, column: "of its peer" });
  const [own, peers] = [figureIn(rows, value), figureIn(rows, ratio.to)];
  if (own === undefined || peers === undefined) return undefined;
  return ratio.isInverse ? peers / own : own / peers;
}

function figureIn(rows: readonly BenchRow[], { row, column = "median" }: Figure): number | undefined {
  const found = rows.find((each) => row.test(String(each["measured"])))?.[column];
  return typeof found === "number" ? found : undefined;
}

function verdict(value: number, least: Bar | undefined, aim: Bar | undefined): string {
  if (aim !== undefined && meets(value, aim)) return "aim";
  if (least === undefined) return aim === undefined ? "" : "not the aim";
  return meets(value, least) ? "yes" : "**no**";
}

function meets(value: number, { is, bar }: Bar): boolean {
  return is === "at least" ? value >= bar : value <= bar;
}

function barText(bar: Bar | undefined): string {
  return bar === undefined ? "" : `${bar.is === "at least" ? ">=" : "<="} ${bar.bar.toLocaleString("en-US")}`;
}

/** Three digits, whole from a thousand on. */
function short(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}
