// One file of rule tests, run: a verdict for each test, in order.
import { dirname } from "node:path";
import { createFaultLog } from "../rulebook/fault.ts";
import type { Place } from "../rulebook/place.ts";
import type { Fault } from "../rulebook/rulebook.ts";
import type { Mismatch, RuleTestBook } from "./do-deed.ts";
import type { RuleTestBooks } from "./rule-test-books.ts";
import { type RuleTestResult, runRuleTest } from "./run-rule-test.ts";
import { readTestFile } from "./test-file.ts";

export interface Verdict {
  readonly name: string;
  readonly place: Place;
  readonly mismatches: readonly Mismatch[];
  /** undefined where its rulebook has faults, which `mismatches` tells. */
  readonly ran: { readonly book: RuleTestBook; readonly result: RuleTestResult } | undefined;
}

export interface FileVerdict {
  /** The file cannot be read as tests. */
  readonly faults: readonly Fault[];
  readonly verdicts: readonly Verdict[];
}

/** `path` is where the file lies, `text` what it holds; faults name it by `path`. `only`: tests whose name contains it. */
export async function runTestFile(
  path: string,
  text: string,
  books: RuleTestBooks,
  only?: string,
): Promise<FileVerdict> {
  const faults = createFaultLog();
  const tests = readTestFile(path, text, faults);
  if (faults.count() > 0) return { faults: faults.sorted(), verdicts: [] };
  const verdicts: Verdict[] = [];
  for (const test of tests.filter(({ name }) => name.includes(only ?? ""))) {
    const { name, place } = test;
    const found = await books.bookOf(test, dirname(path));
    if (found.kind === "faulty") {
      const mismatch = { place: test.rulesPlace, expected: "rules without faults", got: found.message };
      verdicts.push({ name, place, mismatches: [mismatch], ran: undefined });
      continue;
    }
    const result = await runRuleTest(test, found.book);
    verdicts.push({ name, place, mismatches: result.mismatches, ran: { book: found.book, result } });
  }
  return { faults: [], verdicts };
}
