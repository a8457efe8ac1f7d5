// The rule tests of the demo, as `npx nba test rules` runs them.
import { expect, test, vi } from "vitest";
import { testCommand } from "../../engine/cli/test.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";

interface Run {
  readonly passed: boolean;
  readonly tests: readonly { readonly name: string; readonly mismatches: readonly object[] }[];
  readonly faults: readonly object[];
  readonly coverage: Readonly<Record<"actions" | "triggers" | "policies", { total: number; missing: string[] }>>;
}

async function runRuleTests(): Promise<Run> {
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
  const before = process.exitCode;
  const args = [`${repositoryRoot}/rules`, "--models", `${repositoryRoot}/models`, "--json"];
  try {
    await testCommand().exitOverride().parseAsync(args, { from: "user" });
  } finally {
    process.exitCode = before;
    spy.mockRestore();
  }
  return JSON.parse(written.join("")) as Run;
}

test("the rule tests of rules/ pass, and they show every action and every trigger", async () => {
  const { passed, tests, faults, coverage } = await runRuleTests();
  expect(faults).toEqual([]);
  expect(tests.filter(({ mismatches }) => mismatches.length > 0)).toEqual([]);
  expect(passed).toBe(true);
  expect(coverage.actions).toEqual({ total: 18, missing: [] });
  expect(coverage.triggers).toEqual({ total: 8, missing: [] });
});
