// The full rules as they are written in YAML, as far as a journal can be judged by them: nothing of the engine's compiler.
import { join } from "node:path";
import { readYaml } from "./full-rules.ts";

export type Kind = "channel" | "issue" | "group" | "action";

export interface WrittenLimit extends Readonly<Partial<Record<Kind, string>>> {
  readonly id: string;
  readonly max: number;
  readonly window?: string;
  readonly days?: number;
  readonly direction?: string;
  readonly per?: Kind;
}

export interface WrittenQuota extends Readonly<Partial<Record<Kind, string>>> {
  readonly id: string;
  readonly max: number;
  readonly unit?: "contacts" | "cost";
  readonly per: "day" | "total";
  readonly timeZone?: string;
  readonly pacing?: "none" | "even";
}

interface WrittenArm {
  readonly id: string;
  readonly weight: number;
  readonly variant?: string;
}

interface WrittenExperiment {
  readonly id: string;
  readonly layer: string;
  readonly buckets: readonly [number, number];
  readonly when?: string;
  readonly arms: readonly WrittenArm[];
}

interface WrittenAction {
  readonly id: string;
  readonly purpose?: string;
  readonly cost?: number;
  readonly treatments: readonly { readonly channel: string; readonly cost?: number }[];
}

interface WrittenIssue {
  readonly issue: { readonly id: string; readonly purpose?: string };
  readonly groups: readonly { readonly id: string; readonly purpose?: string; readonly actions: WrittenAction[] }[];
}

export interface Treatment extends Readonly<Record<Kind, string>> {
  readonly exempt: boolean;
  readonly cost: number;
}

export interface WrittenRules {
  readonly limits: readonly WrittenLimit[];
  readonly quotas: readonly WrittenQuota[];
  readonly experiments: readonly WrittenExperiment[];
  readonly holdout: { readonly share: number; readonly salt: string };
  readonly countries: Readonly<Record<string, string>>;
  /** By id, e.g. `gold-card:push`. */
  readonly treatments: ReadonlyMap<string, Treatment>;
}

export async function readWrittenRules(dir: string): Promise<WrittenRules> {
  const file = <File>(name: string): Promise<File> => readYaml<File>(join(dir, name));
  const { purposes, timeZone } = await file<{
    purposes: readonly { id: string; exempt?: boolean }[];
    timeZone: { countries: Record<string, string> };
  }>("rulebook.yaml");
  const exempt = new Set(["service", "legal", ...purposes.flatMap(({ id, exempt: is }) => (is === true ? [id] : []))]);
  const treatments = new Map<string, Treatment>();
  for (const name of ["actions/sell.yaml", "actions/help.yaml"]) {
    const { issue, groups } = await file<WrittenIssue>(name);
    for (const group of groups) {
      for (const action of group.actions) {
        const purpose = action.purpose ?? group.purpose ?? issue.purpose ?? "marketing";
        for (const { channel, cost = action.cost ?? 0 } of action.treatments) {
          const names = { channel, issue: issue.id, group: group.id, action: action.id };
          treatments.set(`${action.id}:${channel}`, { ...names, exempt: exempt.has(purpose), cost });
        }
      }
    }
  }
  const { limits } = await file<Pick<WrittenRules, "limits">>("contact-policy.yaml");
  const { quotas } = await file<Pick<WrittenRules, "quotas">>("quotas.yaml");
  const drawn = await file<Pick<WrittenRules, "experiments" | "holdout">>("experiments.yaml");
  return { limits, quotas, ...drawn, countries: timeZone.countries, treatments };
}
