// Why a customer did or did not get an action, in one sentence, out of an explanation.
import type { ActionExplained, Explanation } from "../decide/explain.ts";
import type { Fall } from "../decide/explain-drop.ts";
import { STAGES } from "../domain/drop.ts";
import type { PropValue } from "../domain/event.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../domain/time.ts";

/** `past`: it was decided. `now` and `back`: it would be, or would have been, had somebody asked. */
export type Tense = "past" | "now" | "back";

export interface Why {
  readonly outcome: "offered" | "withheld" | "dropped" | "not-asked";
  /** One sentence without a full stop. */
  readonly sentence: string;
  readonly action: ActionExplained;
}

/** Undefined where the rulebook of the decision has no such action. */
export function tellWhy(
  explanation: Extract<Explanation, { kind: "explained" }>,
  customer: string,
  actionId: string,
  tense: Tense,
): Why | undefined {
  const action = explanation.actions.find((known) => known.action === actionId);
  if (action === undefined) return undefined;
  const at = instant(explanation.now);
  const subject = { past: customer, now: `now ${customer}`, back: `at ${at} ${customer}` }[tense];
  const time = tense === "past" ? ` at ${at}` : "";
  const shown = action.treatments.find(({ outcome }) => outcome === "offered");
  if (shown !== undefined) {
    const got = { past: "got", now: "would get", back: "would have got" }[tense];
    const priority = shown.factors === undefined ? "" : `, priority ${number(shown.factors.priority)}`;
    const kept = shown.kept === true ? ", still live from before" : "";
    const place = `rank ${shown.rank ?? 1} in ${shown.placement ?? ""} by ${shown.treatment}${priority}${kept}`;
    return { outcome: "offered", action, sentence: `${subject} ${got} ${actionId}${time}: ${place}` };
  }
  const got = { past: "did not get", now: "would not get", back: "would not have got" }[tense];
  const fall = action.fell ?? furthestFall(action);
  if (fall === undefined) {
    return {
      outcome: "not-asked",
      action,
      sentence: `${subject} ${got} ${actionId}${time}: nobody asked for it there`,
    };
  }
  const outcome = fall.stage === "holdout" ? "withheld" : "dropped";
  return { outcome, action, sentence: `${subject} ${got} ${actionId}${time}: ${tellFall(fall)}` };
}

/** Of an action whose treatments fell one by one: that of the one that came furthest. */
function furthestFall({ treatments }: ActionExplained): Fall | undefined {
  const falls = treatments.flatMap(({ fell }) => fell ?? []);
  return falls.sort((a, b) => STAGES.indexOf(b.stage) - STAGES.indexOf(a.stage))[0];
}

/** `contact-limit credit-per-month: 6 of 6 in 30 days, room again at ...` */
export function tellFall(fall: Fall): string {
  const name = fall.policy === undefined ? fall.stage : `${fall.stage} ${fall.policy}`;
  const again = fall.reopensAt === undefined ? "" : instant(fall.reopensAt);
  switch (fall.stage) {
    case "eligibility":
    case "applicability":
    case "suitability":
      return tellRule(fall);
    case "contact-limit":
      if (fall.heldFor !== undefined) return `${name}: the last room is held for ${fall.heldFor}`;
      return `${name}: ${counted(fall)}${again === "" ? "" : `, room again at ${again}`}`;
    case "suppression":
    case "quiet-hours":
      return `${name}: ${fall.because ?? ""}${again === "" ? "" : `, again at ${again}`}`;
    case "quota":
      return `${name}: ${number(fall.left ?? 0)} left, ${number(fall.needed ?? 0)} needed`;
    case "propensity":
      return `${name} ${number(fall.propensity ?? Number.NaN)} is below the floor ${number(fall.floor ?? Number.NaN)}`;
    case "content":
      return `${name}: ${fall.missing ?? ""} has no value`;
    case "arbitration":
    case "slots":
      return `${name}: ${[fall.because, rival(fall)].filter((word) => word !== undefined).join(", ")}`;
    case "holdout":
      return `holdout: it won its place in ${fall.placement ?? ""} and was withheld`;
    case "availability":
    case "consent":
      return `${name}: ${fall.because ?? ""}`;
  }
}

function tellRule({ stage, because, rule }: Fall): string {
  if (rule === undefined) return `${stage}: ${because ?? ""}`;
  const read = Object.entries(rule.values).map(([name, value]) => `${name} = ${shownValue(value)}`);
  const verdict = because === "rule-error" ? "cannot be told" : "is false";
  return `${stage} ${rule.id} ${verdict}: ${rule.text}${read.length === 0 ? "" : `, where ${read.join(", ")}`}`;
}

function counted({ counted: count, max, windowMs, calendarDays }: Fall): string {
  const of = max === undefined ? "" : ` of ${max}`;
  const days = calendarDays ?? 0;
  const within = days > 0 ? ` on ${days === 1 ? "this day" : `${days} days`}` : windowMs ? ` in ${span(windowMs)}` : "";
  return `${count ?? 0}${of}${within}`;
}

function rival({ lostTo, placement, priority, floor }: Fall): string | undefined {
  const place = placement === undefined ? "" : ` in ${placement}`;
  if (lostTo !== undefined) return `lost to ${lostTo}${place} with priority ${number(priority ?? Number.NaN)}`;
  if (floor !== undefined) return `priority ${number(priority ?? Number.NaN)} below ${number(floor)}${place}`;
  return place === "" ? undefined : place.trim();
}

export function instant(at: Instant): string {
  return Number.isFinite(at) ? new Date(at).toISOString() : "never";
}

export function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-";
}

export function shownValue(value: PropValue | null): string {
  if (value === null) return "nothing";
  return typeof value === "number" ? number(value) : JSON.stringify(value);
}

function span(ms: number): string {
  if (ms % DAY_MS === 0) return ms === DAY_MS ? "1 day" : `${ms / DAY_MS} days`;
  return `${number(ms / HOUR_MS)} h`;
}
