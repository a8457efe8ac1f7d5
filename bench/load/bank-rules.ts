// A hundred offers of a bank, as values: from them both the rulebook of the engine and the rules of the baseline are
// written. At the median customer who triggers, 40 of 100 pass engagement policy; a quarter of the offers goes by channels
// to which everybody has consented, so that 10 reach arbitration.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createRandom } from "../../engine/cli/traffic/random.ts";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";

export interface Offer {
  readonly id: string;
  /** `sms` is never consented to. */
  readonly channel: "push" | "email" | "sms";
  readonly ageMin: number;
  readonly tenureMin: number;
  readonly feature: string;
  readonly relation: ">=" | "<=";
  readonly bound: number;
  /** value = base + churn * model.churn + propensity * model.propensity */
  readonly base: number;
  readonly churn: number;
  readonly propensity: number;
  /** Prior mean of its propensity. */
  readonly mean: number;
}

/** Outbound contacts in 7 days; more are at the cap. */
export const OUTREACH_MAX = 3;
const FEATURES = [
  "views_7d",
  "carts_7d",
  "favourites_7d",
  "purchases_30d",
  "logins_7d",
  "travel_views_7d",
  "spend_90d",
];

export function drawOffers(count: number, seed: number): readonly Offer[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index): Offer => {
    const isLeast = random.chance(0.3);
    return {
      id: `offer-${String(index).padStart(5, "0")}`,
      channel: index % 4 !== 0 ? "sms" : index % 8 === 0 ? "push" : "email",
      ageMin: 18 + Math.floor(random.next() * 32),
      tenureMin: Math.floor(random.next() * 60),
      feature: FEATURES[Math.floor(random.next() * FEATURES.length)] as string,
      relation: isLeast ? ">=" : "<=",
      bound: isLeast ? 1 : 40,
      base: 1 + Math.round(random.next() * 9_900) / 100,
      churn: Math.round(random.next() * 2_000) / 100,
      propensity: Math.round(random.next() * 2_000) / 100,
      mean: 0.01 + Math.round(random.next() * 4_000) / 10_000,
    };
  });
}

const PER_GROUP = 500;

/** `delivered`: the files under rules/, whose features, attributes and channels stay; rules, actions and triggers go. */
export function bankFiles(offers: readonly Offer[], delivered: RulebookFiles): RulebookFiles {
  const files: Record<string, string> = {
    "rulebook.yaml": 'version: "bench-1"\n',
    "features.yaml": delivered["features.yaml"] ?? "",
    "channels.yaml": CHANNELS,
    "placements.yaml": PLACEMENTS,
    "contact-policy.yaml": `limits:\n  - { id: outreach-per-week, max: ${OUTREACH_MAX}, window: 7d, direction: outbound }\n`,
    "triggers.yaml":
      "triggers:\n  - { id: moment, on: [call_started, checkout_abandoned, account_closure_viewed], placement: outreach }\n",
  };
  for (let from = 0; from < offers.length; from += PER_GROUP) {
    const name = `part-${from / PER_GROUP}`;
    const actions = offers.slice(from, from + PER_GROUP).map(offerYaml);
    const head = `issue: { id: ${name}, label: ${name}, purpose: marketing }\ngroups:\n  - id: ${name}\n    label: ${name}\n    actions:\n`;
    files[`actions/${name}.yaml`] = head + actions.join("");
  }
  return files;
}

/** A folder of these rules, for as long as the process runs or until `remove`. */
export async function writeRules(
  files: RulebookFiles,
): Promise<{ readonly dir: string; readonly remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "nba-bench-rules-"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

const CHANNELS = `channels:
  - { name: app, label: App, kind: pull, countsAt: presented, reserveFor: 30m, consentDefault: granted }
  - { name: push, label: Push, kind: stream, countsAt: decided, consentDefault: granted }
  - { name: email, label: E-mail, kind: stream, countsAt: decided, consentDefault: granted }
  - { name: sms, label: SMS, kind: stream, countsAt: decided, consentDefault: denied }
  - { name: contact-centre, label: Contact centre, kind: websocket, countsAt: presented, reserveFor: 15m, consentDefault: granted }
`;
const PLACEMENTS = `placements:
  - name: app-home
    label: Start screen of the app
    direction: inbound
    channels: [app]
    slots: 2
    sticky: 5m
    fallback: { title: Your accounts, text: Everything is one tap away. }
  - name: agent-desk
    label: Desk of an agent
    direction: inbound
    channels: [contact-centre]
    slots: 2
    sticky: 5m
    fallback: { title: Listen first, text: Solve what the customer called about. }
  - name: outreach
    label: Messages
    direction: outbound
    channels: [push, email, sms]
    slots: 1
    fallback: { title: Nothing, text: Nothing to say. }
`;

function offerYaml(offer: Offer): string {
  const { id, channel, ageMin, tenureMin, feature, relation, bound, base, churn, propensity, mean } = offer;
  const content = '{ title: "An offer for {{first_name}}", text: Have a look., cta: Look }';
  return `      - id: ${id}
        label: ${id}
        eligibility: [{ id: of-age, rule: attributes.age >= ${ageMin} }, { id: long-enough, rule: attributes.tenure_months >= ${tenureMin} }]
        applicability: [{ id: interest, rule: features.${feature} ${relation} ${bound} }]
        suitability: [{ id: not-in-arrears, rule: attributes.arrears == false }]
        value: ${base} + ${churn} * model.churn + ${propensity} * model.propensity
        propensity: { prior: { mean: ${mean}, weight: 100000 } }
        reasons: ["{{features.${feature}}} of late"]
        treatments:
          - { channel: ${channel}, content: ${content} }
          - { channel: app, content: ${content} }
`;
}
