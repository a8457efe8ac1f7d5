// A small rulebook that says something in every file and nearly every field, for tests that read it or put a fault in.
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import type { Rulebook, RulebookFiles } from "../../engine/rulebook/rulebook.ts";
import { MODELS, sha256 } from "./small-rules.ts";

const ACTIONS = `issue:
  id: sell
  label: Sell
groups:
  - id: shop
    label: Shop
    lever: 2
    actions:
      - id: deal
        label: Deal
        eligibility: [segments.young_saver]
        holdsRoom: features.buys_30d > 3
        value: 10 * attributes.age
        cost: 0.5
        propensity: { prior: { mean: 0.2, weight: 20 } }
        treatments:
          - channel: app
            content: { title: Hello }
          - channel: email
            enabled: false
            from: 2026-02-01
            to: 2026-03-01
            eligibility: [{ id: adult, rule: attributes.age >= 18 }]
            suitability: [model.churn < 0.5]
            lever: 3
            context: [{ when: segments.known, weight: 1.5 }]
            cost: 2
            content: { title: Hello }
      - id: insurance
        label: Insurance
        value: 5
        propensity: { prior: { mean: 0.2, weight: 20 } }
        treatments:
          - { channel: app, content: { title: Safe } }
  - id: help
    label: Help
    purpose: service
    actions:
      - id: card-help
        label: Help with the card
        urgent: true
        value: 5
        propensity: { prior: { mean: 0.2, weight: 20 } }
        treatments:
          - { channel: app, content: { title: Help } }
          - { channel: push, content: { title: Help } }
      - id: newsletter
        label: News
        purpose: newsletter
        value: 1
        propensity: { prior: { mean: 0.2, weight: 20 } }
        treatments:
          - { channel: email, content: { title: News } }
`;

export const RICH: RulebookFiles = {
  "rulebook.yaml": `version: "2"
arbitration: { propensity: 1, boost: 0.5, fatigue: 2 }
purposes: [{ id: newsletter }, { id: security, exempt: true }]
timeZone: { default: Europe/Vienna, attribute: time_zone, countryAttribute: country, countries: { AT: Europe/Vienna, US: America/New_York } }
fatigue: { halfLife: 7d, halvesAt: 6, weights: { push: 1, email: 0.25 }, otherWeight: 0.75, answered: 0.1, otherChannels: 0.2 }
boosts:
  - { id: liked, after: clicked, scope: group, only: shop, weight: 1.5, halfLife: 14d }
atMost:
  - { id: one-offer, max: 1, per: decision, groups: [shop], actions: [card-help] }
bundles:
  - { id: pair, actions: [insurance, deal] }
`,
  "features.yaml": `attributes:
  - { name: age, type: number, label: Age }
  - { name: time_zone, type: string, label: Zone }
  - { name: country, type: string, label: Country }
features:
  - { name: buys_30d, label: Buys, aggregate: count, of: [purchase], window: 30d }
`,
  "segments.yaml": `segments:
  - { id: known, label: Known, rule: "!customer.anonymous" }
  - { id: young, label: Young, rule: attributes.age < 30 }
  - { id: young_saver, label: Young saver, rule: segments.known && segments.young && features.buys_30d < 9 }
  - { id: leaving, label: Leaving, rule: model.churn > 0.5 }
`,
  "channels.yaml": `channels:
  - { name: app, label: App, kind: pull, countsAt: presented, reserveFor: 30m, consentDefault: granted }
  - { name: email, label: E-mail, kind: stream, countsAt: decided, format: html, consentDefault: { "*": denied, newsletter: granted } }
  - { name: push, label: Push, kind: stream, countsAt: decided }
`,
  "placements.yaml": `placements:
  - { name: home, label: Home, direction: inbound, channels: [app], slots: 2, minPriority: 0.5 }
  - { name: outreach, label: Outreach, direction: outbound, channels: [email, push], slots: 1 }
`,
  "triggers.yaml": `triggers:
  - { id: bought, on: [purchase], when: segments.known, placement: home }
  - { id: path, sequence: { steps: [{ on: [page_view], where: event.props.section == "loans" }, { on: [quit] }], within: 2h }, placement: outreach, holdFor: 12h }
  - { id: basket, absence: { after: { on: [add_to_cart] }, of: { on: [purchase, empty_cart] }, within: 1h }, placement: outreach }
  - { id: thrice, count: { of: { on: [login] }, times: 3, within: 1d }, placement: home }
  - { id: silent, inactivity: { for: 30d }, placement: outreach }
  - { id: morning, daily: true, when: features.buys_30d == 0, placement: outreach }
  - { id: no-thanks, rejected: [declined, later], placement: home }
`,
  "campaigns.yaml": `campaigns:
  - { id: spring, when: segments.young, placement: outreach, from: 2026-03-01, to: 2026-03-08, perSecond: 20, holdFor: 1d }
`,
  "contact-policy.yaml": `limits:
  - { id: weekly, max: 3, window: 7d, direction: each, channel: email }
  - { id: daily, max: 1, days: 2, per: channel }
coolDowns:
  - { id: ignored, after: no-response, times: 3, within: 14d, scope: channel, for: 30d, only: email }
  - { id: enough, after: contacted, scope: all, for: 1h }
related:
  - { id: insured, after: accepted, of: { actions: [insurance] }, suppresses: { groups: [shop], issues: [sell] }, for: 60d }
openCases:
  - { id: complaint, kinds: [complaint], suppresses: { issues: [sell] } }
  - { id: any-case }
quietHours:
  - { id: night, from: "21:00", to: "08:00" }
  - { id: sunday, from: "00:00", to: "24:00", days: [sun], channels: [push] }
`,
  "quotas.yaml": `quotas:
  - { id: mails, max: 1000, per: day, pacing: even, channel: email }
  - { id: budget, max: 99.5, unit: cost, per: total, timeZone: America/New_York, group: shop }
`,
  "experiments.yaml": `holdout: { share: 0.05, salt: "2026" }
experiments:
  - id: prices
    layer: offers
    buckets: [0, 49]
    from: 2026-01-01
    when: segments.known
    arms:
      - { id: control, weight: 1 }
      - { id: loud, weight: 3, levers: { actions: { deal: 1.5 }, groups: { shop: 2 }, issues: { sell: 3 } }, treatmentsOff: ["deal:email"] }
  - id: whole
    layer: offers
    buckets: [50, 99]
    salt: other
    arms:
      - { id: control, weight: 50 }
      - { id: bold, weight: 50, variant: bold }
`,
  "variants/bold/contact-policy.yaml": `coolDowns:
  - { id: long, after: declined, scope: action, for: 80d }
`,
  "variants/bold/actions/sell.yaml": ACTIONS.replace("lever: 2", "lever: 4"),
  "actions/sell.yaml": ACTIONS,
};

export function rich(changes: RulebookFiles = {}): Rulebook {
  const compiled = compileRulebook({ files: { ...RICH, ...changes }, models: MODELS, sha256 });
  if (compiled.kind === "compiled") return compiled.rulebook;
  throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
}

/** All that is said of the rich rulebook with one piece of text replaced; throws where the piece is not there. */
export function richFaults(file: string, from: string, to: string): readonly string[] {
  const text = RICH[file] ?? "";
  if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`);
  return faultsIn({ ...RICH, [file]: text.replace(from, () => to) });
}

export function faultsIn(files: RulebookFiles): readonly string[] {
  const compiled = compileRulebook({ files, models: MODELS, sha256 });
  return compiled.kind === "faulty" ? compiled.faults.map((fault) => formatFault(fault)) : [];
}
