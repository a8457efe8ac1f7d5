import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProgram } from "../../engine/cli/create-program.ts";

const root = new URL("../../", import.meta.url).pathname;
let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "nba-cli-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function nba(args: readonly string[], env: Record<string, string> = {}): SpawnSyncReturns<string> {
  const clean = { PATH: process.env["PATH"], HOME: scratch, ...env };
  return spawnSync(process.execPath, [join(root, "engine/cli/nba.mjs"), ...args], {
    cwd: root,
    encoding: "utf8",
    env: clean,
  });
}

/** Each call is a process of its own; where the machine is busy that takes a while. */
const SLOW = { timeout: 180_000 };

describe("nba", SLOW, () => {
  it("exits 0 for help and version, 2 for what it does not know", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(nba(["--version"])).toMatchObject({ status: 0, stdout: `${version}\n` });
    expect(nba(["--help"]).status).toBe(0);
    expect(nba(["bogus"])).toMatchObject({ status: 2, stdout: "" });
    expect(nba(["partition"]).status).toBe(2);
    expect(nba(["partition", "c-17", "--bogus"]).status).toBe(2);
    expect(nba(["bench", "no-such-benchmark"]).status).toBe(2);
  });

  it("makes a key of a server: shown once, and its sha256 for the file", () => {
    const made = nba(["key", "crm", "--scopes", "decide,agent", "--topics", "customer/*", "--json"]);
    expect(made.status).toBe(0);
    const { key, entry } = JSON.parse(made.stdout);
    expect(entry).toEqual({
      name: "crm",
      sha256: createHash("sha256").update(key).digest("hex"),
      scopes: ["decide", "agent"],
      topics: ["customer/*"],
    });
    expect(nba(["key", "crm", "--scopes", "root"])).toMatchObject({ status: 2, stdout: "" });
    expect(nba(["key", "crm"])).toMatchObject({ status: 2, stdout: "" });
  });

  it("has help with an example for every command", async () => {
    const { commands } = await createProgram(undefined);
    expect(commands.map((command) => command.name())).toEqual(
      expect.arrayContaining(["start", "validate", "replay", "features", "partition", "bench"]),
    );
    for (const command of commands.flatMap((each) => (each.commands.length > 0 ? each.commands : [each]))) {
      let text = "";
      command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
      const name = command.name();
      expect(text, name).toMatch(/Usage: nba /);
      expect(text, name).toContain("Example");
      expect(text, `${name}: defaults as one would write them`).not.toMatch(/\(default: (null|undefined|NaN|[{[])/);
    }
  });

  it("says in one line that Redis does not answer", () => {
    const { status, stderr } = nba(["why", "c-17", "gold-card"], { REDIS_URL: "redis://127.0.0.1:1" });
    expect(stderr).toBe(
      "nba: Redis does not answer: connect ECONNREFUSED 127.0.0.1:1; REDIS_URL names the one to use\n",
    );
    expect(status).toBe(1);
  });

  it("tells every fault of the environment on a line of its own and exits 2", () => {
    const { status, stderr, stdout } = nba(["partition", "c-17"], { PORT: "x", NBA_TURBO: "1" });
    expect(status).toBe(2);
    expect(stdout).toBe("");
    const lines = stderr
      .trimEnd()
      .split("\n")
      .filter((line) => !line.includes("building"));
    expect(lines).toEqual([
      expect.stringMatching(/^nba: NBA_TURBO: no such option; /),
      'nba: PORT: "x" is not a whole number from 0 to 65535',
    ]);
  });

  it("colours nothing where nobody sees it", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what must not be there
    expect(nba(["validate"]).stdout).not.toMatch(/\u001b/);
  });
});

describe("nba partition", SLOW, () => {
  it("says where a customer lives, in words and as JSON", () => {
    const alone = nba(["partition", "c-17"], { NBA_STATE_DIR: scratch });
    expect(alone.stdout).toContain("c-17 lives in partition 9 of 64 (the default; REDIS_URL is not set, and no engine");
    const { status, stdout } = nba(["partition", "c-17", "--json"], { PARTITIONS: "16" });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      key: "c-17",
      partition: 9,
      partitions: 16,
      from: "PARTITIONS",
      log: "nba:{9}:events",
      profile: "nba:{9}:profile:c-17",
    });
  });

  it("takes an anonymousId", () => {
    expect(JSON.parse(nba(["partition", "a-1", "--anonymous", "--json"], { PARTITIONS: "64" }).stdout).key).toBe(
      "anon:a-1",
    );
  });
});

describe("nba validate", SLOW, () => {
  const hasModels = existsSync(join(root, "models"));

  it.skipIf(!hasModels && process.env["CI"] !== "true")("finds no fault in rules/ and models/, and counts them", () => {
    const { status, stdout } = nba(["validate", "--json"]);
    const verdict = JSON.parse(stdout);
    expect(verdict.faults).toEqual([]);
    expect(status).toBe(0);
    expect(verdict.rulebook.actions).toBeGreaterThanOrEqual(15);
    expect(verdict.rulebook.models).toBe(2);
  });

  it("tells each fault as file:line:column with what would be right, and exits 1", () => {
    const rules = join(scratch, "rules");
    cpSync(join(root, "rules"), rules, { recursive: true });
    const file = join(rules, "placements.yaml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("label:", "lable:"));
    const line = text.slice(0, text.indexOf("label:")).split("\n").length;
    const { status, stdout } = nba(["validate", rules]);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`placements\\.yaml:${line}:\\d+: unknown field "lable".*did you mean "label"\\?`),
    );
    expect(stdout).toMatch(/^\d+ faults?$/m);
  });

  it("warns of what does nothing, and exits 1 for that only where it is told to be strict", () => {
    const rules = join(scratch, "lint");
    cpSync(join(root, "rules"), rules, { recursive: true });
    const file = join(rules, "contact-policy.yaml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("limits:\n", "limits:\n  - { id: wide, max: 1, window: 90d }\n"));
    const { status, stdout } = nba(["validate", rules]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /contact-policy\.yaml:\d+:\d+: warning: limit "outreach-per-day" never bites: "wide" .* \[moot-limit\]/,
    );
    expect(stdout).toMatch(/^\d+ warnings$/m);
    expect(nba(["validate", rules, "--strict"]).status).toBe(1);
    const told = JSON.parse(nba(["validate", rules, "--json"]).stdout);
    expect(told.lints).toContainEqual(
      expect.objectContaining({ id: "moot-limit", severity: "warning", file: "contact-policy.yaml" }),
    );
  });

  it("is wrong use where there is no such folder", () => {
    expect(nba(["validate", join(scratch, "nowhere")])).toMatchObject({ status: 2, stdout: "" });
  });
});
