// rules/actions/*.yaml -> actions and treatments, sorted by id, with the engagement policy that they inherit.
import type { ActionIndex, ModelIndex, NameHash, RuleIndex, TreatmentIndex } from "../domain/ids.ts";
import { type Instant, LONG_AGO, NEVER, parseDuration } from "../domain/time.ts";
import type { DeclaredNames } from "./cel-names.ts";
import { compileText, type TextContext } from "./compile-content.ts";
import type { CompiledChannels, CompiledPlacements } from "./compile-places.ts";
import { compileTreatment, type DraftTreatment } from "./compile-treatments.ts";
import type { ExpressionTable, WrittenExpression } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";
import { createNameTable, type NameTable } from "./names.ts";
import type { Action, Reason, Treatment, Weight } from "./rulebook.ts";
import type { ActionsFile, WrittenAction, WrittenRule } from "./schema.ts";
import type { Path, Source } from "./source.ts";

const EXPIRES_AFTER_DEFAULT = "24h";
const RESPONSE_WINDOW_DEFAULT = "7d";
const PURPOSE_DEFAULT = "marketing";
const TIERS = ["eligibility", "applicability", "suitability"] as const;

export interface ActionsInput {
  readonly files: readonly { readonly source: Source; readonly file: ActionsFile }[];
  readonly names: DeclaredNames;
  readonly defaultLocale: string;
  readonly channels: CompiledChannels;
  readonly placements: CompiledPlacements;
  readonly expressions: ExpressionTable;
  readonly faults: FaultLog;
}

export interface CompiledActions {
  readonly actions: readonly Action[];
  readonly treatments: readonly Treatment[];
  readonly issue: NameTable;
  readonly group: NameTable;
  readonly action: NameTable;
}

/** What an action inherits from its issue and group. */
interface Inherited {
  readonly tiers: Readonly<Record<(typeof TIERS)[number], readonly RuleIndex[]>>;
  readonly lever: number;
}

type Draft = Omit<Action, "index" | "treatments"> & { readonly drafts: readonly DraftTreatment[] };

/** Names of all issues, groups, actions and treatments. */
interface Taxonomy {
  readonly issue: NameTable;
  readonly group: NameTable;
  readonly action: NameTable;
  readonly treatment: NameTable;
}

export function compileActions(input: ActionsInput): CompiledActions {
  const { faults } = input;
  const taxonomy: Taxonomy = {
    issue: createNameTable("issue", faults),
    group: createNameTable("group", faults),
    action: createNameTable("action", faults),
    treatment: createNameTable("treatment", faults),
  };
  const drafts = input.files.flatMap(({ source, file }) => compileIssue(input, taxonomy, source, file));
  return { ...number(drafts), issue: taxonomy.issue, group: taxonomy.group, action: taxonomy.action };
}

function compileIssue(input: ActionsInput, taxonomy: Taxonomy, source: Source, file: ActionsFile): readonly Draft[] {
  const { issue, groups } = file;
  const issueHash = taxonomy.issue.declare(issue.id, source.placeOf(["issue", "id"]));
  const nothing: Inherited = { tiers: { eligibility: [], applicability: [], suitability: [] }, lever: 1 };
  const fromIssue = inherit(input.expressions, source, issue, ["issue"], issue.id, nothing);
  return groups.flatMap((group, groupAt) => {
    const groupPath: Path = ["groups", groupAt];
    const groupHash = taxonomy.group.declare(group.id, source.placeOf([...groupPath, "id"]));
    const owner = `${issue.id}/${group.id}`;
    const fromGroup = inherit(input.expressions, source, group, groupPath, owner, fromIssue);
    return group.actions.map((action, actionAt) => {
      const draft = compileAction(
        input,
        taxonomy,
        source,
        action,
        [...groupPath, "actions", actionAt],
        owner,
        fromGroup,
      );
      return {
        ...draft,
        issue: { id: issue.id, hash: issueHash },
        group: { id: group.id, hash: groupHash },
        purpose: issue.purpose ?? PURPOSE_DEFAULT,
      };
    });
  });
}

type Policy = Readonly<Partial<Record<(typeof TIERS)[number], readonly WrittenRule[]>>> & { readonly lever?: number };

function inherit(
  expressions: ExpressionTable,
  source: Source,
  policy: Policy,
  path: Path,
  owner: string,
  from: Inherited,
): Inherited {
  const tier = (name: (typeof TIERS)[number]): readonly RuleIndex[] => {
    const own = (policy[name] ?? []).map((rule, index) => {
      const at = [...path, name, index];
      const id = `${owner}/${(typeof rule === "string" ? undefined : rule.id) ?? `${name}-${index + 1}`}`;
      return typeof rule === "string"
        ? expressions.addRule(id, expression(source, rule, at))
        : expressions.addRule(id, expression(source, rule.rule, [...at, "rule"]), rule.why);
    });
    return [...from.tiers[name], ...own];
  };
  return {
    tiers: { eligibility: tier("eligibility"), applicability: tier("applicability"), suitability: tier("suitability") },
    lever: from.lever * (policy.lever ?? 1),
  };
}

function expression(source: Source, text: string, path: Path): WrittenExpression {
  return { text, placeAt: (offset) => source.placeInText(path, offset) };
}

function compileAction(
  input: ActionsInput,
  taxonomy: Taxonomy,
  source: Source,
  written: WrittenAction,
  path: Path,
  group: string,
  inherited: Inherited,
): Omit<Draft, "issue" | "group" | "purpose"> {
  const { expressions, faults } = input;
  const owner = `${group}/${written.id}`;
  const hash: NameHash = taxonomy.action.declare(written.id, source.placeOf([...path, "id"]));
  const { tiers, lever } = inherit(expressions, source, written, path, owner, inherited);
  const context = (written.context ?? []).map(({ when, weight }, index) => {
    const rule = expressions.addRule(
      `${owner}/context-${index + 1}`,
      expression(source, when, [...path, "context", index, "when"]),
    );
    return { when: rule, weight };
  });
  const models = new Set<ModelIndex>();
  const texts: TextContext = { names: input.names, defaultLocale: input.defaultLocale, source, faults, models };
  const value = compileValue(expressions, source, written.value, [...path, "value"], models);
  const reasons = compileReasons(expressions, written, path, owner, texts);
  const drafts = written.treatments.map((treatment, index) =>
    compileTreatment(input, taxonomy.treatment, written, treatment, [...path, "treatments", index], texts),
  );
  const rules = [
    ...tiers.eligibility,
    ...tiers.applicability,
    ...tiers.suitability,
    ...context.map(({ when }) => when),
  ];
  for (const rule of [...rules, ...reasons.flatMap(({ when }) => (when === undefined ? [] : [when]))]) {
    for (const model of expressions.rule(rule).needsModels) models.add(model);
  }
  return {
    id: written.id,
    hash,
    label: written.label,
    place: source.placeOf(path),
    enabled: written.enabled ?? true,
    ...period(written, path, source, faults),
    ...tiers,
    context,
    value,
    lever,
    propensityFloor: written.propensity.floor ?? 0,
    exempt: false,
    urgent: false,
    holdsRoom: undefined,
    drafts,
    reasons,
    expiresAfterMs: positive(written.expiresAfter ?? EXPIRES_AFTER_DEFAULT, [...path, "expiresAfter"], source, faults),
    responseWindowMs: positive(
      written.responseWindow ?? RESPONSE_WINDOW_DEFAULT,
      [...path, "responseWindow"],
      source,
      faults,
    ),
    needsModels: [...models].toSorted((a, b) => a - b),
  };
}

function compileValue(
  expressions: ExpressionTable,
  source: Source,
  written: number | string,
  path: Path,
  models: Set<ModelIndex>,
): Weight {
  if (typeof written === "number") return { kind: "constant", value: written };
  const { weight, models: read } = expressions.addWeight(expression(source, written, path));
  for (const model of read) models.add(model);
  return weight;
}

function compileReasons(
  expressions: ExpressionTable,
  written: WrittenAction,
  path: Path,
  owner: string,
  texts: TextContext,
): readonly Reason[] {
  return (written.reasons ?? []).map((reason, index) => {
    const at = [...path, "reasons", index];
    if (typeof reason === "string") return { when: undefined, text: compileText(reason, at, texts) };
    const text = compileText(reason.text, [...at, "text"], texts);
    if (reason.when === undefined) return { when: undefined, text };
    const when = expression(texts.source, reason.when, [...at, "when"]);
    return { when: expressions.addRule(`${owner}/reason-${index + 1}`, when), text };
  });
}

function period(
  { from, to }: WrittenAction,
  path: Path,
  source: Source,
  faults: FaultLog,
): { readonly from: Instant; readonly to: Instant } {
  const moment = (text: string | undefined, field: string, open: Instant): Instant => {
    if (text === undefined) return open;
    const ms = Date.parse(text);
    const day = Number.isNaN(ms) ? "" : new Date(ms).toISOString().slice(0, 10);
    if (day !== text.slice(0, 10))
      faults.add(source.placeOf([...path, field]), `${JSON.stringify(text)} is not in the calendar`);
    return ms as Instant;
  };
  const period = { from: moment(from, "from", LONG_AGO), to: moment(to, "to", NEVER) };
  if (period.from >= period.to) faults.add(source.placeOf([...path, "to"]), `"to" must be later than "from"`);
  return period;
}

function positive(text: string, path: Path, source: Source, faults: FaultLog): number {
  const ms = parseDuration(text) as number;
  if (ms === 0) faults.add(source.placeOf(path), `${JSON.stringify(text)} must be longer than 0`);
  return ms;
}

/** Ids decide the order, never the files: index order is id order. */
function number(drafts: readonly Draft[]): Pick<CompiledActions, "actions" | "treatments"> {
  const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const sorted = drafts.toSorted(byId);
  const treatments = sorted
    .flatMap((draft, action) => draft.drafts.map((treatment) => ({ ...treatment, action: action as ActionIndex })))
    .toSorted(byId)
    .map((treatment, index): Treatment => ({ ...treatment, index: index as TreatmentIndex }));
  const actions = sorted.map(({ drafts: _, ...draft }, index): Action => {
    const own = treatments.filter((treatment) => treatment.action === index).map((treatment) => treatment.index);
    return { ...draft, index: index as ActionIndex, treatments: own };
  });
  return { actions, treatments };
}
