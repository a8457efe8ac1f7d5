// A rulebook of any number of actions, two treatments each, over the delivered features, channels and contact policy.
import { createRandom, type Random } from "../../engine/cli/traffic/random.ts";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";

export interface DrawnAction {
  readonly id: string;
  readonly feature: string;
  readonly least: number;
  readonly ageMin: number;
  readonly tenureMin: number;
  readonly base: number;
  readonly slope: number;
  /** Prior means of the treatments for app and web. */
  readonly app: number;
  readonly web: number;
}

/** The feature and the range that its thresholds are drawn from: about a third of the actions survive. */
const COUNTED = [
  "views_7d",
  "carts_7d",
  "favourites_7d",
  "purchases_30d",
  "logins_7d",
  "travel_views_7d",
  "loan_views_7d",
  "items_24h",
];
const THRESHOLD_MAX = 12;

export function drawActions(count: number, seed: number): readonly DrawnAction[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => ({
    id: `offer-${String(index).padStart(5, "0")}`,
    feature: COUNTED[Math.floor(random.next() * COUNTED.length)] as string,
    least: Math.floor(random.next() * THRESHOLD_MAX),
    ageMin: 18 + Math.floor(random.next() * 30),
    tenureMin: Math.floor(random.next() * 24),
    base: hundredths(random, 100),
    slope: hundredths(random, 1),
    app: 0.01 + hundredths(random, 0.4),
    web: 0.01 + hundredths(random, 0.4),
  }));
}

const PER_FILE = 250;

const LEFT_OUT = ["triggers.yaml", "contact-policy.yaml", "rulebook.yaml", "segments.yaml"];

/** `delivered`: files under rules/; their actions and triggers are left out, and what refers to their issues and groups. */
export function rulebookOf(actions: readonly DrawnAction[], delivered: RulebookFiles): RulebookFiles {
  const files: Record<string, string> = {};
  for (const [path, text] of Object.entries(delivered)) {
    if (!path.startsWith("actions/") && !LEFT_OUT.includes(path)) files[path] = text;
  }
  files["rulebook.yaml"] = 'version: "1.0"\n';
  files["contact-policy.yaml"] = (delivered["contact-policy.yaml"] ?? "")
    .replaceAll(/^.*(group: credit|only: credit).*$/gm, "")
    .replace(/^openCases:\n(?: {2}.*\n)*/m, "");
  for (let from = 0; from < actions.length; from += PER_FILE) {
    const name = `part-${from / PER_FILE}`;
    const body = actions
      .slice(from, from + PER_FILE)
      .map(actionYaml)
      .join("");
    const head = `issue: { id: ${name}, label: ${name}, purpose: marketing }\ngroups:\n  - id: ${name}\n    label: ${name}\n    actions:\n`;
    files[`actions/${name}.yaml`] = head + body;
  }
  return files;
}

function actionYaml(action: DrawnAction): string {
  const { id, feature, least, ageMin, tenureMin, base, slope, app, web } = action;
  return `      - id: ${id}
        label: ${id}
        eligibility: [{ id: of-age, rule: attributes.age >= ${ageMin} }, { id: long-enough, rule: attributes.tenure_months >= ${tenureMin} }]
        applicability: [{ id: interest, rule: features.${feature} >= ${least} }]
        suitability: [{ id: not-in-arrears, rule: attributes.arrears == false }]
        value: ${base} + ${slope} * features.spend_30d
        propensity: { prior: { mean: ${app}, weight: 20 } }
        reasons:
          - "{{features.${feature}}} times of late"
          - when: features.spend_30d >= 50
            text: "Spent {{features.spend_30d}} in 30 days"
        treatments:
          - channel: app
            content: { title: "An offer for {{first_name}}", text: Have a look., cta: Look }
          - channel: web
            prior: { mean: ${web}, weight: 20 }
            content: { title: "An offer for {{first_name}}", text: Have a look., cta: Look }
`;
}

function hundredths(random: Random, below: number): number {
  return Math.round(random.next() * below * 100) / 100;
}
