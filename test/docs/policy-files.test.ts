// README.md, policy as files: what is shown compiles beside the delivered rules, and the rule tests that are shown pass.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { knownModels, sha256 } from "../../engine/partition/rulebook-library.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import { lintRulebook } from "../../engine/rulebook/lint-rulebook.ts";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";
import { loadModels } from "../../engine/score/load-models.ts";
import { readDocument, repository, section } from "./readme.ts";
import { beside, writtenFiles } from "./written-rules.ts";

const root = fileURLToPath(repository);
const readme = readDocument("README.md");
const policy = writtenFiles(section(readme, "Policy as files"));
const tests = writtenFiles(section(readme, "Rule tests"));

/** Campaigns and treatments that the examples date are not over yet. */
const WRITTEN_AT = Date.UTC(2026, 10, 22) as Instant;

let scratch: string;
let delivered: RulebookFiles;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "nba-policy-"));
  delivered = await readRulebookFolder(join(root, "rules"));
  write(delivered);
  for (const { path, text } of tests) write({ [path]: text });
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("README.md, policy as files", { timeout: 120_000 }, () => {
  it("has an example for every kind of file, and for every kind of policy in it", () => {
    const shown = new Set(policy.map(({ path }) => path.replace(/^actions\/.*/, "actions/*.yaml")));
    const listed = [...section(readme, "Policy as files").matchAll(/^\| [^|]+ \| ([^|]+) \| [A-Z ]+ \|$/gm)];
    const files = listed.flatMap(([, names]) =>
      [...(names as string).matchAll(/`([^`]+\.yaml)`/g)].map(([, name]) => name),
    );
    for (const file of files.filter((name) => name !== "placements.yaml")) expect(shown).toContain(file);
    const texts = policy.map(({ text }) => text).join("");
    for (const word of POLICIES) expect([word, texts.includes(`${word}:`)]).toEqual([word, true]);
  });

  it("compiles beside the delivered rules, and nothing of it does nothing", async () => {
    const loaded = await loadModels(join(root, "models"));
    const models = loaded.kind === "loaded" ? loaded.models : [];
    const compiled = compileRulebook({ files: beside(delivered, policy), models: knownModels(models), sha256 });
    if (compiled.kind === "faulty") throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
    const modelFeatures = models.flatMap(({ card }) => card.features.map(({ name }) => name));
    const lints = lintRulebook({ rulebook: compiled.rulebook, reads: compiled.reads, modelFeatures, now: WRITTEN_AT });
    expect(lints.filter(({ severity }) => severity === "warning").map((lint) => formatFault(lint))).toEqual([]);
  });
});

describe("README.md, rule tests", { timeout: 120_000 }, () => {
  it("the tests that are shown pass on the delivered rules", () => {
    const { status, stdout } = nba("test", scratch, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ passed: true, tests: [{ passed: true }, { passed: true }], faults: [] });
    expect(status).toBe(0);
  });
});

const POLICIES = [
  ...[
    "segments",
    "limits",
    "coolDowns",
    "related",
    "openCases",
    "quietHours",
    "timeZone",
    "purposes",
    "consentDefault",
  ],
  ...["quotas", "absence", "sequence", "count", "inactivity", "daily", "rejected", "holdFor", "campaigns", "holdout"],
  ...["experiments", "variant", "fatigue", "boosts", "atMost", "bundles", "holdsRoom", "urgent", "format", "cost"],
];

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(scratch, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function nba(...args: readonly string[]) {
  const env = { PATH: process.env["PATH"], HOME: scratch };
  return spawnSync(process.execPath, [join(root, "dist/program/nba.js"), ...args], {
    cwd: root,
    encoding: "utf8",
    env,
  });
}
