// A small rulebook without faults, for tests that put one in.
import { createHash } from "node:crypto";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import type { CompiledRulebook, KnownModel, Rulebook, RulebookFiles } from "../../engine/rulebook/rulebook.ts";

export const MODELS: readonly KnownModel[] = [
  { name: "churn", sha256: "00" },
  { name: "propensity", sha256: "01" },
];

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export const SMALL: RulebookFiles = {
  "rulebook.yaml": 'version: "1"\n',
  "features.yaml": `attributes:
  - { name: first_name, type: string, label: First name }
  - { name: age, type: number, label: Age }
  - { name: products, type: set, label: Products }
features:
  - { name: buys_30d, label: Buys, aggregate: count, of: [purchase], window: 30d }
  - { name: views_7d, label: Views, aggregate: count, of: [page_view], window: 7d }
  - { name: buy_rate, label: Rate, aggregate: ratio, numerator: buys_30d, denominator: views_7d }
`,
  "channels.yaml": `channels:
  - { name: app, label: App, kind: pull, countsAt: presented, reserveFor: 30m }
  - { name: email, label: E-mail, kind: stream, countsAt: decided }
`,
  "placements.yaml": `placements:
  - { name: home, label: Home, direction: inbound, channels: [app], slots: 2 }
`,
  "triggers.yaml": `triggers:
  - id: bought
    on: [purchase]
    when: features.buys_30d >= 2
    placement: home
`,
  "contact-policy.yaml": `limits:
  - { id: daily, max: 2, window: 1d, channel: app }
coolDowns:
  - { id: declined, after: declined, scope: action, for: 30d }
`,
  "actions/sell.yaml": `issue:
  id: sell
  label: Sell
groups:
  - id: shop
    label: Shop
    actions:
      - id: deal
        label: Deal
        applicability:
          - features.buys_30d > 1
        value: 10
        propensity: { prior: { mean: 0.2, weight: 20 } }
        reasons:
          - "{{features.buys_30d}} buys"
        treatments:
          - channel: app
            content:
              title: Hello {{first_name}}
`,
};

export function compileSmall(changes: Readonly<Record<string, string>> = {}): CompiledRulebook {
  return compileRulebook({ files: { ...SMALL, ...changes }, models: MODELS, sha256 });
}

export function ruleset(changes: Readonly<Record<string, string>> = {}): Rulebook {
  const compiled = compileSmall(changes);
  if (compiled.kind === "compiled") return compiled.rulebook;
  throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
}

/** The small rulebook with one piece of text replaced; throws where the piece is not there. */
export function changed(file: string, from: string, to: string): Readonly<Record<string, string>> {
  const text = SMALL[file] ?? "";
  if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`);
  return { [file]: text.replace(from, () => to) };
}

export function faultsOf(changes: Readonly<Record<string, string>>): readonly string[] {
  const compiled = compileSmall(changes);
  return compiled.kind === "faulty" ? compiled.faults.map((fault) => formatFault(fault)) : [];
}
