import type { Place } from "./place.ts";
import type { Fault } from "./rulebook.ts";

/** `rules/actions/retention.yaml:12:9: unknown field "lable": did you mean "label"?` */
export function formatFault(fault: Fault, folder = ""): string {
  const prefix = folder === "" || folder.endsWith("/") ? folder : `${folder}/`;
  return `${prefix}${fault.file}:${fault.line}:${fault.column}: ${fault.message}`;
}

/** Collects every fault of a rulebook, so that its author sees them all at once. */
export interface FaultLog {
  readonly add: (place: Place, message: string) => void;
  /** By file, line, column and message; without repetitions. */
  readonly sorted: () => readonly Fault[];
  readonly count: () => number;
}

/** A broken file can give a fault on every line: nobody reads more than this. */
const FAULTS_MAX = 500;

export function createFaultLog(): FaultLog {
  const faults: Fault[] = [];
  const seen = new Set<string>();
  return {
    add: (place, message) => {
      if (faults.length >= FAULTS_MAX) return;
      const fault: Fault = { file: place.file, line: place.line, column: place.column, message };
      const text = formatFault(fault);
      if (seen.has(text)) return;
      seen.add(text);
      faults.push(fault);
    },
    sorted: () => faults.toSorted(compareFaults),
    count: () => faults.length,
  };
}

function compareFaults(a: Fault, b: Fault): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  if (a.line !== b.line) return a.line - b.line;
  if (a.column !== b.column) return a.column - b.column;
  return a.message < b.message ? -1 : 1;
}
