// Messages that only quiet hours keep back: noted by the decision that was held, asked for again when the hold ends.
import type { DecisionRecord } from "../domain/decision.ts";
import { nameHash } from "../domain/hash.ts";
import type { NameHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { HeldMessage, ProfileState } from "./state.ts";

/** Source of the decisions of a campaign; its event is `<campaign>/<from>`. */
export const CAMPAIGN_SOURCE = "$campaign";
/** Source of the decisions of a daily trigger; its event is the number of the UTC day. */
export const DAILY_SOURCE = "$daily";

/** What was held before for the same trigger gives way; a hold beyond the time for which the message is worth it is none. */
export function holdMessage(state: ProfileState, record: DecisionRecord): ProfileState {
  const { trigger, heldUntil } = record;
  if (trigger?.hold === undefined || heldUntil === undefined || heldUntil > trigger.hold.dropAfter) return state;
  const hash = nameHash(trigger.source === CAMPAIGN_SOURCE ? "campaign" : "trigger", trigger.id);
  const message: HeldMessage = {
    trigger: hash,
    source: trigger.source,
    event: trigger.event,
    at: trigger.hold.at,
    until: heldUntil,
    dropAfter: trigger.hold.dropAfter,
    context: record.input.request.context,
  };
  return { ...state, held: [...withoutHeld(state.held, hash), message] };
}

export function withoutHeld(held: readonly HeldMessage[], trigger: NameHash): readonly HeldMessage[] {
  return held.some((message) => message.trigger === trigger)
    ? held.filter((message) => message.trigger !== trigger)
    : held;
}

/** Those whose hold is over, and those that go on waiting. */
export function endHolds(
  held: readonly HeldMessage[],
  at: Instant,
): { readonly ended: readonly HeldMessage[]; readonly waiting: readonly HeldMessage[] } {
  return { ended: held.filter(({ until }) => until <= at), waiting: held.filter(({ until }) => until > at) };
}
