// Every kind of fault: what is put into the small rulebook, and all that is said of it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import { changed, faultsOf, SMALL, sha256 } from "./small-rules.ts";

const ACTIONS = "actions/sell.yaml";
const FEATURES = "features.yaml";
const POLICY = "contact-policy.yaml";
const RULE = "features.buys_30d > 1";

const TABLE: readonly (readonly [title: string, file: string, from: string, to: string, faults: readonly string[]])[] =
  [
    [
      "unknown field, with the right one",
      ACTIONS,
      "label: Deal",
      "lable: Deal",
      ['actions/sell.yaml:9:9: unknown field "lable" in item 1 of "actions": did you mean "label"?'],
    ],
    [
      "missing field",
      ACTIONS,
      "        label: Deal\n",
      "",
      ['actions/sell.yaml:8:9: item 1 of "actions" lacks the field "label"'],
    ],
    [
      "wrong type",
      ACTIONS,
      "value: 10",
      "value: true",
      ['actions/sell.yaml:12:16: "value" must be a number from 0 to 1000000000, or a CEL expression, found true'],
    ],
    [
      "negative value",
      ACTIONS,
      "value: 10",
      "value: -1",
      ['actions/sell.yaml:12:16: "value" must be a number from 0 to 1000000000, found -1'],
    ],
    [
      "prior outside (0, 1)",
      ACTIONS,
      "mean: 0.2",
      "mean: 1",
      ['actions/sell.yaml:13:38: "mean" must be a number above 0 and below 1, found 1'],
    ],
    [
      "not one of the choices",
      FEATURES,
      "aggregate: count, of: [purchase]",
      "aggregate: cuont, of: [purchase]",
      [
        'features.yaml:6:47: "aggregate" must be one of count, sum, mean, min, max, distinct, last, recency, ratio, found "cuont": did you mean "count"?',
      ],
    ],
    [
      "duration that is none",
      FEATURES,
      "window: 30d",
      "window: 30 days",
      ['features.yaml:6:78: "window" must be a duration such as 10m, 24h or 30d, found "30 days"'],
    ],
    [
      "file of another shape",
      "channels.yaml",
      "channels:",
      "- channels:",
      ["channels.yaml:1:1: this file must be fields with channels, found a list"],
    ],
    [
      "field written twice",
      ACTIONS,
      "value: 10",
      "value: 10\n        value: 11",
      ["actions/sell.yaml:13:9: the same field is written twice here: keep one"],
    ],
    [
      "not YAML",
      ACTIONS,
      "value: 10",
      "value: [10",
      [
        "actions/sell.yaml:13:9: not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]",
      ],
    ],
    [
      "tag",
      ACTIONS,
      "value: 10",
      "value: !!float 10",
      [
        'actions/sell.yaml:12:16: a value that begins with "!" must be written in quotes',
        'actions/sell.yaml:12:24: a YAML tag ("tag:yaml.org,2002:float") is not allowed: write the plain value',
      ],
    ],
    [
      "forbidden key",
      ACTIONS,
      "value: 10",
      "__proto__: 10",
      ['actions/sell.yaml:12:9: "__proto__" is not allowed as a field name'],
    ],
    [
      "unknown feature",
      ACTIONS,
      RULE,
      "features.buys_3d > 1",
      ['actions/sell.yaml:11:22: unknown feature "buys_3d": did you mean "buys_30d"?'],
    ],
    [
      "unknown feature in a quoted expression",
      ACTIONS,
      RULE,
      '"features.buys_3d > 1"',
      ['actions/sell.yaml:11:23: unknown feature "buys_3d": did you mean "buys_30d"?'],
    ],
    [
      "unknown attribute",
      ACTIONS,
      RULE,
      "attributes.aje > 1",
      ['actions/sell.yaml:11:24: unknown attribute "aje": did you mean "age"?'],
    ],
    [
      "unknown model",
      ACTIONS,
      RULE,
      "model.chum > 0.5",
      ['actions/sell.yaml:11:19: unknown model "chum": use "churn", "propensity"'],
    ],
    [
      "unknown root",
      ACTIONS,
      RULE,
      "feature.buys_30d > 1",
      ['actions/sell.yaml:11:13: unknown name "feature": did you mean "features"?'],
    ],
    [
      "bare name",
      ACTIONS,
      RULE,
      "buys_30d > 1",
      [
        'actions/sell.yaml:11:13: unknown name "buys_30d": use features.NAME, attributes.NAME, context.NAME, model.NAME, customer.NAME, segments.NAME',
      ],
    ],
    [
      "wrong type in CEL",
      ACTIONS,
      RULE,
      "attributes.first_name > 1",
      ["actions/sell.yaml:11:13: attributes.first_name is a text where a number is needed"],
    ],
    [
      "text compared with a number",
      ACTIONS,
      RULE,
      "attributes.first_name == 1",
      ["actions/sell.yaml:11:13: attributes.first_name is a text, 1 is a number: they are never equal"],
    ],
    [
      "rule that is a number",
      ACTIONS,
      RULE,
      "features.buys_30d + 1",
      [
        "actions/sell.yaml:11:13: features.buys_30d + 1 is a number where true or false is needed: compare it, e.g. with ==",
      ],
    ],
    [
      "unknown function",
      ACTIONS,
      RULE,
      "sizeof(attributes.products) > 1",
      ['actions/sell.yaml:11:13: unknown function "sizeof()": did you mean "size"?'],
    ],
    [
      "matches",
      ACTIONS,
      RULE,
      'attributes.first_name.matches("a+")',
      [
        "actions/sell.yaml:11:13: matches() is not allowed, a pattern may take for ever: use startsWith, endsWith, contains or in",
      ],
    ],
    [
      "macro",
      ACTIONS,
      RULE,
      'attributes.products.exists(p, p == "x")',
      [
        'actions/sell.yaml:11:13: unknown function "exists()": use "has", "size", "min", "max", "abs", "startsWith", "endsWith", "contains"',
      ],
    ],
    [
      "syntax",
      ACTIONS,
      RULE,
      "features.buys_30d >",
      ["actions/sell.yaml:11:32: not a valid expression: unexpected token: end of the expression"],
    ],
    [
      "too long",
      ACTIONS,
      RULE,
      `"${"true || ".repeat(260)}true"`,
      ["actions/sell.yaml:11:14: expression of 2084 characters: at most 2000 are allowed"],
    ],
    [
      "too deep",
      ACTIONS,
      RULE,
      `"${"!(".repeat(40)}true${")".repeat(40)}"`,
      ["actions/sell.yaml:11:80: expression nested deeper than 32 levels: split it into several rules"],
    ],
    [
      "expression that begins with ! outside quotes",
      ACTIONS,
      RULE,
      "!has(features.buys_30d)",
      ['actions/sell.yaml:11:13: a value that begins with "!" must be written in quotes'],
    ],
    [
      "event in a rule",
      ACTIONS,
      RULE,
      "event.props.x == 1",
      [
        'actions/sell.yaml:11:13: unknown name "event": use "features", "attributes", "context", "model", "customer", "segments"',
      ],
    ],
    [
      "index",
      ACTIONS,
      RULE,
      'attributes.products[0] == "x"',
      ['actions/sell.yaml:11:13: fields are read as in features.NAME, sets are asked by "in"'],
    ],
    [
      "two faults in one expression",
      ACTIONS,
      RULE,
      "features.a1 > 1 && features.b2 > 2",
      [
        'actions/sell.yaml:11:22: unknown feature "a1": use "buys_30d", "views_7d", "buy_rate"',
        'actions/sell.yaml:11:41: unknown feature "b2": use "buys_30d", "views_7d", "buy_rate"',
      ],
    ],
    [
      "set compared",
      ACTIONS,
      RULE,
      'attributes.products == "card"',
      ['actions/sell.yaml:11:13: sets are not compared: ask whether a text is in one, e.g. "card" in attributes.NAME'],
    ],
    [
      "list of mixed types",
      ACTIONS,
      RULE,
      'features.buys_30d in [1, "2"]',
      ['actions/sell.yaml:11:38: "2" does not fit: features.buys_30d is a number'],
    ],
    [
      "modulo",
      ACTIONS,
      RULE,
      "features.buys_30d % 2 == 0",
      ["actions/sell.yaml:11:13: % is not defined here: numbers have fractions in a rulebook"],
    ],
    [
      "null",
      ACTIONS,
      RULE,
      "attributes.age == null",
      ["actions/sell.yaml:11:31: null is never a value here: ask has(...) whether something is there"],
    ],
    [
      "value that is true or false",
      ACTIONS,
      "value: 10",
      "value: features.buys_30d > 1",
      ["actions/sell.yaml:12:16: features.buys_30d > 1 is true or false where a number is needed"],
    ],
    [
      "placeholder of an unknown attribute",
      ACTIONS,
      "Hello {{first_name}}",
      "Hello {{first_nam}}",
      ['actions/sell.yaml:19:28: unknown attribute "first_nam": did you mean "first_name"?'],
    ],
    [
      "placeholder of an unknown feature",
      ACTIONS,
      "{{features.buys_30d}} buys",
      "{{features.buys}} buys",
      ['actions/sell.yaml:15:14: unknown feature "buys": use "buys_30d", "views_7d", "buy_rate"'],
    ],
    [
      "feature as a bare placeholder",
      ACTIONS,
      "Hello {{first_name}}",
      "Hello {{buys_30d}}",
      ['actions/sell.yaml:19:28: unknown attribute "buys_30d": the feature is written {{features.buys_30d}}'],
    ],
    [
      "placeholder left open",
      ACTIONS,
      "Hello {{first_name}}",
      "Hello {{first_name",
      ['actions/sell.yaml:19:28: "{{first_name": a placeholder is written {{attributes.NAME}} or {{features.NAME}}'],
    ],
    [
      "unknown channel",
      ACTIONS,
      "channel: app",
      "channel: ap",
      ['actions/sell.yaml:17:22: unknown channel "ap": did you mean "app"?'],
    ],
    [
      "channel that no placement shows",
      ACTIONS,
      "channel: app",
      "channel: email",
      ['actions/sell.yaml:17:22: no placement shows channel "email": add it to one in placements.yaml'],
    ],
    [
      "unknown placement",
      ACTIONS,
      "channel: app",
      "channel: app\n            placements: [hom]",
      ['actions/sell.yaml:18:26: unknown placement "hom": did you mean "home"?'],
    ],
    [
      "duplicate treatment",
      ACTIONS,
      "          - channel: app\n",
      "          - { channel: app, content: { title: A } }\n          - channel: app\n",
      ['actions/sell.yaml:18:13: treatment "deal:app" is declared twice, first at actions/sell.yaml:17: keep one'],
    ],
    [
      "duplicate action",
      ACTIONS,
      "    actions:\n",
      "    actions:\n      - { id: deal, label: D, value: 1, propensity: { prior: { mean: 0.5, weight: 1 } }, treatments: [{ channel: app, id: x, content: { title: D } }] }\n",
      ['actions/sell.yaml:9:13: action "deal" is declared twice, first at actions/sell.yaml:8: keep one'],
    ],
    [
      "content without a field",
      ACTIONS,
      "content:\n              title: Hello {{first_name}}",
      "content: {}",
      ['actions/sell.yaml:18:22: "content" is empty: write at least a title'],
    ],
    [
      "text without en",
      ACTIONS,
      "title: Hello {{first_name}}",
      "title: { de: Hallo }",
      ['actions/sell.yaml:19:22: "title" lacks the field "en"'],
    ],
    [
      "locale that is none",
      ACTIONS,
      "title: Hello {{first_name}}",
      "title: { en: Hi, German: Hallo }",
      ['actions/sell.yaml:19:32: "German" is no locale: write e.g. en or de-AT'],
    ],
    [
      "period that ends before it starts",
      ACTIONS,
      "value: 10",
      "value: 10\n        from: 2026-02-01\n        to: 2026-01-01",
      ['actions/sell.yaml:14:13: "to" must be later than "from"'],
    ],
    [
      "day that is not in the calendar",
      ACTIONS,
      "value: 10",
      "value: 10\n        from: 2026-02-30",
      ['actions/sell.yaml:13:15: "2026-02-30" is not in the calendar'],
    ],
    [
      "duplicate feature",
      FEATURES,
      "name: views_7d",
      "name: buys_30d",
      [
        'features.yaml:7:13: "buys_30d" is declared twice, first in line 6: keep one',
        'features.yaml:8:88: unknown feature "views_7d": use "buys_30d"',
      ],
    ],
    [
      "window too long",
      FEATURES,
      "window: 30d",
      "window: 91d",
      ['features.yaml:6:78: window "91d" must be from 1h to 90d'],
    ],
    [
      "window too short",
      FEATURES,
      "window: 7d",
      "window: 30m",
      ['features.yaml:7:80: window "30m" must be from 1h to 90d'],
    ],
    [
      "pane that does not divide",
      FEATURES,
      "window: 7d",
      "window: 7d, pane: 5h",
      ["features.yaml:7:90: window 7d is not a whole number of panes of 5h: choose one that divides it"],
    ],
    [
      "window that the default pane does not divide",
      FEATURES,
      "window: 7d",
      "window: 25h",
      ["features.yaml:7:80: window 25h is not a whole number of panes of 6h: declare a pane that divides it"],
    ],
    [
      "too many panes",
      FEATURES,
      "window: 7d",
      "window: 7d, pane: 30m",
      ["features.yaml:7:90: window 7d has 336 panes of 30m, at most 288: make the pane 35m or more"],
    ],
    [
      "window and half-life",
      FEATURES,
      "window: 7d",
      "window: 7d, halfLife: 7d",
      ["features.yaml:7:84: a feature has a window or a halfLife, not both: keep one"],
    ],
    [
      "sum without field",
      FEATURES,
      "aggregate: count, of: [page_view]",
      "aggregate: sum, of: [page_view]",
      ['features.yaml:7:5: feature "views_7d": sum needs "field"'],
    ],
    [
      "count with field",
      FEATURES,
      "of: [page_view]",
      "of: [page_view], field: amount",
      ['features.yaml:7:72: count has no "field": take it out'],
    ],
    [
      "ratio of a ratio",
      FEATURES,
      "numerator: buys_30d",
      "numerator: buy_rate",
      ['features.yaml:8:65: "buy_rate" is itself a ratio: a ratio divides two features that are not'],
    ],
    [
      "ratio of an unknown feature",
      FEATURES,
      "denominator: views_7d",
      "denominator: view_7d",
      ['features.yaml:8:88: unknown feature "view_7d": did you mean "views_7d"?'],
    ],
    [
      "filter with an unknown field",
      FEATURES,
      "of: [page_view]",
      "of: [page_view], where: event.prop.x == 1",
      ["features.yaml:7:79: event.prop has no fields: properties are read as event.props.NAME"],
    ],
    [
      "filter that reads a feature",
      FEATURES,
      "of: [page_view]",
      "of: [page_view], where: features.buys_30d > 1",
      ['features.yaml:7:79: unknown name "features": use "event"'],
    ],
    [
      "placement without channel",
      "placements.yaml",
      "channels: [app]",
      "channels: []",
      ['placements.yaml:2:62: "channels" must be a list of 1 to 32 items, found 0 items'],
    ],
    [
      "placement with an unknown channel",
      "placements.yaml",
      "channels: [app]",
      "channels: [web]",
      [
        'actions/sell.yaml:17:22: no placement shows channel "app": add it to one in placements.yaml',
        'placements.yaml:2:63: unknown channel "web": use "app", "email"',
      ],
    ],
    [
      "slots",
      "placements.yaml",
      "slots: 2",
      "slots: 2.5",
      ['placements.yaml:2:76: "slots" must be a whole number from 1 to 20, found 2.5'],
    ],
    [
      "trigger that reads a model",
      "triggers.yaml",
      "features.buys_30d >= 2",
      "model.churn > 0.5",
      [
        "triggers.yaml:4:11: a trigger may not read model.churn: no model has run yet; put it in the rules of the actions",
      ],
    ],
    [
      "trigger with an unknown placement",
      "triggers.yaml",
      "placement: home",
      "placement: hone",
      ['triggers.yaml:5:16: unknown placement "hone": did you mean "home"?'],
    ],
    [
      "limit larger than what is remembered",
      POLICY,
      "max: 2",
      "max: 101",
      ['contact-policy.yaml:2:23: "max" must be a whole number from 1 to 100, found 101'],
    ],
    [
      "window longer than what is remembered",
      POLICY,
      "window: 1d",
      "window: 91d",
      ['contact-policy.yaml:2:34: "91d" must be longer than 0 and at most 90d: contacts are remembered that long'],
    ],
    [
      "cool-down longer than what is remembered",
      POLICY,
      "for: 30d",
      "for: 100d",
      ['contact-policy.yaml:4:58: "100d" must be longer than 0 and at most 90d: contacts are remembered that long'],
    ],
    [
      "limit of an unknown channel",
      POLICY,
      "channel: app",
      "channel: apps",
      ['contact-policy.yaml:2:47: unknown channel "apps": did you mean "app"?'],
    ],
    [
      "cool-down of an unknown action",
      POLICY,
      "for: 30d",
      "for: 30d, only: dael",
      ['contact-policy.yaml:4:69: unknown action "dael": did you mean "deal"?'],
    ],
    [
      "duplicate policy",
      POLICY,
      "id: declined",
      "id: daily",
      ['contact-policy.yaml:4:11: policy "daily" is declared twice: keep one'],
    ],
  ];

describe("faults of a rulebook", () => {
  for (const [title, file, from, to, faults] of TABLE) {
    it(`says where and what: ${title}`, () => {
      expect(faultsOf(changed(file, from, to))).toEqual(faults);
    });
  }

  it("has none in the small rulebook itself", () => {
    expect(faultsOf({})).toEqual([]);
  });

  it("tells all at once, of all files", () => {
    const changes = {
      ...changed(ACTIONS, RULE, "features.nothing > 1"),
      ...changed(POLICY, "channel: app", "channel: nowhere"),
      ...changed("triggers.yaml", "features.buys_30d", "features.neither"),
    };
    expect(faultsOf(changes).map((fault) => fault.split(":")[0])).toEqual([ACTIONS, POLICY, "triggers.yaml"]);
  });

  it("does not blame other files for names of a file that cannot be read", () => {
    const changes = {
      ...changed(ACTIONS, "label: Deal", "lable: Deal"),
      ...changed(POLICY, "for: 30d", "for: 30d, only: deal"),
    };
    expect(faultsOf(changes)).toEqual([
      `${ACTIONS}:9:9: unknown field "lable" in item 1 of "actions": did you mean "label"?`,
    ]);
  });

  it("names missing and unknown files", () => {
    expect(faultsOf({ "chanels.yaml": SMALL["channels.yaml"] as string })).toEqual([
      'chanels.yaml:1:1: not a file of a rulebook: did you mean "channels.yaml"?',
    ]);
    const compiled = compileRulebook({ files: {}, models: [], sha256 });
    expect(compiled.kind === "faulty" ? compiled.faults.map((fault) => formatFault(fault, "rules")) : []).toEqual([
      "rules/actions:1:1: there are no actions: add a file such as actions/retention.yaml",
      "rules/channels.yaml:1:1: this file is missing: add it",
      "rules/features.yaml:1:1: this file is missing: add it",
      "rules/placements.yaml:1:1: this file is missing: add it",
      "rules/rulebook.yaml:1:1: this file is missing: add it",
    ]);
  });

  it("refuses a file of many aliases, of deep nesting, and one that contains itself", () => {
    const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
    for (let level = 0; level < 9; level++) {
      const [from, to] = ["abcdefghijk"[level], "abcdefghijk"[level + 1]];
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(", ")}]`);
    }
    expect(faultsOf({ "rulebook.yaml": bomb.join("\n") })).toEqual([
      "rulebook.yaml:1:1: aliases are used so often that the file becomes too large: repeat less",
    ]);
    expect(faultsOf({ "rulebook.yaml": "[".repeat(100_000) })[0]).toMatch(/nested deeper than 32 levels/);
    const within = '"*a" stands within what it stands for';
    expect(faultsOf({ "rulebook.yaml": "version: &a [*a]" })).toEqual([`rulebook.yaml:1:14: ${within}`]);
    expect(faultsOf({ "rulebook.yaml": "version: &a { version: *a }" })).toEqual([`rulebook.yaml:1:24: ${within}`]);
    const many = Array.from({ length: 2_000 }, (_, n) => `a${n}: &a${n} 1\nb${n}: *a${n}`).join("\n");
    expect(faultsOf({ "rulebook.yaml": many })).toEqual([
      "rulebook.yaml:2002:8: more than 1000 aliases in one file: repeat less",
    ]);
  });

  it("refuses an alias that stands for nothing, or for what comes only after it", () => {
    expect(faultsOf({ "rulebook.yaml": "version: *a" })).toEqual([
      'rulebook.yaml:1:10: "*a" stands for nothing: "&a" must come before it',
    ]);
    expect(faultsOf({ "rulebook.yaml": "version: *a\nname: &a 1" })).toEqual([
      'rulebook.yaml:1:10: "*a" stands for nothing: "&a" must come before it',
    ]);
  });

  it("follows an anchor to where it is written", () => {
    const anchored = (SMALL[ACTIONS] as string).replace(
      "value: 10",
      "context: [{ when: &c features.bys_30d > 1, weight: 2 }, { when: *c, weight: 3 }]\n        value: 10",
    );
    expect(faultsOf({ [ACTIONS]: anchored })).toEqual([
      `${ACTIONS}:12:39: unknown feature "bys_30d": did you mean "buys_30d"?`,
    ]);
  });

  it("never throws, and finds fault with nothing silently, whatever is cut out of or put into a file", {
    timeout: 600_000,
  }, () => {
    const files = Object.keys(SMALL);
    const edit = fc.record({
      file: fc.constantFrom(...files),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.integer({ min: 0, max: 12 }),
      put: fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom(
          "{",
          "[",
          "&a",
          "*a",
          "!!x",
          "\n",
          ": ",
          "- ",
          "'",
          '"',
          "#",
          "|",
          "\t",
          "__proto__: 1\n",
          "1e999",
          "~",
        ),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const changes: Record<string, string> = { ...SMALL };
        for (const { file, at, cut, put } of edits) {
          const text = changes[file] as string;
          const index = Math.floor(at * text.length);
          changes[file] = text.slice(0, index) + put + text.slice(index + cut);
        }
        for (const fault of faultsOf(changes)) expect(fault).toMatch(/^[\w./-]+:[1-9]\d*:[1-9]\d*: \S/);
      }),
      { numRuns: process.env["NBA_LONG"] === "1" ? 5_000 : 200 },
    );
  });
});
