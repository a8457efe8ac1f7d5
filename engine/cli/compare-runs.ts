// The results of a what-if: one run, or two side by side.
import { formatFault } from "../rulebook/fault.ts";
import type { Lint } from "../rulebook/lint.ts";
import { lintCensus } from "../sandbox/lint-census.ts";
import type { RunPastOutput } from "../sandbox/run-past.ts";
import type { RunStats } from "../sandbox/run-tally.ts";
import type { BookToRun } from "./open-past.ts";
import { formatTable, type Paint } from "./terminal.ts";

export interface FinishedRun extends RunPastOutput {
  readonly book: BookToRun;
}

export interface ComparedRuns {
  readonly runs: readonly {
    readonly rulebook: { readonly name: string; readonly hash: string; readonly version: string };
    readonly figures: Readonly<Record<string, number>>;
    readonly actions: Readonly<Record<string, number>>;
    readonly policies: Readonly<Record<string, number>>;
    /** Rules that never decided anything here. */
    readonly lints: readonly Lint[];
  }[];
  /** Customers whose first action is another one, by `from -> to`; undefined where there is one run. */
  readonly flips: { readonly customers: number; readonly byPair: Readonly<Record<string, number>> } | undefined;
}

const NOTHING = "nothing";
const PAIRS_SHOWN_MAX = 12;
const LINTS_SHOWN_MAX = 20;

export function compareRuns(runs: readonly FinishedRun[]): ComparedRuns {
  const [base, tried] = runs;
  return {
    runs: runs.map(({ book, stats, outcomesLost, refused }) => ({
      rulebook: { name: book.name, hash: book.rulebook.hash, version: book.rulebook.version },
      figures: { ...figuresOf(stats), "outcomes of offers not made": outcomesLost, refused: refused },
      actions: sorted(stats.actions),
      policies: sorted(stats.policies),
      lints: lintCensus(stats.rules),
    })),
    flips: base === undefined || tried === undefined ? undefined : flipsOf(base.stats, tried.stats),
  };
}

function figuresOf(stats: RunStats): Readonly<Record<string, number>> {
  return {
    decisions: stats.decisions,
    "of them asked": stats.asked,
    "of them triggered": stats.triggered,
    "with an offer": stats.acted,
    customers: stats.customers,
    "customers without an offer": stats.customersWithout,
    offers: stats.contacts.total,
    "offers per customer, mean": stats.contacts.mean,
    "offers per customer, p95": stats.contacts.p95,
    "offers per customer, most": stats.contacts.max,
    "expected value": stats.expectedValue,
    "withheld by the holdout": stats.withheld,
    withdrawn: stats.withdrawn,
    "decisions not reproduced": stats.notReproduced,
  };
}

function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}

function flipsOf(base: RunStats, tried: RunStats): ComparedRuns["flips"] {
  const pairs = new Map<string, number>();
  let customers = 0;
  for (const key of new Set([...base.first.keys(), ...tried.first.keys()])) {
    const [from, to] = [base.first.get(key) ?? NOTHING, tried.first.get(key) ?? NOTHING];
    if (from === to) continue;
    customers++;
    pairs.set(`${from} -> ${to}`, (pairs.get(`${from} -> ${to}`) ?? 0) + 1);
  }
  return { customers, byPair: sorted(pairs) };
}

export function renderRuns({ runs, flips }: ComparedRuns, paint: Paint): string {
  const names = runs.length === 1 ? ["count"] : ["base", "tried"];
  const heads = runs.map(({ rulebook }, index) => {
    const { name, version, hash } = rulebook;
    return `${runs.length === 1 ? "rulebook" : names[index]}: ${name}, version ${version} (${hash.slice(0, 12)})`;
  });
  const sections = [
    heads.join("\n"),
    table(
      "what",
      runs.map(({ figures }) => figures),
      names,
      paint,
    ),
    table(
      "offers by action",
      runs.map(({ actions }) => actions),
      names,
      paint,
    ),
    table(
      "dropped by policy",
      runs.map(({ policies }) => policies),
      names,
      paint,
    ),
  ].filter((text) => text !== "");
  if (flips !== undefined) {
    const pairs = Object.entries(flips.byPair).slice(0, PAIRS_SHOWN_MAX);
    const rows = pairs.map(([pair, customers]) => ({ "first action": pair, customers }));
    const shown = rows.length === 0 ? "" : `\n${formatTable(rows, paint)}`;
    sections.push(`${flips.customers} customers whose first action is another one${shown}`);
  }
  const lints = (runs.at(-1)?.lints ?? []).filter(({ severity }) => severity === "warning");
  const dead = lints.slice(0, LINTS_SHOWN_MAX).map((lint) => formatFault(lint));
  if (dead.length > 0) sections.push(dead.join("\n"));
  return sections.join("\n\n");
}

/** One row for each name; with two runs the difference beside them. */
function table(
  title: string,
  columns: readonly Readonly<Record<string, number>>[],
  names: readonly string[],
  paint: Paint,
): string {
  const rows = [...new Set(columns.flatMap((column) => Object.keys(column)))].map((name) => {
    const values = columns.map((column) => column[name] ?? 0);
    const [before = 0, after] = values;
    const cells = Object.fromEntries(values.map((value, index) => [names[index] ?? "", value]));
    return { [title]: name, ...cells, ...(after === undefined ? {} : { difference: after - before }) };
  });
  return rows.length === 0 ? "" : formatTable(rows, paint);
}
