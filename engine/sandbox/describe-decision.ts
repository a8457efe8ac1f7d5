// Decisions in the words of the tables, for the `got` beside an `expected`.
import type { ActionExplained, Explanation, TreatmentExplained } from "../decide/explain.ts";
import type { Fall } from "../decide/explain-drop.ts";
import type { DecisionRecord, SlateRecord } from "../domain/decision.ts";
import type { Instant } from "../domain/time.ts";
import type { LocalClock } from "./local-clock.ts";

export interface Told {
  readonly record: DecisionRecord;
  readonly explanation: Explanation;
}

/** `act app-home: gold:app, silver:app`; `none`; `none because holdout` */
export function describeDecision({ slates, kind }: DecisionRecord): string {
  if (kind === "none") {
    const because = [...new Set(slates.map((slate) => slate.because))];
    const [only] = because;
    return because.length === 1 && only !== undefined && only !== "all-dropped" ? `none because ${only}` : "none";
  }
  const filled = slates.filter(({ items }) => items.length > 0);
  const isNamed = slates.length > 1;
  return `act ${filled.map((slate) => describeSlate(slate, isNamed)).join(" | ")}`;
}

function describeSlate({ placement, items }: SlateRecord, isNamed: boolean): string {
  return `${isNamed ? `${placement}: ` : ""}${items.map(({ treatment }) => treatment).join(", ")}`;
}

export interface Fallen {
  readonly item: string;
  readonly fall: Fall;
}

/** Where an action or a treatment fell: once for the action as a whole, else once for each treatment that was asked for. */
export function fallsOf({ explanation }: Told, item: string): readonly Fallen[] {
  if (explanation.kind !== "explained") return [];
  return explanation.actions.flatMap((action) => {
    if (action.action === item) return allFalls(action);
    const treatment = action.treatments.find((one) => one.treatment === item);
    if (treatment === undefined) return [];
    return action.fell === undefined ? fallOf(treatment) : [{ item, fall: action.fell }];
  });
}

function allFalls(action: ActionExplained): readonly Fallen[] {
  if (action.fell !== undefined) return [{ item: action.action, fall: action.fell }];
  return action.treatments.flatMap(fallOf);
}

function fallOf({ treatment, fell }: TreatmentExplained): readonly Fallen[] {
  return fell === undefined ? [] : [{ item: treatment, fall: fell }];
}

/** What fell, those first that were `wanted`: for a decision that should have offered something else. */
export function describeFalls(
  { explanation }: Told,
  wanted: readonly string[],
  clock: LocalClock,
  now: Instant,
): string {
  if (explanation.kind !== "explained") return "";
  const falls = explanation.actions.flatMap(allFalls).filter(({ fall }) => fall.because !== "no-treatment");
  const isWanted = ({ item }: Fallen): boolean => wanted.some((name) => item === name || name.startsWith(`${item}:`));
  const sorted = [...falls.filter(isWanted), ...falls.filter((fallen) => !isWanted(fallen))];
  const shown = sorted.slice(0, Math.max(FALLS_SHOWN_MAX, falls.filter(isWanted).length));
  const more = falls.length > shown.length ? [`and ${falls.length - shown.length} more`] : [];
  return [...shown.map((fallen) => describeFall(fallen, clock, now)), ...more].join("; ");
}

const FALLS_SHOWN_MAX = 4;

export function describeFall({ item, fall }: Fallen, clock: LocalClock, now: Instant): string {
  const by = fall.policy ?? fall.rule?.id;
  const rival = fall.heldFor ?? fall.lostTo;
  const words = [
    `${item} dropped at ${fall.stage}`,
    by === undefined ? "" : ` by ${by}`,
    fall.because === undefined || fall.because === "false" ? "" : ` because ${fall.because}`,
    rival === undefined || rival === item ? "" : `${fall.heldFor === undefined ? " lost to" : " for"} ${rival}`,
    fall.reopensAt === undefined ? "" : ` until ${describeInstant(fall.reopensAt, clock, now)}`,
  ];
  return words.join("");
}

/** `09:00` within a day of `now`, else with its date. */
export function describeInstant(at: Instant | undefined, clock: LocalClock, now: Instant): string {
  if (at === undefined || !Number.isFinite(at)) return "never";
  return clock.date(at) === clock.date(now) ? clock.time(at) : `${clock.date(at)} ${clock.time(at)}`;
}
