// rules/actions/*.yaml -> actions and treatments, sorted by id, with the engagement policy that they inherit.
import type { ActionIndex, ModelIndex, NameHash, TreatmentIndex } from "../domain/ids.ts";
import type { TaxonomyNames } from "./action-set.ts";
import type { DeclaredNames } from "./cel-names.ts";
import { compileText, type TextContext } from "./compile-content.ts";
import type { CompiledChannels, CompiledPlacements } from "./compile-places.ts";
import { compileTreatment, type DraftTreatment } from "./compile-treatments.ts";
import { compileContext, compileEngagement, type Engagement, NO_ENGAGEMENT, rulesOf } from "./engagement.ts";
import { type ExpressionTable, expressionAt } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";
import { addFreeRule } from "./free-rule.ts";
import { createNameTable, type NameTable } from "./names.ts";
import type { Purposes } from "./purposes.ts";
import type { Action, Reason, Treatment, Weight } from "./rulebook.ts";
import type { ActionsFile, WrittenAction } from "./schema-actions.ts";
import type { Path, Source } from "./source.ts";
import type { Steps } from "./steps.ts";
import { boundedDuration, readPeriod } from "./written-times.ts";

const EXPIRES_AFTER_DEFAULT = "24h";
const RESPONSE_WINDOW_DEFAULT = "7d";
const PURPOSE_DEFAULT = "marketing";

export interface ActionsInput {
  readonly files: readonly { readonly source: Source; readonly file: ActionsFile }[];
  readonly names: DeclaredNames;
  readonly defaultLocale: string;
  readonly channels: CompiledChannels;
  readonly placements: CompiledPlacements;
  readonly purposes: Purposes;
  readonly expressions: ExpressionTable;
  readonly faults: FaultLog;
}

/** Names of all issues, groups, actions and treatments. */
interface Taxonomy extends TaxonomyNames {
  readonly treatment: NameTable;
}

export interface CompiledActions {
  readonly actions: readonly Action[];
  readonly treatments: readonly Treatment[];
  readonly taxonomy: Taxonomy;
}

/** What an action has from its issue and group. */
interface Parent {
  readonly issue: Action["issue"];
  readonly group: Action["group"];
  readonly purpose: string;
  readonly engagement: Engagement;
}

type Draft = Omit<Action, "index" | "treatments"> & { readonly drafts: readonly DraftTreatment[] };

export function* compileActions(input: ActionsInput): Steps<CompiledActions> {
  const { faults } = input;
  const taxonomy: Taxonomy = {
    issue: createNameTable("issue", faults),
    group: createNameTable("group", faults),
    action: createNameTable("action", faults),
    treatment: createNameTable("treatment", faults),
  };
  const drafts: Draft[] = [];
  for (const { source, file } of input.files) yield* compileIssue(input, taxonomy, source, file, drafts);
  return { ...(yield* number(drafts)), taxonomy };
}

function* compileIssue(
  input: ActionsInput,
  taxonomy: Taxonomy,
  source: Source,
  file: ActionsFile,
  drafts: Draft[],
): Steps<void> {
  const { issue, groups } = file;
  const { expressions, purposes } = input;
  const hash = taxonomy.issue.declare(issue.id, source.placeOf(["issue", "id"]));
  const purposeOf = (written: string | undefined, path: Path, inherited: string): string => {
    if (written !== undefined) purposes.refer(written, source.placeOf([...path, "purpose"]));
    return written ?? inherited;
  };
  const issuePurpose = purposeOf(issue.purpose, ["issue"], PURPOSE_DEFAULT);
  const fromIssue = compileEngagement(expressions, source, issue, ["issue"], issue.id, NO_ENGAGEMENT);
  for (const [groupAt, group] of groups.entries()) {
    const path: Path = ["groups", groupAt];
    const groupHash = taxonomy.group.declare(group.id, source.placeOf([...path, "id"]));
    const groupPurpose = purposeOf(group.purpose, path, issuePurpose);
    const engagement = compileEngagement(expressions, source, group, path, `${issue.id}/${group.id}`, fromIssue);
    for (const [actionAt, action] of group.actions.entries()) {
      const actionPath = [...path, "actions", actionAt];
      const purpose = purposeOf(action.purpose, actionPath, groupPurpose);
      const parent = { issue: { id: issue.id, hash }, group: { id: group.id, hash: groupHash }, purpose, engagement };
      drafts.push(compileAction(input, taxonomy, source, action, actionPath, parent));
      yield;
    }
  }
}

function compileAction(
  input: ActionsInput,
  taxonomy: Taxonomy,
  source: Source,
  written: WrittenAction,
  path: Path,
  { issue, group, purpose, engagement: inherited }: Parent,
): Draft {
  const { expressions, faults } = input;
  const owner = `${issue.id}/${group.id}/${written.id}`;
  const hash: NameHash = taxonomy.action.declare(written.id, source.placeOf([...path, "id"]));
  const { tiers, lever } = compileEngagement(expressions, source, written, path, owner, inherited);
  const context = compileContext(expressions, source, written.context, path, owner);
  const models = new Set<ModelIndex>();
  const texts: TextContext = { names: input.names, defaultLocale: input.defaultLocale, source, faults, models };
  const value = compileValue(expressions, source, written.value, [...path, "value"], models);
  const reasons = compileReasons(expressions, written, path, owner, texts);
  const drafts = written.treatments.map((treatment, index) =>
    compileTreatment(input, taxonomy.treatment, written, treatment, [...path, "treatments", index], owner, texts),
  );
  const rules = [...rulesOf(tiers, context), ...reasons.flatMap(({ when }) => (when === undefined ? [] : [when]))];
  for (const rule of rules) {
    for (const model of expressions.rule(rule).needsModels) models.add(model);
  }
  return {
    id: written.id,
    hash,
    label: written.label,
    issue,
    group,
    place: source.placeOf(path),
    enabled: written.enabled ?? true,
    ...readPeriod(written, path, source, faults),
    ...tiers,
    context,
    value,
    lever,
    purpose,
    ...urgency(input, written, path, purpose, owner, source),
    propensityFloor: written.propensity.floor ?? 0,
    drafts,
    reasons,
    ...lifeOf(written, path, source, faults),
    needsModels: [...models].toSorted((a, b) => a - b),
  };
}

function lifeOf(
  { expiresAfter = EXPIRES_AFTER_DEFAULT, responseWindow = RESPONSE_WINDOW_DEFAULT }: WrittenAction,
  path: Path,
  source: Source,
  faults: FaultLog,
): Pick<Action, "expiresAfterMs" | "responseWindowMs"> {
  return {
    expiresAfterMs: boundedDuration(expiresAfter, [...path, "expiresAfter"], source, faults),
    responseWindowMs: boundedDuration(responseWindow, [...path, "responseWindow"], source, faults),
  };
}

function urgency(
  { purposes, expressions, faults }: ActionsInput,
  written: WrittenAction,
  path: Path,
  purpose: string,
  owner: string,
  source: Source,
): Pick<Action, "exempt" | "urgent" | "holdsRoom"> {
  const exempt = purposes.isExempt(purpose);
  const { urgent = false, holdsRoom } = written;
  if (urgent && !exempt) {
    const message = `only a message of an exempt purpose such as service is urgent, and this is ${JSON.stringify(purpose)}`;
    faults.add(source.placeOf([...path, "urgent"]), message);
  }
  if (holdsRoom === undefined) return { exempt, urgent, holdsRoom };
  if (exempt) {
    const message = `no limit holds for the purpose ${JSON.stringify(purpose)}, so there is no room to hold: take it out`;
    faults.add(source.placeOfKey(path, "holdsRoom"), message);
  }
  const at = [...path, "holdsRoom"];
  const rule = addFreeRule(expressions, `${owner}/holds-room`, "holdsRoom", holdsRoom, at, source, faults);
  return { exempt, urgent, holdsRoom: rule };
}

function compileValue(
  expressions: ExpressionTable,
  source: Source,
  written: number | string,
  path: Path,
  models: Set<ModelIndex>,
): Weight {
  if (typeof written === "number") return { kind: "constant", value: written };
  const { weight, models: read } = expressions.addWeight(expressionAt(source, written, path));
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
    const when = expressionAt(texts.source, reason.when, [...at, "when"]);
    return { when: expressions.addRule(`${owner}/reason-${index + 1}`, when), text };
  });
}

/** Ids decide the order, never the files: index order is id order. */
function* number(drafts: readonly Draft[]): Steps<Pick<CompiledActions, "actions" | "treatments">> {
  const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const sorted = drafts.toSorted(byId);
  const owned = sorted
    .flatMap(({ drafts: own }, action) => own.map((draft) => ({ id: draft.id, draft, action: action as ActionIndex })))
    .toSorted(byId);
  yield;
  const treatments: Treatment[] = [];
  const indexes: TreatmentIndex[][] = sorted.map(() => []);
  for (const { draft, action } of owned) {
    const index = treatments.length as TreatmentIndex;
    treatments.push({ ...draft, action, index });
    indexes[action]?.push(index);
    yield;
  }
  const actions: Action[] = [];
  for (const { drafts: _, ...draft } of sorted) {
    const index = actions.length as ActionIndex;
    actions.push({ ...draft, index, treatments: indexes[index] as TreatmentIndex[] });
    yield;
  }
  return { actions, treatments };
}
