// An explanation as text: what was offered first, then the funnel, then every action with where it fell and why.
import type { ActionExplained, Explanation, TreatmentExplained } from "../decide/explain.ts";
import type { Fall } from "../decide/explain-drop.ts";
import type { DecisionRecord, Priority } from "../domain/decision.ts";
import { instant, number, shownValue } from "./tell-why.ts";
import type { Paint } from "./terminal.ts";

type Explained = Extract<Explanation, { readonly kind: "explained" }>;
type Recorded = Pick<DecisionRecord, "key" | "trigger">;

/** Many lines, without the last line break. Times as ISO 8601 in UTC. */
export function renderExplanation(explanation: Explanation, paint: Paint, record?: Recorded): string {
  if (explanation.kind === "other-rulebook") {
    return `decided under rulebook ${explanation.recorded.slice(0, 12)}, given was ${explanation.given.slice(0, 12)}: not the same`;
  }
  const offered = explanation.actions.filter((action) => action.outcome === "offered");
  const withheld = explanation.actions.filter((action) => action.outcome === "withheld");
  const dropped = explanation.actions.filter((action) => action.outcome === "dropped");
  const sections = [
    ...section("offered", offered, paint),
    ...section("withheld by the holdout", withheld, paint),
    ...section("dropped", dropped, paint),
  ];
  return [...head(explanation, paint), ...whose(record), "", ...sections].join("\n").trimEnd();
}

function head(explanation: Explained, paint: Paint): readonly string[] {
  const { decision, now, rulebook, outcome, because, reproduced, differences, models, funnel } = explanation;
  const { arms, pressure, heldUntil, spent } = explanation;
  const verdict = outcome === "act" ? paint("green", "act") : paint("yellow", `none (${because ?? "all-dropped"})`);
  const again = reproduced
    ? "computed again: the same, bit for bit"
    : paint("red", `computed again: differs: ${differences.join("; ")}`);
  const scores = models.map(({ name, value, fallback, sha256 }) => {
    const file = sha256 === "" ? "" : ` (${sha256.slice(0, 12)})`;
    return `${name} ${number(value)}${fallback ? " (default)" : file}`;
  });
  const falls = funnel.map(({ stage, dropped }) => `${stage} ${dropped}`);
  return [
    `${paint("bold", decision)}  ${verdict}  ${instant(now)}`,
    `rulebook ${rulebook.version} (${rulebook.hash.slice(0, 12)})  ${again}`,
    ...(scores.length > 0 ? [`models: ${scores.join(", ")}`] : []),
    ...(arms.length > 0 ? [`arms: ${arms.map(({ experiment, arm }) => `${experiment} ${arm}`).join(", ")}`] : []),
    ...(pressure > 0 ? [`pressure: ${number(pressure)}`] : []),
    ...(spent.length > 0 ? [`quotas: ${spent.map(({ quota, units }) => `${quota} ${number(units)}`).join(", ")}`] : []),
    ...(heldUntil === undefined ? [] : [`held: decided again at ${instant(heldUntil)}`]),
    `dropped at: ${falls.length > 0 ? falls.join(", ") : "no stage"}`,
  ];
}

function whose(record: Recorded | undefined): readonly string[] {
  if (record === undefined) return [];
  const { key, trigger } = record;
  return [
    `customer: ${key}${trigger === undefined ? "" : `, by trigger ${trigger.id} on ${trigger.source} ${trigger.event}`}`,
  ];
}

function section(title: string, actions: readonly ActionExplained[], paint: Paint): readonly string[] {
  if (actions.length === 0) return [];
  return [paint("bold", title), ...actions.flatMap((action) => renderAction(action, paint)), ""];
}

export function renderAction(action: ActionExplained, paint: Paint): readonly string[] {
  const name = `  ${paint("cyan", action.action)}  ${action.label}  ${paint("dim", `${action.issue} > ${action.group}`)}`;
  if (action.fell !== undefined) return [`${name}`, ...indent(renderFall(action.fell, paint), 4)];
  const asked = action.treatments.filter((treatment) => treatment.outcome !== "not-asked");
  return [name, ...asked.flatMap((treatment) => indent(renderTreatment(treatment, paint), 4))];
}

function renderTreatment(treatment: TreatmentExplained, paint: Paint): readonly string[] {
  if (treatment.fell !== undefined) {
    const [first, ...more] = renderFall(treatment.fell, paint);
    return [`${treatment.treatment}: ${first ?? ""}`, ...indent(more, 2)];
  }
  const place = `${treatment.placement ?? ""} #${treatment.rank ?? ""}${treatment.kept === true ? ", still live" : ""}`;
  const factors = treatment.factors === undefined ? [] : [renderFactors(treatment.factors)];
  return [`${treatment.treatment}: ${paint("green", place)}`, ...indent(factors, 2)];
}

function renderFactors(factors: Priority): string {
  const { raw, propensity, context, value, lever, boost, fatigue, priority } = factors;
  const observed = Number.isFinite(raw) ? ` (observed ${number(raw)})` : "";
  const product = [
    `P ${number(propensity)}${observed}`,
    `C ${number(context)}`,
    `V ${number(value)}`,
    `L ${number(lever)}`,
    ...(boost === 1 ? [] : [`B ${number(boost)}`]),
    ...(fatigue === 1 ? [] : [`F ${number(fatigue)}`]),
  ];
  return `priority ${number(priority)} from ${product.join(", ")}`;
}

function renderFall(fall: Fall, paint: Paint): readonly string[] {
  const facts = [
    fall.because,
    fall.policy,
    fall.counted === undefined
      ? undefined
      : `${fall.counted}${fall.max === undefined ? "" : ` of ${fall.max}`} counted`,
    fall.heldFor === undefined ? undefined : `the last room is held for ${fall.heldFor}`,
    fall.left === undefined ? undefined : `${number(fall.left)} left, ${number(fall.needed ?? 0)} needed`,
    fall.propensity === undefined
      ? undefined
      : `propensity ${number(fall.propensity)} below ${number(fall.floor ?? 0)}`,
    fall.lostTo === undefined ? undefined : `lost to ${fall.lostTo}`,
    fall.priority === undefined ? undefined : `priority ${number(fall.priority)}`,
    fall.missing === undefined ? undefined : `no value for ${fall.missing}`,
    fall.placement === undefined ? undefined : `in ${fall.placement}`,
    fall.reopensAt === undefined ? undefined : `until ${instant(fall.reopensAt)}`,
  ].filter((fact) => fact !== undefined);
  const lines = [`${paint("yellow", fall.stage)}${facts.length > 0 ? `: ${facts.join(", ")}` : ""}`];
  if (fall.rule === undefined) return lines;
  const { id, text, place, values } = fall.rule;
  const read = Object.entries(values).map(([name, value]) => `${name} = ${shownValue(value)}`);
  return [
    ...lines,
    `  ${id}: ${text}  ${paint("dim", `${place.file}:${place.line}:${place.column}`)}`,
    ...(read.length > 0 ? [`  where ${read.join(", ")}`] : []),
  ];
}

function indent(lines: readonly string[], by: number): readonly string[] {
  return lines.map((line) => `${" ".repeat(by)}${line}`);
}
