// What the files of a rulebook mean, field by field, as the parts of the engine read it.
import { describe, expect, it } from "vitest";
import { nameHash } from "../../engine/domain/hash.ts";
import { DAY_MS, HOUR_MS, type Instant, LONG_AGO, MINUTE_MS, NEVER } from "../../engine/domain/time.ts";
import { compileRulebook, rulebookHash } from "../../engine/rulebook/compile.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { filesOfVariant } from "../../engine/rulebook/variants.ts";
import { RICH, rich } from "./rich-rules.ts";
import { MODELS, SMALL, sha256 } from "./small-rules.ts";

const book = rich();
const actionOf = (id: string, of: Rulebook = book) => of.actions.find((action) => action.id === id);
const treatmentOf = (id: string) => book.treatments.find((treatment) => treatment.id === id);
const ruleIds = (rules: readonly number[]) => rules.map((rule) => book.rules[rule]?.id);
const at = (text: string) => Date.parse(text) as Instant;

describe("actions", () => {
  it("take their purpose from issue, group or themselves, and know whether it is exempt", () => {
    const purposes = book.actions.map(({ id, purpose, exempt, urgent }) => [id, purpose, exempt, urgent]);
    expect(purposes).toEqual([
      ["card-help", "service", true, true],
      ["deal", "marketing", false, false],
      ["insurance", "marketing", false, false],
      ["newsletter", "newsletter", false, false],
    ]);
  });

  it("hold room by a rule", () => {
    expect(ruleIds([actionOf("deal")?.holdsRoom as number])).toEqual(["sell/shop/deal/holds-room"]);
    expect(actionOf("insurance")?.holdsRoom).toBeUndefined();
  });

  it("have treatments with a switch, a period, rules, weights and a cost of their own", () => {
    const email = treatmentOf("deal:email");
    expect(email).toMatchObject({ enabled: false, from: at("2026-02-01"), to: at("2026-03-01"), lever: 3, cost: 2 });
    expect(ruleIds(email?.eligibility ?? [])).toEqual(["sell/shop/deal/deal:email/adult"]);
    expect(ruleIds(email?.suitability ?? [])).toEqual(["sell/shop/deal/deal:email/suitability-1"]);
    expect(email?.context.map(({ when, weight }) => [...ruleIds([when]), weight])).toEqual([
      ["sell/shop/deal/deal:email/context-1", 1.5],
    ]);
    const app = treatmentOf("deal:app");
    expect(app).toMatchObject({ enabled: true, from: LONG_AGO, to: NEVER, lever: 1, cost: 0.5, eligibility: [] });
    expect(treatmentOf("insurance:app")?.cost).toBe(0);
  });

  it("need the models that their treatments need", () => {
    expect(actionOf("deal")?.needsModels).toEqual([0]);
  });
});

describe("channels and placements", () => {
  it("have a format, consent by purpose and a least priority", () => {
    const channels = book.channels.map(({ name, format, consentDefault, consentDefaults }) => [
      name,
      format,
      consentDefault,
      [...consentDefaults],
    ]);
    expect(channels).toEqual([
      ["app", "text", "granted", []],
      ["email", "html", "denied", [["newsletter", "granted"]]],
      ["push", "text", "denied", []],
    ]);
    expect(book.placements.map((placement) => placement.minPriority)).toEqual([0.5, 0]);
  });
});

describe("segments", () => {
  const scope = (age: number | undefined, anonymous: boolean, buys = 0, churn = Number.NaN) => ({
    features: Float64Array.of(buys),
    attributes: [age, undefined, undefined],
    context: {},
    models: Float64Array.of(churn, Number.NaN),
    openCases: 0,
    anonymous,
  });
  const isIn = (id: string, of: ReturnType<typeof scope>) => {
    const segment = book.segments.find((candidate) => candidate.id === id);
    return book.evaluateRule(segment?.rule as never, of);
  };

  it("are rules, and are put in place where another expression reads them", () => {
    expect(isIn("young_saver", scope(20, false))).toBe(1);
    expect(isIn("young_saver", scope(20, true))).toBe(0);
    expect(isIn("young_saver", scope(40, false))).toBe(0);
    expect(isIn("young_saver", scope(20, false, 9))).toBe(0);
    expect(isIn("young_saver", scope(undefined, false)), "an error there is one here").toBe(2);
    expect(isIn("young_saver", scope(undefined, true))).toBe(0);
    const [eligible] = actionOf("deal")?.eligibility ?? [];
    expect(book.evaluateRule(eligible as never, scope(20, false))).toBe(1);
    expect(book.evaluateRule(eligible as never, scope(undefined, false))).toBe(2);
  });

  it("hand on what they read, models too", () => {
    const rule = book.rules[book.segments[2]?.rule as number];
    expect(rule?.reads).toEqual([
      "attributes.age",
      "customer.anonymous",
      "features.buys_30d",
      "segments.known",
      "segments.young",
    ]);
    expect(book.rules[book.segments[3]?.rule as number]?.needsModels).toEqual([0]);
  });
});

describe("contact policy", () => {
  it("has limits over windows and over calendar days", () => {
    expect(book.contactLimits).toMatchObject([
      { id: "weekly", windowMs: 7 * DAY_MS, calendarDays: 0, direction: "each", channel: nameHash("channel", "email") },
      { id: "daily", calendarDays: 2, direction: "both", per: "channel" },
    ]);
    expect(book.contactLimits[1]?.windowMs).toBeGreaterThanOrEqual(2 * DAY_MS + HOUR_MS);
  });

  it("numbers cool-downs, related suppressions and case rules together", () => {
    expect(book.coolDowns).toMatchObject([
      { index: 0, id: "ignored", after: "no-response", times: 3, withinMs: 14 * DAY_MS, scope: "channel" },
      { index: 1, id: "enough", after: "contacted", times: 1, withinMs: undefined, scope: "all", only: undefined },
    ]);
    expect(book.coolDowns[0]?.only).toBe(nameHash("channel", "email"));
    expect(book.related).toMatchObject([{ index: 2, id: "insured", after: "accepted", forMs: 60 * DAY_MS }]);
    expect(book.related[0]?.of.actions).toEqual(new Set([nameHash("action", "insurance")]));
    expect(book.related[0]?.suppresses).toEqual({
      actions: new Set(),
      groups: new Set([nameHash("group", "shop")]),
      issues: new Set([nameHash("issue", "sell")]),
    });
    expect(book.caseRules).toMatchObject([
      { index: 3, id: "complaint", kinds: ["complaint"] },
      { index: 4, id: "any-case", kinds: [], suppresses: undefined },
    ]);
  });

  it("has quiet hours in minutes, whole days too, and zones to tell them by", () => {
    const all = [true, true, true, true, true, true, true];
    expect(book.quietHours).toMatchObject([
      { id: "night", fromMinute: 21 * 60, toMinute: 8 * 60, days: all, channels: [] },
      {
        id: "sunday",
        fromMinute: 0,
        toMinute: 0,
        days: [false, false, false, false, false, false, true],
        channels: [nameHash("channel", "push")],
      },
    ]);
    expect(book.zones).toEqual({
      zoneAttribute: 1,
      countryAttribute: 2,
      countries: new Map([
        ["AT", "Europe/Vienna"],
        ["US", "America/New_York"],
      ]),
      fallback: "Europe/Vienna",
    });
  });

  it("remembers contacts for as long as anything looks at them, variants too", () => {
    expect(book.contactMemoryMs).toBe(80 * DAY_MS);
    expect(rich({ "variants/bold/contact-policy.yaml": "limits: []\n" }).contactMemoryMs).toBe(60 * DAY_MS);
    const bare = { "contact-policy.yaml": "limits: []\n", "variants/bold/contact-policy.yaml": "limits: []\n" };
    expect(rich(bare).contactMemoryMs, "four half-lives of the boost").toBe(56 * DAY_MS);
    const slow = (RICH["rulebook.yaml"] as string).replace("halfLife: 7d", "halfLife: 40d");
    expect(rich({ ...bare, "rulebook.yaml": slow }).contactMemoryMs, "of fatigue, but no more").toBe(90 * DAY_MS);
  });
});

describe("quotas", () => {
  it("are counted in contacts or cost, by day or in total", () => {
    expect(book.quotas).toMatchObject([
      { index: 0, id: "mails", unit: "contacts", max: 1_000, per: "day", pacing: "even", timeZone: "Europe/Vienna" },
      { index: 1, id: "budget", unit: "cost", max: 99.5, per: "total", pacing: "none", timeZone: "America/New_York" },
    ]);
    expect(book.quotas[0]?.channel).toBe(nameHash("channel", "email"));
    expect(book.quotas[1]?.group).toBe(nameHash("group", "shop"));
  });
});

describe("arbitration", () => {
  it("has six exponents", () => {
    expect(book.arbitration).toEqual({ propensity: 1, context: 1, value: 1, lever: 1, boost: 0.5, fatigue: 2 });
  });

  it("has fatigue by channel, and boosts", () => {
    expect(book.fatigue).toEqual({
      halfLifeMs: 7 * DAY_MS,
      weights: [0.75, 0.25, 1],
      otherWeight: 0.75,
      answered: 0.1,
      otherChannels: 0.2,
      halvesAt: 6,
    });
    expect(book.boosts).toMatchObject([{ id: "liked", after: "clicked", scope: "group", weight: 1.5 }]);
    expect(book.boosts[0]?.only).toBe(nameHash("group", "shop"));
  });

  it("has slate limits and bundles of actions, numbered together", () => {
    const [limit] = book.slateLimits;
    expect(limit).toMatchObject({ index: 0, id: "one-offer", max: 1, per: "decision" });
    expect([...(limit?.actions ?? [])]).toEqual([0, 1, 2]);
    expect(book.bundles).toMatchObject([{ index: 1, id: "pair", actions: [2, 1] }]);
  });
});

describe("triggers and campaigns", () => {
  it("are of one kind each, in time", () => {
    const [bought, path, basket, thrice, silent, morning, noThanks] = book.triggers;
    expect(bought).toMatchObject({ kind: "event", on: ["purchase"], pattern: undefined, holdForMs: 0, placement: 0 });
    expect(path).toMatchObject({ kind: "pattern", on: [], holdForMs: 12 * HOUR_MS, placement: 1 });
    expect(path?.pattern).toMatchObject({ kind: "sequence", withinMs: 2 * HOUR_MS });
    expect(basket?.pattern).toMatchObject({
      kind: "absence",
      withinMs: HOUR_MS,
      of: { types: ["purchase", "empty_cart"] },
    });
    expect(thrice?.pattern).toMatchObject({ kind: "count", times: 3, withinMs: DAY_MS });
    expect(silent?.pattern).toMatchObject({ kind: "inactivity", forMs: 30 * DAY_MS, of: { types: [] } });
    expect(morning).toMatchObject({ kind: "daily", on: [], pattern: undefined });
    expect(noThanks).toMatchObject({ kind: "rejection", outcomes: ["declined", "later"] });
    expect([...book.triggersByType.keys()]).toEqual(["purchase"]);
  });

  it("match the events of a step by type and filter, an error being no", () => {
    const pattern = book.triggers[1]?.pattern;
    const step = pattern?.kind === "sequence" ? pattern.steps[0] : undefined;
    const event = (type: string, section?: string | number) =>
      ({ type, props: section === undefined ? {} : { section } }) as never;
    expect(step?.matches(event("page_view", "loans"))).toBe(true);
    expect(step?.matches(event("page_view", "cards"))).toBe(false);
    expect(step?.matches(event("page_view"))).toBe(false);
    expect(step?.matches(event("quit", "loans"))).toBe(false);
  });

  it("run campaigns over a segment, paced", () => {
    expect(book.campaigns).toMatchObject([
      { id: "spring", placement: 1, from: at("2026-03-01"), to: at("2026-03-08"), perSecond: 20, holdForMs: DAY_MS },
    ]);
    expect(ruleIds([book.campaigns[0]?.when as number])).toEqual(["campaign/spring"]);
  });
});

describe("experiments", () => {
  it("have layers, buckets and arms", () => {
    expect(book.holdout).toMatchObject({ share: 0.05, salt: "2026" });
    const [prices, whole] = book.experiments;
    expect(prices).toMatchObject({ layer: "offers", salt: "prices", firstBucket: 0, lastBucket: 49, to: NEVER });
    expect(prices?.from).toBe(at("2026-01-01"));
    expect(prices?.arms.map(({ id, upTo }) => [id, upTo])).toEqual([
      ["control", 0.25],
      ["loud", 1],
    ]);
    const loud = prices?.arms[1];
    expect(loud?.levers).toEqual(
      new Map([
        [actionOf("deal")?.index, 1.5 * 2 * 3],
        [actionOf("insurance")?.index, 6],
        [actionOf("card-help")?.index, 3],
        [actionOf("newsletter")?.index, 3],
      ]),
    );
    expect(loud?.treatmentsOff).toEqual(new Set([treatmentOf("deal:email")?.index]));
    expect(whole).toMatchObject({
      salt: "other",
      when: undefined,
      arms: [{ variant: undefined }, { variant: "bold" }],
    });
  });

  it("have variants: rulebooks of their own, with what all arms share", () => {
    const bold = book.variants.get("bold") as Rulebook;
    expect([...book.variants.keys()]).toEqual(["bold"]);
    expect(actionOf("deal")?.lever).toBe(2);
    expect(actionOf("deal", bold)?.lever).toBe(4);
    expect(bold.coolDowns.map(({ id }) => id)).toEqual(["long"]);
    expect(bold.contactLimits).toEqual([]);
    expect(bold.variants.size).toBe(0);
    expect(bold.quotas).toEqual(book.quotas);
    expect(bold.experiments.map(({ id }) => id)).toEqual(["prices", "whole"]);
    expect(bold.hash).not.toBe(book.hash);
  });

  it("compile a variant's files, as they are stored, to the same rulebook", () => {
    const compiled = compileRulebook({ files: filesOfVariant(RICH, "bold"), models: MODELS, sha256 });
    const bold = book.variants.get("bold") as Rulebook;
    if (compiled.kind === "faulty") throw new Error(JSON.stringify(compiled.faults));
    expect(compiled.rulebook.hash).toBe(bold.hash);
    expect(compiled.rulebook.rules.map(({ id, text }) => [id, text])).toEqual(
      bold.rules.map(({ id, text }) => [id, text]),
    );
    expect(JSON.stringify(compiled.rulebook.actions.map(({ place: _, ...rest }) => rest))).toBe(
      JSON.stringify(bold.actions.map(({ place: _, ...rest }) => rest)),
    );
  });

  it("let a variant leave out an action that other arms name", () => {
    const without = (RICH["actions/sell.yaml"] as string).replace("id: deal", "id: other-deal");
    const fewer = rich({
      "variants/bold/actions/sell.yaml": without,
      "rulebook.yaml": (RICH["rulebook.yaml"] as string).replace(/bundles:\n.*\n/, ""),
    });
    const arm = fewer.variants.get("bold")?.experiments[0]?.arms[1];
    expect(arm?.treatmentsOff).toEqual(new Set());
  });
});

describe("hash", () => {
  it("leaves out the tests of rules and takes in the variants", () => {
    const hash = rulebookHash(RICH, sha256);
    expect(book.hash).toBe(hash);
    expect(rulebookHash({ ...RICH, "tests/one.yaml": "x" }, sha256)).toBe(hash);
    expect(rulebookHash({ ...RICH, "variants/bold/contact-policy.yaml": "limits: []" }, sha256)).not.toBe(hash);
    expect(rich({ "tests/one.yaml": "not: [yaml" }).hash).toBe(hash);
  });
});

describe("a rulebook of before", () => {
  it("means what it meant: nothing new is switched on", () => {
    const compiled = compileRulebook({ files: SMALL, models: MODELS, sha256 });
    if (compiled.kind === "faulty") throw new Error(JSON.stringify(compiled.faults));
    const { rulebook } = compiled;
    expect(rulebook).toMatchObject({
      related: [],
      caseRules: [],
      quietHours: [],
      fatigue: undefined,
      boosts: [],
      quotas: [],
      slateLimits: [],
      bundles: [],
      segments: [],
      campaigns: [],
      holdout: undefined,
      experiments: [],
      zones: { zoneAttribute: undefined, countryAttribute: undefined, fallback: undefined },
    });
    expect(rulebook.variants.size).toBe(0);
    expect(rulebook.contactMemoryMs).toBe(30 * DAY_MS);
    expect(rulebook.channels[0]).toMatchObject({
      consentDefault: "denied",
      format: "text",
      reserveForMs: 30 * MINUTE_MS,
    });
    expect(rulebook.treatments[0]).toMatchObject({ enabled: true, from: LONG_AGO, to: NEVER, cost: 0, lever: 1 });
  });
});
