// Splits a text stream into rows of cells: RFC 4180 with quotes, or blanks between the cells.
import type { Separator } from "./mappings.ts";

export interface TextRow {
  /** 1-based; the first line of a row that quotes line breaks. */
  readonly line: number;
  /** undefined: a quote was opened and never closed. */
  readonly cells: readonly string[] | undefined;
}

/** A quoted cell may span this many lines. */
const QUOTED_LINES_MAX = 50;

/** A line longer than this is no line of a table. In UTF-16 units. */
const LINE_LENGTH_MAX = 1_048_576;

/** Lines without their ends (LF or CR LF); `onBytes` sees every chunk. Throws where a line is too long. */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  onBytes: (chunk: Uint8Array) => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of bytes) {
    onBytes(chunk);
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_LENGTH_MAX) throw new Error(`a line is longer than ${LINE_LENGTH_MAX} characters`);
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

/** Empty lines are skipped. */
export async function* rowsOf(lines: AsyncIterable<string>, separator: Separator): AsyncGenerator<TextRow> {
  let number = 0;
  let open: { readonly text: string; readonly line: number } | undefined;
  for await (const text of lines) {
    number++;
    if (open === undefined && text.trim() === "") continue;
    if (separator === "spaces") {
      yield { line: number, cells: text.trim().split(/\s+/) };
      continue;
    }
    const whole: string = open === undefined ? text : `${open.text}\n${text}`;
    const line: number = open?.line ?? number;
    const cells = splitCells(whole, separator);
    if (cells === undefined && number - line < QUOTED_LINES_MAX) {
      open = { text: whole, line };
      continue;
    }
    open = undefined;
    yield { line, cells };
  }
  if (open !== undefined) yield { line: open.line, cells: undefined };
}

/** undefined where a quote is still open at the end. */
export function splitCells(text: string, separator: string): string[] | undefined {
  if (!text.includes('"')) return text.split(separator);
  const cells: string[] = [];
  for (let at = 0; ; ) {
    let cell = "";
    if (text[at] === '"') {
      const quoted = readQuoted(text, at);
      if (quoted === undefined) return undefined;
      cell = quoted.cell;
      at = quoted.end;
    }
    const next = text.indexOf(separator, at);
    cells.push(cell + text.slice(at, next === -1 ? text.length : next));
    if (next === -1) return cells;
    at = next + separator.length;
  }
}

function readQuoted(text: string, from: number): { readonly cell: string; readonly end: number } | undefined {
  let cell = "";
  for (let at = from + 1; ; ) {
    const end = text.indexOf('"', at);
    if (end === -1) return undefined;
    cell += text.slice(at, end);
    if (text[end + 1] !== '"') return { cell, end: end + 1 };
    cell += '"';
    at = end + 2;
  }
}
