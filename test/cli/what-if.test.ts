// What the commands make of a Redis that an engine has filled: nba simulate, nba validate --recorded, nba diff by hash.
import { rm } from "node:fs/promises";
import type { Command } from "commander";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { diffCommand } from "../../engine/cli/diff.ts";
import { simulateCommand } from "../../engine/cli/simulate.ts";
import { validateCommand } from "../../engine/cli/validate.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import {
  askFor,
  connect,
  decided,
  editableRules,
  event,
  journalOf,
  lookAt,
  outcomeOf,
  until,
} from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";

const CUSTOMERS = Array.from({ length: 20 }, (_, n) => `c-${n}`);
const NEVER = `      - id: for-the-rich
        label: For the rich
        applicability: [{ id: very-rich, rule: features.spend_all > 1000000 }]
        value: 900
        propensity: { prior: { mean: 0.2, weight: 10 } }
        treatments: [{ channel: app, content: { title: More } }]
`;

type Rules = Awaited<ReturnType<typeof editableRules>>;

let redis: TestRedis;
let client: Redis;
let base: Rules;
/** One push a day rather than two, and twice the lever for B. */
let tried: Rules;
let hash: string;
let recorded: readonly DecisionRecord[];
let middle: number;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  base = await editableRules();
  await base.edit("actions/growth.yaml", (text) => text + NEVER);
  tried = await editableRules();
  await tried.edit("actions/growth.yaml", (text) => text.replace("value: 9\n", "value: 9\n        lever: 2\n") + NEVER);
  await tried.edit("contact-policy.yaml", (text) => text.replace("push-per-day, max: 2", "push-per-day, max: 1"));
  const running = await startLoop(redis.url, { rulesDir: base.dir });
  const { engine } = running.loop;
  hash = engine.rulebook().hash;
  const buy = async (round: number): Promise<void> => {
    const before = await decisionsSoFar();
    await engine.append(CUSTOMERS.map((name) => event(`${name}-${round}`, "purchase", name, { amount: 150 })));
    await until(async () => (await decisionsSoFar()) === before + CUSTOMERS.length);
  };
  for (let round = 0; round < 3; round++) await buy(round);
  middle = Date.now();
  const first = await Promise.all(CUSTOMERS.map(async (name) => decided(await engine.ask(askFor(name)))));
  const no = first.slice(0, 10).map(({ key, contacts }) => outcomeOf(key, contacts[0]?.trackingCode ?? "", "declined"));
  await engine.append(no);
  for (const { key } of no) {
    await until(async () => (await lookAt(running, key)).contacts.some(({ outcome }) => outcome === "declined"));
  }
  for (const name of CUSTOMERS) decided(await engine.ask(askFor(name)));
  for (const name of CUSTOMERS) decided(await engine.ask(askFor(name, { context: { again: true } })));
  recorded = await allDecisions();
  await running.stop();
  vi.stubEnv("REDIS_URL", redis.url);
  vi.stubEnv("MODELS_DIR", `${repositoryRoot}/test/fixtures/no-models`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  client.disconnect();
  await redis.stop();
  for (const { dir } of [base, tried]) await rm(dir, { recursive: true });
});

async function allDecisions(): Promise<readonly DecisionRecord[]> {
  const commits = await Promise.all([0, 1, 2, 3].map((partition) => journalOf(client, partition)));
  return commits.flat().flatMap(({ decisions }) => decisions);
}

async function decisionsSoFar(): Promise<number> {
  return (await allDecisions()).length;
}

interface Ran {
  readonly printed: string;
  readonly exitCode: unknown;
}

async function run(command: Command, ...args: readonly string[]): Promise<Ran> {
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await command.exitOverride().parseAsync(args, { from: "user" });
    return { printed: written.join(""), exitCode: process.exitCode };
  } finally {
    process.exitCode = before;
    spy.mockRestore();
  }
}

interface Compared {
  readonly runs: readonly {
    readonly rulebook: { readonly hash: string };
    readonly figures: Readonly<Record<string, number>>;
    readonly actions: Readonly<Record<string, number>>;
    readonly policies: Readonly<Record<string, number>>;
    readonly lints: readonly { readonly id: string; readonly message: string }[];
  }[];
  readonly flips?: { readonly customers: number; readonly byPair: Readonly<Record<string, number>> };
}

async function simulate(...args: readonly string[]): Promise<Compared> {
  return JSON.parse((await run(simulateCommand(), ...args, "--json")).printed) as Compared;
}

describe("nba simulate, over what a Redis has recorded", () => {
  test("under the rulebook that is active there it decides as the engine has decided", async () => {
    const { runs, flips } = await simulate();
    const [only] = runs;
    const offers = recorded.flatMap(({ slates }) => slates.flatMap(({ items }) => items)).filter(({ kept }) => !kept);
    const byAction: Record<string, number> = {};
    for (const { action } of offers) byAction[action] = (byAction[action] ?? 0) + 1;
    expect(only?.rulebook.hash).toBe(hash);
    expect(only?.figures).toMatchObject({
      decisions: recorded.length,
      "of them asked": 60,
      "of them triggered": 60,
      "with an offer": recorded.filter(({ kind }) => kind === "act").length,
      customers: CUSTOMERS.length,
      offers: offers.length,
      "decisions not reproduced": 0,
      "outcomes of offers not made": 0,
      refused: 0,
    });
    expect(only?.actions).toEqual(byAction);
    expect(flips).toBeUndefined();
  });

  test("another cap and another lever show: first actions flip, caps turn down more, offers become fewer", async () => {
    const { runs, flips } = await simulate("--rules", tried.dir);
    const [before, after] = runs;
    expect(flips).toEqual({ customers: 20, byPair: { "save-a -> save-b": 20 } });
    // Both treatments on push fall: at the third purchase, and now at the second as well.
    expect(before?.policies["push-per-day"]).toBe(40);
    expect(after?.policies["push-per-day"]).toBe(80);
    expect(before?.figures["offers per customer, most"]).toBe(4);
    expect(after?.figures["offers per customer, most"]).toBe(2);
    expect(after?.figures["outcomes of offers not made"], "A was declined, and B is offered").toBe(10);
    expect(after?.figures["decisions not reproduced"]).toBe(0);
    const { printed } = await run(simulateCommand(), "--rules", tried.dir);
    expect(printed).toContain("20 customers whose first action is another one");
    expect(printed).toMatch(/push-per-day +40 +80 +40/);
  });

  test("a rulebook beside itself differs in nothing", async () => {
    const { runs, flips } = await simulate("--rules", base.dir);
    expect(flips).toEqual({ customers: 0, byPair: {} });
    expect(runs[1]).toEqual({ ...runs[0], rulebook: expect.objectContaining({ hash }) });
  });

  test("--from counts what came later, and what was before still fills the caps", async () => {
    const { runs } = await simulate("--from", String(middle));
    expect(runs[0]?.figures).toMatchObject({ decisions: 60, "of them asked": 60, "of them triggered": 0 });
  });

  test("a rule that was never true is told", async () => {
    const { runs } = await simulate();
    expect(runs[0]?.lints).toContainEqual(
      expect.objectContaining({ id: "recorded-never-true", message: expect.stringContaining("very-rich") }),
    );
  });
});

describe("nba validate --recorded", () => {
  test("tells a rule that no recorded decision needs, with its place", async () => {
    const { printed, exitCode } = await run(validateCommand(), base.dir, "--recorded", "--json");
    const { faults, lints } = JSON.parse(printed) as { faults: object[]; lints: { id: string; message: string }[] };
    expect(faults).toEqual([]);
    const told = lints.filter(({ id }) => id === "recorded-never-true");
    expect(told).toMatchObject([{ file: "actions/growth.yaml", line: expect.any(Number) }]);
    expect(told[0]?.message).toMatch(/very-rich.*was true at none of 120 recorded decisions/);
    expect(exitCode).toBe(0);
    const strict = await run(validateCommand(), base.dir, "--recorded", "--strict");
    expect(strict.exitCode).toBe(1);
    expect(strict.printed).toMatch(/growth\.yaml:\d+:\d+: warning: .*very-rich.*\[recorded-never-true\]/);
  });

  test("says nothing of it without the recorded decisions", async () => {
    const { printed } = await run(validateCommand(), base.dir);
    expect(printed).not.toContain("recorded-never-true");
  });
});

describe("nba diff", () => {
  test("a rulebook that Redis holds, by the first digits of its hash, and a folder", async () => {
    const { printed, exitCode } = await run(diffCommand(), hash.slice(0, 8), tried.dir, "--json");
    const { changes } = JSON.parse(printed) as { changes: { kind: string; name: string; field: string }[] };
    expect(exitCode).toBe(1);
    expect(changes).toHaveLength(2);
    expect(changes).toContainEqual(expect.objectContaining({ kind: "changed", before: "2", after: "1" }));
    const text = await run(diffCommand(), hash.slice(0, 8), tried.dir);
    expect(text.printed).toMatch(/^~ .*push-per-day.*: 2 -> 1 {2}contact-policy\.yaml:2:\d+$/m);
    expect(text.printed).toMatch(/^~ .*save-b.*lever: nothing -> 2 {2}actions\/growth\.yaml:\d+:\d+$/m);
  });

  test("the same twice", async () => {
    expect(await run(diffCommand(), hash, base.dir)).toEqual({ printed: "no difference in meaning\n", exitCode: 0 });
  });

  test("what is neither a folder nor a known hash is refused", async () => {
    const digits = hash.startsWith("0000") ? "1111" : "0000";
    await expect(run(diffCommand(), digits, base.dir)).rejects.toMatchObject({
      message: `Redis holds no rulebook whose hash begins with "${digits}"`,
      exitCode: 2,
    });
    await expect(run(diffCommand(), "no-folder", base.dir)).rejects.toMatchObject({
      message: '"no-folder" is neither a folder nor a hash',
      exitCode: 2,
    });
  });
});
