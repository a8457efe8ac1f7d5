// Faults of the wider language: what is put into the rich rulebook, and all that is said of it.
import { describe, expect, it } from "vitest";
import { faultsIn, RICH, richFaults } from "./rich-rules.ts";

const HEAD = "rulebook.yaml";
const POLICY = "contact-policy.yaml";
const TRIGGERS = "triggers.yaml";
const EXPERIMENTS = "experiments.yaml";
const SEGMENTS = "segments.yaml";
const QUOTAS = "quotas.yaml";
const KINDS = "on, sequence, absence, count, inactivity, daily, rejected";

const TABLE: readonly (readonly [title: string, file: string, from: string, to: string, fault: string])[] = [
  // ---- segments
  [
    "segment that is not above",
    SEGMENTS,
    "rule: attributes.age < 30",
    "rule: segments.leaving",
    'segments.yaml:3:47: segment "leaving" is not above this one: a segment may read only those before it',
  ],
  [
    "segment that reads itself",
    SEGMENTS,
    "rule: attributes.age < 30",
    "rule: segments.young",
    'segments.yaml:3:47: segment "young" is not above this one: a segment may read only those before it',
  ],
  [
    "unknown segment",
    SEGMENTS,
    "segments.known && segments.young",
    "segments.knwon && segments.young",
    'segments.yaml:4:59: unknown segment "knwon": did you mean "known"?',
  ],
  [
    "has() of a segment",
    "triggers.yaml",
    "when: segments.known",
    "when: has(segments.known)",
    "triggers.yaml:2:45: segments.known is true or false, never missing: write it without has()",
  ],
  [
    "segment as a number",
    "triggers.yaml",
    "when: segments.known",
    "when: segments.known > 1",
    "triggers.yaml:2:41: segments.known is true or false where a number is needed",
  ],
  [
    "segment declared twice",
    SEGMENTS,
    "id: leaving",
    "id: young",
    'segments.yaml:5:11: segment "young" is declared twice: keep one',
  ],
  [
    "trigger that reads a model through a segment",
    "triggers.yaml",
    "when: segments.known",
    "when: segments.leaving",
    "triggers.yaml:2:41: a trigger may not read model.churn: no model has run yet; put it in the rules of the actions",
  ],

  // ---- contact policy
  [
    "limit with window and days",
    POLICY,
    "max: 1, days: 2",
    "max: 1, window: 1d, days: 2",
    "contact-policy.yaml:3:38: a limit counts over a window such as 7d, or over calendar days such as days: 1; write one of them",
  ],
  [
    "limit over no time",
    POLICY,
    "max: 1, days: 2",
    "max: 1",
    "contact-policy.yaml:3:5: a limit counts over a window such as 7d, or over calendar days such as days: 1; write one of them",
  ],
  [
    "too many calendar days",
    POLICY,
    "days: 2",
    "days: 32",
    'contact-policy.yaml:3:32: "days" must be a whole number from 1 to 31, found 32',
  ],
  [
    "times without within",
    POLICY,
    "times: 3, within: 14d",
    "times: 3",
    "contact-policy.yaml:5:40: 3 times within how long? add e.g. within: 14d",
  ],
  [
    "within without times",
    POLICY,
    "times: 3, within: 14d",
    "within: 14d",
    'contact-policy.yaml:5:40: "within" is for several times: add e.g. times: 3, or take it out',
  ],
  [
    "within and for longer than contacts are remembered",
    POLICY,
    "within: 14d, scope: channel, for: 30d",
    "within: 80d, scope: channel, for: 30d",
    'contact-policy.yaml:5:84: "within" and "for" together must be at most 90d: contacts are remembered that long',
  ],
  [
    "only, of everything",
    POLICY,
    "scope: all, for: 1h",
    "scope: all, for: 1h, only: deal",
    'contact-policy.yaml:6:58: a cool-down of scope all has no "only": take it out',
  ],
  [
    "related to an unknown action",
    POLICY,
    "of: { actions: [insurance] }",
    "of: { actions: [insurence] }",
    'contact-policy.yaml:8:53: unknown action "insurence": did you mean "insurance"?',
  ],
  [
    "related to nothing",
    POLICY,
    "of: { actions: [insurance] }",
    "of: {}",
    'contact-policy.yaml:8:41: nothing is named: add at least one of "actions", "groups", "issues"',
  ],
  [
    "quiet hours of no length",
    POLICY,
    'to: "08:00"',
    'to: "21:00"',
    'contact-policy.yaml:13:37: from 21:00 to 21:00 is no time at all: a whole day is from "00:00" to "24:00"',
  ],
  [
    "time of day that is none",
    POLICY,
    'to: "08:00"',
    'to: "8:00"',
    'contact-policy.yaml:13:37: "to" must be a time of day in quotes such as "21:00", found "8:00"',
  ],
  [
    "weekday that is none",
    POLICY,
    "days: [sun]",
    "days: [sunday]",
    'contact-policy.yaml:14:54: item 1 of "days" must be one of mon, tue, wed, thu, fri, sat, sun, found "sunday"',
  ],
  [
    "quiet hours of an unknown channel",
    POLICY,
    "channels: [push]",
    "channels: [posh]",
    'contact-policy.yaml:14:71: unknown channel "posh": did you mean "push"?',
  ],
  [
    "policies of different kinds with one id",
    POLICY,
    "id: any-case",
    "id: night",
    'contact-policy.yaml:13:11: policy "night" is declared twice: keep one',
  ],

  // ---- rulebook.yaml
  [
    "unknown time zone",
    HEAD,
    "default: Europe/Vienna",
    "default: Europe/Viena",
    'rulebook.yaml:4:22: unknown time zone "Europe/Viena": did you mean "Europe/Vienna"?',
  ],
  [
    "unknown time zone of a country",
    HEAD,
    "US: America/New_York",
    "US: New York",
    'rulebook.yaml:4:122: unknown time zone "New York": write e.g. Europe/Vienna',
  ],
  [
    "unknown attribute of the zone",
    HEAD,
    "attribute: time_zone",
    "attribute: timezone",
    'rulebook.yaml:4:48: unknown attribute "timezone": did you mean "time_zone"?',
  ],
  [
    "attribute of the zone that is no text",
    HEAD,
    "attribute: time_zone",
    "attribute: age",
    'rulebook.yaml:4:48: a number, where a string is needed: "age": use "time_zone", "country"',
  ],
  [
    "countries of nobody",
    HEAD,
    "countryAttribute: country, ",
    "",
    "rulebook.yaml:4:59: countries of whom? add countryAttribute: the attribute that holds the customer's country",
  ],
  [
    "unknown channel of fatigue",
    HEAD,
    "weights: { push: 1",
    "weights: { pusch: 1",
    'rulebook.yaml:5:50: unknown channel "pusch": did you mean "push"?',
  ],
  [
    "fatigue that halves at nothing",
    HEAD,
    "halvesAt: 6",
    "halvesAt: 0",
    'rulebook.yaml:5:36: "halvesAt" must be a number above 0 and to 1000000, found 0',
  ],
  [
    "boost of weight 0",
    HEAD,
    "weight: 1.5",
    "weight: 0",
    'rulebook.yaml:7:68: "weight" must be a number above 0 and to 1000, found 0',
  ],
  [
    "boost of an unknown group",
    HEAD,
    "only: shop",
    "only: shp",
    'rulebook.yaml:7:54: unknown group "shp": did you mean "shop"?',
  ],
  [
    "slate limit over nothing",
    HEAD,
    ", groups: [shop], actions: [card-help]",
    "",
    'rulebook.yaml:9:5: nothing is named: add at least one of "actions", "groups", "issues"',
  ],
  [
    "bundles that share an action",
    HEAD,
    "actions: [insurance, deal] }",
    "actions: [insurance, deal] }\n  - { id: trio, actions: [newsletter, deal] }",
    'rulebook.yaml:12:39: action "deal" is in bundle "pair" already: an action is in one bundle, once',
  ],
  [
    "action twice in a bundle",
    HEAD,
    "actions: [insurance, deal] }",
    "actions: [deal, deal] }",
    'rulebook.yaml:11:33: action "deal" is twice in this bundle: an action is in one bundle, once',
  ],
  [
    "bundle that is exempt in part",
    HEAD,
    "actions: [insurance, deal] }",
    "actions: [insurance, card-help] }",
    'rulebook.yaml:11:26: bundle "pair" has actions of exempt purposes beside others: bundle only the ones or only the others',
  ],
  [
    "purpose that is built in otherwise",
    HEAD,
    "{ id: newsletter }",
    "{ id: newsletter }, { id: marketing, exempt: true }",
    'rulebook.yaml:3:57: purpose "marketing" is built in, with exempt: false: give yours another id',
  ],

  // ---- actions and channels
  [
    "unknown purpose",
    "channels.yaml",
    "newsletter: granted",
    "newsleter: granted",
    'channels.yaml:3:113: unknown purpose "newsleter": did you mean "newsletter"?',
  ],
  [
    "consent that is neither",
    "channels.yaml",
    "consentDefault: granted",
    "consentDefault: grantd",
    'channels.yaml:2:96: "consentDefault" must be one of granted, denied, found "grantd": did you mean "granted"?',
  ],
  [
    "format that is none",
    "channels.yaml",
    "format: html",
    "format: htm",
    'channels.yaml:3:76: "format" must be one of text, html, found "htm": did you mean "html"?',
  ],

  // ---- quotas
  ["half a contact", QUOTAS, "max: 1000", "max: 10.5", "quotas.yaml:2:23: 10.5 contacts: write a whole number"],
  [
    "pacing of a total",
    QUOTAS,
    "per: day",
    "per: total",
    "quotas.yaml:2:49: pacing is over a day: write per: day, or take pacing out",
  ],
  [
    "quota in an unknown zone",
    QUOTAS,
    "America/New_York",
    "America/NewYork",
    'quotas.yaml:3:64: unknown time zone "America/NewYork": did you mean "America/New_York"?',
  ],
  [
    "quota of an unknown group",
    QUOTAS,
    "group: shop",
    "group: shops",
    'quotas.yaml:3:89: unknown group "shops": did you mean "shop"?',
  ],

  // ---- triggers and campaigns
  [
    "trigger that waits for nothing",
    TRIGGERS,
    "daily: true, ",
    "",
    `triggers.yaml:7:5: a trigger waits for exactly one of ${KINDS}; this one waits for nothing`,
  ],
  [
    "trigger that waits for two things",
    TRIGGERS,
    "daily: true",
    "daily: true, on: [login]",
    `triggers.yaml:7:20: a trigger waits for exactly one of ${KINDS}; this one waits for on and daily`,
  ],
  [
    "daily: false",
    TRIGGERS,
    "daily: true",
    "daily: false",
    "triggers.yaml:7:27: a daily trigger is written daily: true",
  ],
  [
    "sequence of one step",
    TRIGGERS,
    ", { on: [quit] }",
    "",
    'triggers.yaml:3:36: "steps" must be a list of 2 to 5 items, found 1 items',
  ],
  [
    "pattern over no time",
    TRIGGERS,
    "within: 1h }",
    "within: 0h }",
    'triggers.yaml:4:104: "0h" must be longer than 0 and at most 90d: an event that is later than that is refused',
  ],
  [
    "filter that reads no event",
    TRIGGERS,
    'where: event.props.section == "loans"',
    "where: features.buys_30d > 1",
    'triggers.yaml:3:63: unknown name "features": use "event"',
  ],
  [
    "holdFor of a screen",
    TRIGGERS,
    "times: 3, within: 1d }, placement: home",
    "times: 3, within: 1d }, placement: home, holdFor: 1h",
    'triggers.yaml:5:90: placement "home" is inbound, and quiet hours hold back outbound messages only: take holdFor out',
  ],
  [
    "unknown placement of a campaign",
    "campaigns.yaml",
    "placement: outreach",
    "placement: outrech",
    'campaigns.yaml:2:52: unknown placement "outrech": did you mean "outreach"?',
  ],
  [
    "campaign that ends before it begins",
    "campaigns.yaml",
    "to: 2026-03-08",
    "to: 2026-03-01",
    'campaigns.yaml:2:84: "to" must be later than "from"',
  ],
  [
    "campaign that looks at nobody",
    "campaigns.yaml",
    "perSecond: 20",
    "perSecond: 0",
    'campaigns.yaml:2:107: "perSecond" must be a number above 0 and to 100000, found 0',
  ],

  // ---- experiments
  [
    "buckets that two experiments share",
    EXPERIMENTS,
    "buckets: [50, 99]",
    "buckets: [49, 99]",
    'experiments.yaml:13:14: layer "offers": experiment "prices" has the buckets 0 to 49: choose others, or another layer',
  ],
  [
    "buckets the wrong way round",
    EXPERIMENTS,
    "buckets: [50, 99]",
    "buckets: [99, 50]",
    "experiments.yaml:13:14: buckets from 99 to 50: write the lower one first",
  ],
  [
    "bucket that there is not",
    EXPERIMENTS,
    "buckets: [50, 99]",
    "buckets: [50, 100]",
    'experiments.yaml:13:19: item 2 of "buckets" must be a whole number from 0 to 99, found 100',
  ],
  [
    "arm of weight 0",
    EXPERIMENTS,
    "id: control, weight: 1 ",
    "id: control, weight: 0 ",
    'experiments.yaml:9:32: "weight" must be a number above 0 and to 1000000, found 0',
  ],
  [
    "lever of an unknown action",
    EXPERIMENTS,
    "deal: 1.5",
    "dael: 1.5",
    'experiments.yaml:10:53: unknown action "dael": did you mean "deal"?',
  ],
  [
    "unknown treatment",
    EXPERIMENTS,
    '"deal:email"',
    '"deal:mail"',
    'experiments.yaml:10:126: unknown treatment "deal:mail": did you mean "deal:email"?',
  ],
  [
    "arms of one id",
    EXPERIMENTS,
    "id: loud",
    "id: control",
    'experiments.yaml:10:15: arm "control" is declared twice: keep one',
  ],
  [
    "when of an experiment with variants",
    EXPERIMENTS,
    "salt: other",
    "when: segments.known",
    'experiments.yaml:14:5: "when" cannot be told before it is known which rulebook decides: take it out, or put it in the rules of the variant',
  ],
  [
    "holdout of everybody",
    EXPERIMENTS,
    "share: 0.05",
    "share: 1",
    'experiments.yaml:1:19: "share" must be a number from 0 below 1, found 1',
  ],
];

describe("faults of the wider language", () => {
  for (const [title, file, from, to, fault] of TABLE) {
    it(`says where and what: ${title}`, () => {
      expect(richFaults(file, from, to)).toContain(fault);
    });
  }

  it("has none in the rich rulebook itself", () => {
    expect(faultsIn(RICH)).toEqual([]);
  });

  it("tells of an action that is urgent or holds room where that means nothing", () => {
    const text = (RICH["actions/sell.yaml"] as string)
      .replace("urgent: true", "holdsRoom: 'true'")
      .replace("purpose: newsletter", "purpose: newsletter\n        urgent: true");
    expect(faultsIn({ ...RICH, "actions/sell.yaml": text })).toEqual([
      'actions/sell.yaml:41:9: no limit holds for the purpose "service", so there is no room to hold: take it out',
      'actions/sell.yaml:50:17: only a message of an exempt purpose such as service is urgent, and this is "newsletter"',
    ]);
  });

  it("allows any purpose in a rulebook that declares none", () => {
    const head = (RICH[HEAD] as string).replace(/purposes:.*\n/, "");
    expect(faultsIn({ ...RICH, [HEAD]: head })).toEqual([]);
  });
});

describe("faults of variants", () => {
  it("are told of the file under variants/", () => {
    const broken = { ...RICH, "variants/bold/contact-policy.yaml": "limits:\n  - { id: a, max: 1, window: 0d }\n" };
    expect(faultsIn(broken)).toEqual([
      'variants/bold/contact-policy.yaml:2:30: "0d" must be longer than 0 and at most 90d: contacts are remembered that long',
    ]);
  });

  it("are told of a file that all arms share, where the variant makes it wrong", () => {
    const without = (RICH["actions/sell.yaml"] as string).replace("id: insurance", "id: assurance");
    expect(faultsIn({ ...RICH, "variants/bold/actions/sell.yaml": without })).toEqual([
      'rulebook.yaml:11:27: unknown action "insurance": did you mean "assurance"? (as variant "bold" has it)',
    ]);
  });

  it("are told once where the base has them too", () => {
    expect(richFaults(HEAD, "halfLife: 14d", "halfLife: 0d")).toEqual([
      'rulebook.yaml:7:83: "0d" must be longer than 0 and at most 365d',
    ]);
  });

  it("name files that have no place there, folders that no arm names, and arms without a folder", () => {
    expect(
      faultsIn({
        ...RICH,
        "variants/bold/features.yaml": "features: []\n",
        "variants/loose.yaml": "a: 1\n",
        "variants/other/segments.yaml": "segments: []\n",
        "variants/Bad/rulebook.yaml": 'version: "1"\n',
      }).filter((fault) => !fault.includes("(as variant")),
    ).toEqual([
      'variants/Bad:1:1: "Bad" must be an id of lower case letters, digits and - such as bold-offers',
      "variants/bold/features.yaml:1:1: a variant may replace actions/*.yaml, contact-policy.yaml, segments.yaml and rulebook.yaml: the rest is shared by all arms",
      "variants/loose.yaml:1:1: a variant is a folder: move this to variants/NAME/",
      "variants/other:1:1: no arm names this variant: write variant: other in experiments.yaml, or remove the folder",
    ]);
    expect(richFaults(EXPERIMENTS, "variant: bold", "variant: blod")).toEqual([
      'experiments.yaml:17:42: unknown variant "blod": did you mean "bold"?',
      "variants/bold:1:1: no arm names this variant: write variant: bold in experiments.yaml, or remove the folder",
    ]);
  });

  it("put variants in one layer: one rulebook decides", () => {
    const text = `${RICH[EXPERIMENTS]}  - id: more
    layer: second
    arms: [{ id: a, weight: 1 }, { id: b, weight: 1, variant: bold }]
`;
    expect(faultsIn({ ...RICH, [EXPERIMENTS]: text })).toEqual([
      'experiments.yaml:20:63: layer "offers" has variants already, and one rulebook decides: put both experiments in one layer',
    ]);
  });
});

describe("expansion of segments", () => {
  const doubling = (count: number) =>
    Array.from({ length: count }, (_, index) => {
      const rule = index === 0 ? "attributes.age < 30" : `segments.s${index - 1} && segments.s${index - 1}`;
      return `  - { id: s${index}, label: S, rule: ${rule} }\n`;
    }).join("");

  it("is bounded: a fault instead of a rulebook that fills the memory", () => {
    const files = { ...RICH, "segments.yaml": `${RICH[SEGMENTS]}${doubling(256 - 4)}` };
    const faults = faultsIn(files);
    expect(faults[0]).toMatch(
      /^segments\.yaml:\d+:32: with its segments in place this has \d+ parts, at most 3000: split it into several rules$/,
    );
  });

  it("is bounded in depth too", () => {
    const deep = Array.from({ length: 240 }, (_, index) => {
      const rule = index === 0 ? "segments.known" : `"!(!(!(!(!(segments.d${index - 1})))))"`;
      return `  - { id: d${index}, label: D, rule: ${rule} }\n`;
    });
    const [first] = faultsIn({ ...RICH, "segments.yaml": `${RICH[SEGMENTS]}${deep.join("")}` });
    expect(first).toMatch(
      /^segments\.yaml:1\d\d:\d+: with its segments in place this is nested 50\d levels deep, at most 500: split it/,
    );
    expect(faultsIn({ ...RICH, "segments.yaml": `${RICH[SEGMENTS]}${deep.slice(0, 99).join("")}` })).toEqual([]);
  });
});
