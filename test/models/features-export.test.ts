import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { featuresCommand } from "../../engine/cli/features-export.ts";

const RULES = new URL("../../rules", import.meta.url).pathname;
const FILE = [
  '{"id":"1","type":"page_view","customer":"a,b","ts":1767225600000,"props":{"item":"x"}}',
  '{"id":"2","type":"purchase","customer":"a,b","ts":1767229200000,"props":{"amount":12.5}}',
  '{"id":"3","type":"page_view","customer":"c","ts":1767312000000}',
].join("\n");

async function run(events: string, ...args: string[]): Promise<{ readonly out: string; readonly rows: string }> {
  const dir = mkdtempSync(join(tmpdir(), "nba-export-"));
  const rows = join(dir, args.includes("--ndjson") ? "rows.ndjson" : "rows.csv");
  writeFileSync(join(dir, "events.ndjson"), events);
  let out = "";
  const command = featuresCommand();
  for (const one of [command, ...command.commands]) {
    one.exitOverride().configureOutput({
      writeOut: (line) => {
        out += line;
      },
      writeErr: () => undefined,
    });
  }
  const rest = args.filter((argument) => argument !== "--ndjson");
  await command.parseAsync(["export", join(dir, "events.ndjson"), "--rules", RULES, "--out", rows, ...rest], {
    from: "user",
  });
  return { out, rows: readFileSync(rows, "utf8") };
}

describe("nba features export", () => {
  it("writes CSV: customer, time, label, features; missing ones empty", async () => {
    const { out, rows } = await run(FILE, "--at", "event", "--features", "views_24h,spend_last", "--json");
    expect(rows).toBe(
      'customer,at,label,views_24h,spend_last\n"a,b",1767225600000,,1,\n"a,b",1767229200000,,1,12.5\nc,1767312000000,,1,\n',
    );
    expect(JSON.parse(out)).toMatchObject({ rows: 3, positives: 0, customers: 2 });
  });

  it("writes NDJSON: missing ones null, with a label", async () => {
    const { rows } = await run(
      FILE,
      "--ndjson",
      "--at",
      "event",
      "--features",
      "spend_last",
      "--label",
      "any:purchase:1h",
    );
    expect(
      rows
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { customer: "a,b", at: 1767225600000, label: 1, features: { spend_last: null } },
      { customer: "a,b", at: 1767229200000, label: 0, features: { spend_last: 12.5 } },
    ]);
  });

  it("says what is wrong: no such feature, an event that the engine would refuse, a label that is none", async () => {
    await expect(run(FILE, "--features", "views_1y")).rejects.toThrow('features.yaml declares no feature "views_1y"');
    await expect(run('{"type":"x","ts":1767225600000,"customer":"a"}')).rejects.toThrow(
      /the event of line 1 is refused/,
    );
    await expect(run(FILE, "--label", "purchase")).rejects.toThrow('"purchase" is not like any:purchase:24h');
    await expect(run(FILE, "--rules", "/nowhere")).rejects.toThrow('no folder "/nowhere"');
  });
});
