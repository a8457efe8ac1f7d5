// Lints: what is put into the rich rulebook, and what is said of it then that is not said of it as it is.
import { describe, expect, it } from "vitest";
import type { Instant } from "../../engine/domain/time.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import { lintRulebook } from "../../engine/rulebook/lint-rulebook.ts";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";
import { RICH } from "./rich-rules.ts";
import { MODELS, sha256 } from "./small-rules.ts";

const NOW = Date.parse("2026-01-15") as Instant;

function lintsOf(files: RulebookFiles, now = NOW): readonly string[] {
  const compiled = compileRulebook({ files, models: MODELS, sha256 });
  if (compiled.kind === "faulty") throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
  const { rulebook, reads } = compiled;
  return lintRulebook({ rulebook, reads, modelFeatures: [], now }).map(
    (lint) => `${formatFault(lint)} [${lint.severity} ${lint.id}]`,
  );
}

function withText(file: string, from: string, to: string): RulebookFiles {
  const text = RICH[file] ?? "";
  if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`);
  return { ...RICH, [file]: text.replace(from, () => to) };
}

const ACTIONS = "actions/sell.yaml";
const POLICY = "contact-policy.yaml";
const HEAD = "rulebook.yaml";
const INSURANCE = "        label: Insurance\n";

const TABLE: readonly (readonly [title: string, file: string, from: string, to: string, lints: readonly string[]])[] = [
  // ---- reach
  [
    "an action that is switched off",
    ACTIONS,
    INSURANCE,
    `${INSURANCE}        enabled: false\n`,
    ['actions/sell.yaml:29:9: action "insurance" is offered to nobody: enabled is false [note unreachable-action]'],
  ],
  [
    "an action that is over",
    ACTIONS,
    INSURANCE,
    `${INSURANCE}        to: 2026-01-15\n`,
    [
      'actions/sell.yaml:29:9: action "insurance" is offered to nobody: it ended on 2026-01-15 [note unreachable-action]',
    ],
  ],
  [
    "an action whose rule is never true, whatever else it reads",
    ACTIONS,
    INSURANCE,
    `${INSURANCE}        eligibility: ["segments.known && (1 > 2 || !(2 in [2, 3]))"]\n`,
    [
      'actions/sell.yaml:29:9: action "insurance" is offered to nobody: rule "sell/shop/insurance/eligibility-1" (segments.known && (1 > 2 || !(2 in [2, 3]))) is never true [warning unreachable-action]',
      'actions/sell.yaml:31:24: rule "sell/shop/insurance/eligibility-1" (segments.known && (1 > 2 || !(2 in [2, 3]))) is true of nobody: to switch something off write enabled: false [warning never-true]',
    ],
  ],
  [
    "a rule that is an error for everybody",
    ACTIONS,
    INSURANCE,
    `${INSURANCE}        suitability: ["!(1 / 0 > 2)"]\n`,
    [
      'actions/sell.yaml:29:9: action "insurance" is offered to nobody: rule "sell/shop/insurance/suitability-1" (!(1 / 0 > 2)) is never true [warning unreachable-action]',
      'actions/sell.yaml:31:24: rule "sell/shop/insurance/suitability-1" (!(1 / 0 > 2)) is true of nobody: to switch something off write enabled: false [warning never-true]',
    ],
  ],
  [
    "a rule that is always true",
    ACTIONS,
    INSURANCE,
    `${INSURANCE}        suitability: ["true || segments.known"]\n`,
    [
      'actions/sell.yaml:31:24: rule "sell/shop/insurance/suitability-1" (true || segments.known) is true of everybody: take it out, or ask something [warning always-true]',
    ],
  ],
  [
    "a floor that nobody reaches",
    ACTIONS,
    "value: 5\n        propensity: { prior: { mean: 0.2, weight: 20 } }",
    "value: 5\n        propensity: { floor: 1, prior: { mean: 0.2, weight: 20 } }",
    [
      'actions/sell.yaml:29:9: action "insurance" is offered to nobody: its floor is 1, and no propensity is that high [warning unreachable-action]',
    ],
  ],
  [
    "a treatment whose period is not that of its action",
    ACTIONS,
    "          - { channel: app, content: { title: Safe } }",
    "          - { channel: app, content: { title: Safe } }\n          - { channel: push, from: 2026-03-01, content: { title: Safe } }\n        to: 2026-02-01",
    [
      'actions/sell.yaml:35:13: treatment "insurance:push" is offered to nobody: its period and that of its action have nothing in common [warning unreachable-treatment]',
    ],
  ],
  [
    "a segment that is never true, in a campaign",
    "segments.yaml",
    "rule: attributes.age < 30",
    "rule: attributes.age < 30 && false",
    [
      'actions/sell.yaml:9:9: action "deal" is offered to nobody: rule "sell/shop/deal/eligibility-1" (segments.young_saver) is never true [warning unreachable-action]',
      'actions/sell.yaml:11:23: rule "sell/shop/deal/eligibility-1" (segments.young_saver) is true of nobody: to switch something off write enabled: false [warning never-true]',
      'campaigns.yaml:2:25: rule "campaign/spring" (segments.young) is true of nobody: to switch something off write enabled: false [warning never-true]',
      'segments.yaml:3:38: rule "segment/young" (attributes.age < 30 && false) is true of nobody: to switch something off write enabled: false [warning never-true]',
      'segments.yaml:4:50: rule "segment/young_saver" (segments.known && segments.young && features.buys_30d < 9) is true of nobody: to switch something off write enabled: false [warning never-true]',
      'variants/bold/actions/sell.yaml:9:9: action "deal" is offered to nobody: rule "sell/shop/deal/eligibility-1" (segments.young_saver) is never true [warning unreachable-action]',
      'variants/bold/actions/sell.yaml:11:23: rule "sell/shop/deal/eligibility-1" (segments.young_saver) is true of nobody: to switch something off write enabled: false [warning never-true]',
    ],
  ],
  [
    "an arm that switches off all treatments of an action",
    "experiments.yaml",
    'treatmentsOff: ["deal:email"]',
    'treatmentsOff: ["insurance:app"]',
    [
      'experiments.yaml:3:5: arm "loud" of experiment "prices" switches every treatment of action "insurance" off [note arm-drops-action]',
    ],
  ],
  [
    "an arm that switches off everything",
    "experiments.yaml",
    'treatmentsOff: ["deal:email"]',
    'treatmentsOff: ["deal:app", "deal:email", "insurance:app", "card-help:app", "card-help:push", "newsletter:email"]',
    [
      'experiments.yaml:3:5: arm "loud" of experiment "prices" switches every treatment off [warning arm-offers-nothing]',
    ],
  ],

  // ---- limits
  [
    "a limit that a tighter and wider one always precedes",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: wide, max: 2, window: 14d, direction: both }\n",
    [
      'contact-policy.yaml:3:5: limit "weekly" never bites: "wide" covers all that it counts and always bites first [warning moot-limit]',
    ],
  ],
  [
    "no conflict where the wider limit is over a shorter window",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: wide, max: 2, window: 6d, direction: both }\n",
    [],
  ],
  [
    "a month that its weeks never fill",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: monthly, max: 20, window: 28d, channel: email, direction: outbound }\n",
    [
      'contact-policy.yaml:2:5: limit "monthly" allows 20, but "weekly" lets only 12 through in that time: it bites only where other senders\' contacts come on top [note slack-limit]',
    ],
  ],
  [
    "no conflict where the wider limit has a counter for each action",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: wide, max: 2, window: 14d, per: action }\n",
    [],
  ],
  [
    "a limit of one direction beside one of each",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: out, max: 3, window: 7d, direction: outbound, channel: email }\n",
    [
      'contact-policy.yaml:2:5: limit "out" never bites: "weekly" covers all that it counts and always bites first [warning moot-limit]',
    ],
  ],
  [
    "calendar days within a rolling window that is longer than they ever last",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: wide, max: 1, window: 3d }\n",
    [
      'contact-policy.yaml:3:5: limit "weekly" allows 3, but "wide" lets only 3 through in that time: it bites only where other senders\' contacts come on top [note slack-limit]',
      'contact-policy.yaml:4:5: limit "daily" never bites: "wide" covers all that it counts and always bites first [warning moot-limit]',
    ],
  ],
  [
    "of two limits that are alike, the second",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: twin, max: 3, window: 7d, direction: each, channel: email }\n",
    [
      'contact-policy.yaml:3:5: limit "weekly" never bites: "twin" covers all that it counts and always bites first [warning moot-limit]',
    ],
  ],
  [
    "a limit of what is exempt",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: help, max: 1, window: 7d, action: card-help }\n",
    [
      'contact-policy.yaml:2:5: limit "help" limits nothing: no treatment that is not exempt is in its scope [warning moot-limit]',
    ],
  ],
  [
    "a limit of a direction that its channel does not have",
    POLICY,
    "limits:\n",
    "limits:\n  - { id: app, max: 1, window: 7d, channel: app, direction: outbound }\n",
    [
      'contact-policy.yaml:2:5: limit "app" limits nothing: no treatment that is not exempt is in its scope [warning moot-limit]',
    ],
  ],
  [
    "a cool-down that a wider and longer one makes idle",
    POLICY,
    "coolDowns:\n",
    "coolDowns:\n  - { id: short, after: contacted, scope: group, for: 30m }\n",
    [
      'contact-policy.yaml:5:5: cool-down "short" stops nothing more than "enough" does, which is as wide and as long [warning moot-cool-down]',
    ],
  ],
  [
    "a suppression of what is exempt",
    POLICY,
    "suppresses: { groups: [shop], issues: [sell] }",
    "suppresses: { actions: [card-help] }",
    [
      'contact-policy.yaml:8:5: policy "insured" suppresses nothing: every action that it names is exempt [warning moot-suppression]',
    ],
  ],
  [
    "a budget that nothing spends",
    "quotas.yaml",
    "group: shop",
    "action: insurance",
    ['quotas.yaml:3:5: quota "budget" is spent by nothing: no treatment in its scope has a cost [warning moot-quota]'],
  ],
  [
    "a budget that nothing fits into",
    "quotas.yaml",
    "max: 99.5, unit: cost, per: total, timeZone: America/New_York, group: shop",
    "max: 0.1, unit: cost, per: total, action: deal",
    [
      'quotas.yaml:3:5: quota "budget" lets nothing through: every treatment in its scope costs more than 0.1 [warning closed-quota]',
    ],
  ],
  [
    "a quota of what there is not",
    "quotas.yaml",
    "group: shop",
    "channel: push, group: shop",
    ['quotas.yaml:3:5: quota "budget" limits nothing: no treatment is in its scope [warning moot-quota]'],
  ],

  // ---- slates
  [
    "a slate limit that is never reached",
    HEAD,
    "max: 1, per: decision",
    "max: 3, per: decision",
    ['rulebook.yaml:9:5: slate limit "one-offer" allows 3 of 3: it never bites [warning moot-limit]'],
  ],

  // ---- quiet hours
  [
    "a channel without quiet hours beside one that has them",
    POLICY,
    '- { id: night, from: "21:00", to: "08:00" }',
    '- { id: night, from: "21:00", to: "08:00", channels: [push] }',
    [
      'channels.yaml:3:5: channel "email" sends outbound messages and has no quiet hours, while other channels have [warning quiet-hours-missing]',
    ],
  ],
  [
    "less than an hour between two quiet times",
    POLICY,
    'to: "24:00", days: [sun], channels: [push]',
    'to: "20:30", days: [sun], channels: [push]',
    [
      'contact-policy.yaml:13:5: channel "push" may be used for only 30m from Sunday 20:30, between two quiet times: join them, or leave an hour [warning quiet-hours-gap]',
    ],
  ],
  [
    "a channel that is always quiet",
    POLICY,
    "days: [sun], channels: [push]",
    "channels: [push]",
    [
      'contact-policy.yaml:13:5: channel "push" is quiet all week: nothing is ever sent there [warning quiet-hours-always]',
    ],
  ],
  [
    "quiet hours of customers whose zone may not be known",
    HEAD,
    "default: Europe/Vienna, ",
    "",
    [
      "contact-policy.yaml:13:5: a customer whose attributes tell no time zone has none and is sent nothing on these channels: write timeZone: { default: Europe/Vienna } or the like in rulebook.yaml [note quiet-hours-without-zone]",
    ],
  ],
  [
    "quiet hours without any time zone",
    HEAD,
    "timeZone: {",
    "# {",
    [
      "contact-policy.yaml:13:5: no customer has a time zone and is sent nothing on these channels: write timeZone: { default: Europe/Vienna } or the like in rulebook.yaml [warning quiet-hours-without-zone]",
      'features.yaml:3:5: attribute "time_zone" is not used: no rule and no text reads it [note unused-attribute]',
      'features.yaml:4:5: attribute "country" is not used: no rule and no text reads it [note unused-attribute]',
    ],
  ],

  // ---- unused
  [
    "a feature that nothing reads",
    "features.yaml",
    "features:\n",
    "features:\n  - { name: idle, label: Idle, aggregate: count, window: 7d }\n",
    ['features.yaml:6:5: feature "idle" is not used: no rule, no text and no model reads it [note unused-feature]'],
  ],
  [
    "a channel without treatments",
    "channels.yaml",
    "channels:\n",
    "channels:\n  - { name: sms, label: SMS, kind: stream, countsAt: decided }\n",
    ['channels.yaml:2:5: channel "sms" is not used: no treatment is for it [warning unused-channel]'],
  ],
];

describe("lints", () => {
  const before = lintsOf(RICH);

  it("of the rich rulebook as it is", () => {
    expect(before).toEqual([
      'actions/sell.yaml:19:13: treatment "deal:email" is offered to nobody: enabled is false [note unreachable-treatment]',
      'rulebook.yaml:11:5: bundle "pair" is never whole: slate limit "one-offer" lets no more than 1 of it in [warning bundle-never-whole]',
      'segments.yaml:5:5: segment "leaving" is not used: no rule reads it [warning unused-segment]',
      ...['4:5: what trigger "basket"', '6:5: what trigger "silent"', '7:5: what trigger "morning"'].map(
        (begin) =>
          `triggers.yaml:${begin} would send in quiet hours is lost: to decide again when they end write e.g. holdFor: 12h [note quiet-hours-lose]`,
      ),
      'variants/bold/actions/sell.yaml:19:13: treatment "deal:email" is offered to nobody: enabled is false [note unreachable-treatment]',
    ]);
  });

  for (const [title, file, from, to, lints] of TABLE) {
    it(`tell of ${title}`, () => {
      const found = lintsOf(withText(file, from, to));
      expect(found.filter((lint) => !before.includes(lint))).toEqual(lints);
    });
  }

  it("tell of a campaign that is over", () => {
    expect(lintsOf(RICH, Date.parse("2026-04-01") as Instant)).toContain(
      'campaigns.yaml:2:5: campaign "spring" ended on 2026-03-08: take it out [note over]',
    );
  });

  it("tell of placements that nobody asks for, and of asking for nothing", () => {
    const files = {
      ...RICH,
      "placements.yaml": `${RICH["placements.yaml"]}  - { name: sms, label: SMS, direction: outbound, channels: [push], slots: 1 }
  - { name: letters, label: Letters, direction: outbound, channels: [letter], slots: 1 }
`,
      "channels.yaml": `${RICH["channels.yaml"]}  - { name: letter, label: Letter, kind: stream, countsAt: decided }\n`,
      "triggers.yaml": `${RICH["triggers.yaml"]}  - { id: write, on: [moved], placement: letters, holdFor: 1h }\n`,
    };
    expect(lintsOf(files).filter((lint) => !before.includes(lint))).toEqual([
      'channels.yaml:5:5: channel "letter" is not used: no treatment is for it [warning unused-channel]',
      'placements.yaml:4:5: placement "sms" is outbound, and no trigger and no campaign asks for it: add one to triggers.yaml [warning unasked-placement]',
      'placements.yaml:5:5: placement "letters" is not used: no treatment is for it [warning unused-placement]',
      'triggers.yaml:9:5: trigger "write" asks for "letters", for which there is no treatment [warning asks-for-nothing]',
    ]);
  });

  it("tell of a bundle without a common placement, or without the slots", () => {
    const apart = withText(HEAD, "[insurance, deal]", "[insurance, newsletter]");
    expect(lintsOf(apart)).toContain(
      'rulebook.yaml:11:5: bundle "pair" is never whole: its actions have no placement in common [warning bundle-never-whole]',
    );
    const tight = withText("placements.yaml", "slots: 2", "slots: 1");
    expect(lintsOf(tight)).toContain(
      'rulebook.yaml:11:5: bundle "pair" is never whole: it needs 2 slots, and "home" has 1 slots [warning bundle-never-whole]',
    );
  });
});
