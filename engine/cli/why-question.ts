// What `nba why` has to ask where nobody did: which placement, on which channel.
import type { DecisionRecord, Direction } from "../domain/decision.ts";
import type { Props } from "../domain/event.ts";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Simulation } from "../engine.ts";
import type { Action, Placement, Rulebook } from "../rulebook/rulebook.ts";
import { suggest } from "../rulebook/suggest.ts";
import { CommandTrouble } from "./terminal.ts";

export interface WhyWanted {
  readonly key: CustomerKey;
  readonly action: string;
  readonly placement: string | undefined;
  readonly channel: string | undefined;
}

/** As the last decision asked, where it fits; else the first placement that shows the action, inbound ones before. */
export function whyQuestion(
  rulebook: Rulebook,
  wanted: WhyWanted,
  last: DecisionRecord | undefined,
  now: Instant | undefined,
): Simulation {
  const { placement, channel } = placeOf(rulebook, wanted, last);
  const isLast = last?.slates.some((slate) => slate.placement === placement.name) === true;
  const direction: Direction = isLast ? last.direction : placement.direction;
  const context: Props = isLast ? last.input.request.context : {};
  const isNamed = direction === "inbound" || wanted.channel !== undefined;
  return {
    key: wanted.key,
    direction,
    ...(isNamed ? { channel } : {}),
    placements: [{ name: placement.name }],
    context,
    suppose: {
      ...(now === undefined ? {} : { now }),
      attributes: {},
      features: {},
      models: {},
      consents: [],
      contacts: "keep",
    },
  };
}

export function actionNamed(rulebook: Rulebook, id: string): Action {
  const action = rulebook.actions.find((known) => known.id === id);
  if (action !== undefined) return action;
  const ids = rulebook.actions.map((known) => known.id);
  const hint = suggest(id, ids) || `, which has: ${listed(ids)}`;
  throw new CommandTrouble(`there is no action "${id}" in rulebook ${rulebook.version}${hint}`, 2);
}

const LISTED_MAX = 40;

function listed(ids: readonly string[]): string {
  const more = ids.length > LISTED_MAX ? ` and ${ids.length - LISTED_MAX} more` : "";
  return `${ids.slice(0, LISTED_MAX).toSorted().join(", ")}${more}`;
}

function placeOf(
  rulebook: Rulebook,
  wanted: WhyWanted,
  last: DecisionRecord | undefined,
): { readonly placement: Placement; readonly channel: string } {
  const action = actionNamed(rulebook, wanted.action);
  const fitting = action.treatments.flatMap((index) => {
    const treatment = rulebook.treatments[index];
    const channel = treatment === undefined ? undefined : rulebook.channels[treatment.channel];
    if (treatment === undefined || channel === undefined) return [];
    return treatment.placements.flatMap((at) => {
      const placement = rulebook.placements[at];
      return placement === undefined ? [] : [{ placement, channel: channel.name }];
    });
  });
  const chosen = fitting.filter(
    ({ placement, channel }) =>
      (wanted.placement === undefined || placement.name === wanted.placement) &&
      (wanted.channel === undefined || channel === wanted.channel),
  );
  const asked = new Set(last?.slates.map((slate) => slate.placement));
  const best =
    chosen.find(({ placement }) => asked.has(placement.name)) ??
    chosen.find(({ placement }) => placement.direction === "inbound") ??
    chosen[0];
  if (best !== undefined) return best;
  const places = [...new Set(fitting.map(({ placement, channel }) => `${placement.name} on ${channel}`))].join(", ");
  const where = [wanted.placement, wanted.channel].filter((name) => name !== undefined).join(" on ");
  throw new CommandTrouble(
    `"${wanted.action}" is not made for ${where || "any placement"}; it is made for: ${places}`,
    2,
  );
}
