import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { CustomerEvent, Props } from "../../engine/domain/event.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import { customerKey, type NameHash } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { rulebookHash } from "../../engine/rulebook/compile.ts";
import { createFaultLog } from "../../engine/rulebook/fault.ts";
import { createNameTable } from "../../engine/rulebook/names.ts";
import {
  type FeatureSpec,
  RULE_ERROR,
  RULE_FALSE,
  RULE_TRUE,
  type Rule,
  type RuleScope,
  type Template,
} from "../../engine/rulebook/rulebook.ts";
import { rulebookJsonSchemas } from "../../engine/rulebook/schema.ts";
import { changed, ruleset, SMALL, sha256 } from "./small-rules.ts";

const RULE = "features.buys_30d > 1";

const EMPTY: RuleScope = {
  features: new Float64Array(3).fill(Number.NaN),
  attributes: [],
  context: {},
  models: new Float64Array(2).fill(Number.NaN),
  openCases: 0,
  anonymous: false,
};

/** What one rule gives, by each of the ways to evaluate it. */
function evaluate(rule: string, scope: Partial<RuleScope> = {}): number {
  const rulebook = ruleset(changed("actions/sell.yaml", RULE, JSON.stringify(rule)));
  const index = rulebook.actions[0]?.applicability[0];
  if (index === undefined) throw new Error("no rule");
  const { slot, needsModels } = rulebook.rules[index] as Rule;
  const out = new Uint8Array(rulebook.verdicts).fill(9);
  const read = { ...EMPTY, ...scope };
  if (needsModels.length > 0) rulebook.evaluateModelRules(read, out);
  else rulebook.evaluateRules(read, out);
  expect(rulebook.evaluateRule(index, read)).toBe(out[slot]);
  return out[slot] as number;
}

function event(type: string, props: Props = {}): CustomerEvent {
  return { id: "e", type, key: customerKey("c"), ts: 0 as Instant, source: "clickstream", props };
}

function feature(written: string): FeatureSpec {
  const changes = changed("features.yaml", "features:\n", `features:\n  - { name: mine, label: Mine, ${written} }\n`);
  return ruleset(changes).features[0] as FeatureSpec;
}

function render(template: Template, scope: RuleScope): readonly unknown[] {
  return template.map((part) => (typeof part === "string" ? part : part.get(scope)));
}

describe("errors in rules", () => {
  const table: readonly (readonly [rule: string, expected: number])[] = [
    ["features.buys_30d > 1", RULE_ERROR],
    ["false && features.buys_30d > 1", RULE_FALSE],
    ["features.buys_30d > 1 && false", RULE_FALSE],
    ["true || features.buys_30d > 1", RULE_TRUE],
    ["features.buys_30d > 1 || true", RULE_TRUE],
    ["true && features.buys_30d > 1", RULE_ERROR],
    ["!(features.buys_30d > 1)", RULE_ERROR],
    ["features.buys_30d > 1 ? true : true", RULE_ERROR],
    ["true ? true : features.buys_30d > 1", RULE_TRUE],
    ["has(features.buys_30d) && features.buys_30d > 1", RULE_FALSE],
    ["1 / 0 > 1", RULE_ERROR],
    ["1 / 0 == 1 / 0", RULE_ERROR],
    ["model.churn > 0.5", RULE_ERROR],
    ["context.constructor == 1", RULE_ERROR],
    ["has(context.constructor)", RULE_FALSE],
    ["has(context.__proto__)", RULE_FALSE],
    ['"x" in attributes.products', RULE_ERROR],
    ['attributes.first_name == "Ana"', RULE_ERROR],
  ];
  for (const [rule, expected] of table)
    it(`${rule} -> ${expected} where nothing is known`, () => expect(evaluate(rule)).toBe(expected));

  it("a property of another type is an error where it is compared by size, and unequal where not", () => {
    expect(evaluate("context.amount > 5", { context: { amount: "6" } })).toBe(RULE_ERROR);
    expect(evaluate("context.amount == 6", { context: { amount: "6" } })).toBe(RULE_FALSE);
    expect(evaluate("context.amount > 5", { context: { amount: 6 } })).toBe(RULE_TRUE);
  });

  it("an attribute of another type than declared is an error", () => {
    expect(evaluate("attributes.age > 5", { attributes: [undefined, "6"] })).toBe(RULE_ERROR);
  });

  it("text never becomes code", () => {
    const nasty = `"\`$\{globalThis.hit = 1}\` */ '\\" \\n"`;
    expect(evaluate(`context.x == ${nasty}`, { context: { x: "y" } })).toBe(RULE_FALSE);
    expect(evaluate(`attributes.first_name in [${nasty}]`, { attributes: ["y"] })).toBe(RULE_FALSE);
    expect("hit" in globalThis).toBe(false);
  });
});

describe("compiled rulebook", () => {
  it("evaluates one text once, and keeps the place of each rule that has it", () => {
    const twice = changed(
      "actions/sell.yaml",
      RULE,
      `${RULE}\n          - { id: again, rule: ${RULE}, why: to be sure }`,
    );
    const rulebook = ruleset(twice);
    expect(rulebook.rules.map(({ id, place }) => [id, place.line])).toEqual([
      ["trigger/bought", 4],
      ["sell/shop/deal/applicability-1", 11],
      ["sell/shop/deal/again", 12],
    ]);
    expect(rulebook.rules[2]?.why).toBe("to be sure");
    expect(rulebook.rules.map(({ slot }) => slot)).toEqual([0, 1, 1]);
    const out = new Uint8Array(rulebook.verdicts).fill(9);
    rulebook.evaluateRules({ ...EMPTY, features: Float64Array.of(2, 0, 0) }, out);
    expect([...out]).toEqual([RULE_TRUE, RULE_TRUE]);
  });

  it("leaves rules that read models to evaluateModelRules", () => {
    const rulebook = ruleset(changed("actions/sell.yaml", RULE, "model.churn > 0.5"));
    const out = new Uint8Array(2).fill(9);
    const scope = { ...EMPTY, models: Float64Array.of(0.9, Number.NaN) };
    rulebook.evaluateRules(scope, out);
    expect(out[1]).toBe(9);
    rulebook.evaluateModelRules(scope, out);
    expect(out[1]).toBe(RULE_TRUE);
    expect(rulebook.actions[0]?.needsModels).toEqual([0]);
  });

  it("evaluates weights, NaN on error", () => {
    const rulebook = ruleset(changed("actions/sell.yaml", "value: 10", "value: 2 * features.buys_30d + 0.5"));
    const out = new Float64Array(rulebook.weights);
    rulebook.evaluateWeights({ ...EMPTY, features: Float64Array.of(3, 0, 0) }, out);
    expect([...out]).toEqual([6.5]);
    rulebook.evaluateWeights(EMPTY, out);
    expect([...out]).toEqual([Number.NaN]);
  });

  it("evaluates thousands of rules alike in one function and one by one", () => {
    const rules = Array.from(
      { length: 1_500 },
      (_, n) => `          - context: [{ when: features.views_7d > ${n}, weight: 2 }]`,
    );
    const actions = rules.map(
      (_, n) =>
        `      - { id: a-${n}, label: A, value: 1, propensity: { prior: { mean: 0.5, weight: 2 } }, context: [{ when: features.views_7d > ${n}, weight: 2 }], treatments: [{ channel: app, content: { title: T } }] }`,
    );
    const rulebook = ruleset({
      "actions/sell.yaml": `issue: { id: sell, label: Sell }\ngroups:\n  - id: a\n    label: A\n    actions:\n${actions.slice(0, 900).join("\n")}\n  - id: b\n    label: B\n    actions:\n${actions.slice(900).join("\n")}\n`,
    });
    const scope = { ...EMPTY, features: Float64Array.of(0, 700, 0) };
    const out = new Uint8Array(rulebook.verdicts).fill(9);
    rulebook.evaluateRules(scope, out);
    expect(out.filter((truth) => truth === RULE_TRUE).length).toBe(700);
    const single = rulebook.rules.map((rule) => rulebook.evaluateRule(rule.index, scope));
    expect(rulebook.rules.map(({ slot }) => out[slot])).toEqual(single);
  });

  it("gives the default pane of each window", () => {
    const panes = ["1h", "24h", "7d", "30d", "90d"].map((window) => {
      const { windowMs = 0, paneMs = 1 } = feature(`aggregate: count, of: [x], window: ${window}`);
      return [window, windowMs / paneMs];
    });
    expect(panes).toEqual([
      ["1h", 12],
      ["24h", 24],
      ["7d", 28],
      ["30d", 30],
      ["90d", 30],
    ]);
    expect(feature("aggregate: count, of: [x], window: 90d, pane: 18d").paneMs).toBe(18 * DAY_MS);
    expect(feature("aggregate: count, of: [x], halfLife: 6h").halfLifeMs).toBe(6 * HOUR_MS);
  });

  it("matches events by type and filter, an error being no", () => {
    const { matches } = feature('aggregate: count, of: [page_view, tap], where: event.props.section == "support"');
    expect(matches(event("page_view", { section: "support" }))).toBe(true);
    expect(matches(event("tap", { section: "support" }))).toBe(true);
    expect(matches(event("page_view", { section: "loans" }))).toBe(false);
    expect(matches(event("page_view"))).toBe(false);
    expect(matches(event("purchase", { section: "support" }))).toBe(false);
    expect(feature("aggregate: recency").matches(event("anything"))).toBe(true);
  });

  it("reads the field of an event: a number to add up, a text to tell apart, else nothing", () => {
    const sum = feature("aggregate: sum, of: [purchase], field: amount").field;
    expect(sum?.(event("purchase", { amount: 5 }))).toBe(5);
    expect(sum?.(event("purchase", { amount: "5" }))).toBeUndefined();
    expect(sum?.(event("purchase"))).toBeUndefined();
    const distinct = feature("aggregate: distinct, of: [page_view], field: item, window: 24h").field;
    expect(distinct?.(event("page_view", { item: "a" }))).toBe("a");
    expect(distinct?.(event("page_view", { item: 7 }))).toBe("7");
    expect(feature("aggregate: max, field: constructor").field?.(event("x"))).toBeUndefined();
  });

  it("renders templates from the scope, undefined where a value is missing", () => {
    const rulebook = ruleset();
    const title = rulebook.treatments[0]?.content["title"]?.["en"] as Template;
    expect(render(title, { ...EMPTY, attributes: ["Ana"] })).toEqual(["Hello ", "Ana"]);
    expect(render(title, EMPTY)).toEqual(["Hello ", undefined]);
    const reason = rulebook.actions[0]?.reasons[0]?.text["en"] as Template;
    expect(render(reason, { ...EMPTY, features: Float64Array.of(2, 0, 0) })).toEqual([2, " buys"]);
    expect(render(reason, EMPTY)).toEqual([undefined, " buys"]);
    expect(title.map((part) => (typeof part === "string" ? part : part.read))).toEqual([
      "Hello ",
      "attributes.first_name",
    ]);
  });

  it("keeps texts by locale, and a text without one under en and the default", () => {
    const rulebook = ruleset({
      "rulebook.yaml": 'version: "1"\ndefaultLocale: de\n',
      ...changed(
        "actions/sell.yaml",
        "Hello {{first_name}}",
        "Hallo\n              text: { en: Hi, fr: Salut }\n              talkingPoints: [a, b]",
      ),
    });
    expect(rulebook.defaultLocale).toBe("de");
    const content = rulebook.treatments[0]?.content;
    expect(content).toEqual({
      title: { en: ["Hallo"], de: ["Hallo"] },
      text: { en: ["Hi"], fr: ["Salut"] },
      talkingPoints: { en: [["a"], ["b"]], de: [["a"], ["b"]] },
    });
  });

  it("multiplies levers, inherits rules, and turns the prior into alpha and beta", () => {
    const inherited = (SMALL["actions/sell.yaml"] as string)
      .replace("  label: Sell\n", "  label: Sell\n  lever: 2\n  suitability: [customer.open_cases == 0]\n")
      .replace("    label: Shop\n", '    label: Shop\n    lever: 3\n    suitability: ["!customer.anonymous"]\n')
      .replace(
        "        label: Deal\n",
        "        label: Deal\n        lever: 0.5\n        suitability: [attributes.age >= 18]\n",
      );
    const rulebook = ruleset({ "actions/sell.yaml": inherited });
    const [action] = rulebook.actions;
    expect(action?.lever).toBe(3);
    expect(action?.suitability.map((rule) => rulebook.rules[rule]?.id)).toEqual([
      "sell/suitability-1",
      "sell/shop/suitability-1",
      "sell/shop/deal/suitability-1",
    ]);
    expect(rulebook.treatments[0]?.prior).toEqual({ alpha: 4, beta: 16 });
    expect(rulebook.treatments[0]?.hash).toBe(nameHash("treatment", "deal:app"));
    expect(rulebook.contactMemoryMs).toBe(30 * DAY_MS);
  });
});

describe("names and hashes", () => {
  it("gives one hash for the same files in any order, another for any other text or path", () => {
    const hash = rulebookHash(SMALL, sha256);
    expect(rulebookHash(Object.fromEntries(Object.entries(SMALL).toReversed()), sha256)).toBe(hash);
    expect(rulebookHash({ ...SMALL, "rulebook.yaml": 'version: "1" \n' }, sha256)).not.toBe(hash);
    expect(rulebookHash({ a: "b", c: "" }, sha256)).not.toBe(rulebookHash({ a: "", c: "b" }, sha256));
    expect(rulebookHash({ a: "b" }, sha256)).toBe(sha256('[["a","b"]]'));
  });

  it("refuses two names of one hash", () => {
    const faults = createFaultLog();
    const table = createNameTable("action", faults, () => 1 as NameHash);
    table.declare("one", { file: "a.yaml", line: 1, column: 1 });
    table.declare("two", { file: "a.yaml", line: 2, column: 1 });
    expect(faults.sorted()[0]?.message).toBe('action "two" has the same hash as "one": rename one of them');
  });

  it("has a JSON Schema for every kind of file", () => {
    const schemas = rulebookJsonSchemas();
    expect(Object.keys(schemas)).toHaveLength(11);
    expect(schemas["channels.yaml"]).toMatchObject({
      type: "object",
      required: ["channels"],
      additionalProperties: false,
    });
  });
});

describe("reading a folder", () => {
  it("takes yaml below it, but not tests, hidden files, other files or links that lead out", async () => {
    const root = await mkdtemp(join(tmpdir(), "rules-"));
    try {
      const dir = join(root, "rules");
      for (const folder of ["rules/actions", "rules/tests", "rules/.git", "outside"])
        await mkdir(join(root, folder), { recursive: true });
      for (const file of ["a.yaml", "actions/b.yaml", "tests/t.yaml", ".git/x.yaml", ".h.yaml", "note.md"])
        await writeFile(join(dir, file), file);
      await writeFile(join(root, "outside/secret.yaml"), "secret");
      await symlink(join(root, "outside/secret.yaml"), join(dir, "secret.yaml"));
      await symlink(join(root, "outside"), join(dir, "linked"));
      await symlink(join(dir, "a.yaml"), join(dir, "same.yaml"));
      await symlink(dir, join(dir, "actions/loop"));
      expect(await readRulebookFolder(dir)).toEqual({
        "a.yaml": "a.yaml",
        "actions/b.yaml": "actions/b.yaml",
        "same.yaml": "a.yaml",
      });
      await writeFile(join(dir, "big.yaml"), "x".repeat(1024 * 1024 + 1));
      await expect(readRulebookFolder(dir)).rejects.toThrow(/big\.yaml: has 1048577 bytes, at most 1048576 are read/);
      await expect(readRulebookFolder(join(root, "none"))).rejects.toThrow(
        /no folder .*give the folder that holds rulebook.yaml/,
      );
      await rm(join(dir, "big.yaml"));
      await writeFile(join(dir, "latin.yaml"), Uint8Array.of(0x61, 0xe9, 0x0a));
      await expect(readRulebookFolder(dir)).rejects.toThrow(/latin\.yaml: is not UTF-8 text/);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
