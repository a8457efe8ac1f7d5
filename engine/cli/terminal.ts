// What the commands share of the terminal: results to stdout, everything else to stderr, colour only where it is seen.
import { styleText } from "node:util";

/** 0: well; 1: found faults; 2: wrong use. */
export type ExitCode = 0 | 1 | 2;

/** The message is complete and for the user: printed as one line, without a stack. */
export class CommandTrouble extends Error {
  override readonly name = "CommandTrouble";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

/** https://no-color.org: any non-empty NO_COLOR switches colour off. */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const wanted = stream.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return wanted ? (style, text) => styleText(style, text) : plain;
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, null, 2));
}

export function complain(text: string): void {
  process.stderr.write(`nba: ${text}\n`);
}

/** The process ends with this code once nothing is left to do, so that all output is written. */
export function exitWith(code: ExitCode): void {
  process.exitCode = code;
}

/** Columns as wide as their widest cell; numbers to the right. */
export function formatTable(rows: readonly Readonly<Record<string, string | number>>[], paint: Paint): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => names.map((name) => formatCell(row[name])));
  const widths = names.map((name, at) => Math.max(name.length, ...cells.map((row) => (row[at] as string).length)));
  const isNumeric = names.map((name) => rows.every((row) => typeof (row[name] ?? 0) === "number"));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) =>
        isNumeric[at] === true ? text.padStart(widths[at] as number) : text.padEnd(widths[at] as number),
      )
      .join("  ")
      .trimEnd();
  return [paint("bold", line(names)), ...cells.map(line)].join("\n");
}

function formatCell(value: string | number | undefined): string {
  if (typeof value !== "number") return value ?? "";
  if (!Number.isFinite(value)) return String(value);
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : 3 });
}
