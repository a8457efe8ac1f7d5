import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { bankFiles, drawOffers } from "../../bench/load/bank-rules.ts";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { RedisConnection } from "../../engine/journal/redis.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { ASIDE } from "../../engine/partition/compile-aside.ts";
import { AT_ONCE } from "../../engine/partition/compiler.ts";
import { readAside } from "../../engine/partition/read-aside.ts";
import { createRulebookLibrary, readLocalRulebook } from "../../engine/partition/rulebook-library.ts";
import type { CompiledRulebook, RulebookFiles } from "../../engine/rulebook/rulebook.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const models = ["churn", "propensity"].map((name) => ({ name, sha256: sha256(name) }));

let delivered: RulebookFiles;
beforeAll(async () => {
  delivered = await readRulebookFolder(`${repositoryRoot}/rules`);
});

describe("a rulebook that is compiled aside", () => {
  it("RUL-2 is the one that is compiled at once", async () => {
    const { aside, atOnce } = await both(delivered);
    expect(aside.kind).toBe("compiled");
    expect(aside).toEqual(atOnce);
  });

  it.each([
    ["no YAML", { "segments.yaml": "a: [" }],
    ["a wrong shape", { "placements.yaml": "placements: 1\n" }],
    [
      "an expression that does not compile",
      { "segments.yaml": "segments:\n  - { id: x, label: X, rule: features.none > }\n" },
    ],
    [
      "YAML of the rare kind",
      { "segments.yaml": "segments:\n  - id: x\n    label: X\n    rule: >\n      features.none\n      > 3\n" },
    ],
  ])("RUL-2 has the same faults as at once: %s", async (_, changes: RulebookFiles) => {
    const { aside, atOnce } = await both({ ...delivered, ...changes });
    expect(aside.kind).toBe("faulty");
    expect(aside).toEqual(atOnce);
  });

  it("RUL-2 leaves turns of the event loop to others", async () => {
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    await readAside(["a: 1\n"]);
    setImmediate(count);
    await ASIDE.work(
      (function* work() {
        for (let piece = 0; piece < 20; piece++) {
          const until = performance.now() + 2;
          while (performance.now() < until);
          yield;
        }
      })(),
    );
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(19);
  });

  it("RUL-1 is refused where it is too large, before its expressions are compiled", async () => {
    const many = bankFiles(drawOffers(5_001, 1), delivered);
    const { aside, atOnce } = await both(many);
    expect(aside).toEqual(atOnce);
    expect(aside).toMatchObject({
      kind: "faulty",
      faults: [{ message: "5001 actions, at most 5000 are decided between: take some out" }],
    });
    const long = Object.fromEntries(
      Array.from({ length: 9 }, (_, at) => [`actions/${at}.yaml`, "#".repeat(1024 * 1024)]),
    );
    const refused = await both({ ...delivered, ...long });
    expect(refused.aside).toEqual(refused.atOnce);
    expect(refused.aside.kind === "faulty" && refused.aside.faults.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^the files of this rulebook have \d+ characters together, at most 8388608 are read: write less$/,
      ),
    ]);
  });
});

it("RUL-3 what was stored from here is not read from Redis again", async () => {
  const local = await readLocalRulebook(delivered, `${repositoryRoot}/models`);
  if (local.kind === "faulty") throw new Error(JSON.stringify(local.faults));
  const asked: string[] = [];
  const connection = { command: async ([name]: readonly string[]) => void asked.push(name ?? "") };
  const library = createRulebookLibrary(connection as unknown as RedisConnection, {});
  const hash = await library.store(local);
  const active = await library.get(hash);
  expect(active.rulebook).toBe(local.rulebook);
  expect(asked).not.toContain("GET");
  expect(asked).not.toContain("HMGET");
  expect(await library.get(hash)).toBe(active);
});

describe("texts that are read aside", () => {
  it("come back each with its own reading, repeated ones too", async () => {
    const texts = ["a: 1\n", "a: [\n", "a: 1\n", "b: >\n  c\n", ""];
    const readings = await readAside(texts);
    expect([...readings].map(([text, reading]) => [text, reading.kind])).toEqual([
      ["a: 1\n", "read"],
      ["a: [\n", "unread"],
      ["b: >\n  c\n", "read"],
      ["", "read"],
    ]);
  });
});

/** What can be compared: all but the functions, which are made of the same texts. */
async function both(files: RulebookFiles): Promise<{ aside: CompiledRulebook; atOnce: CompiledRulebook }> {
  const input = { files, models, sha256 };
  return { aside: plain(await ASIDE.compile(input)), atOnce: plain(await AT_ONCE.compile(input)) };
}

function plain(compiled: CompiledRulebook): CompiledRulebook {
  const isNoFunction = (_: string, value: unknown): unknown =>
    typeof value === "function" ? "function" : value instanceof Map || value instanceof Set ? [...value] : value;
  return JSON.parse(JSON.stringify(compiled, isNoFunction)) as CompiledRulebook;
}
