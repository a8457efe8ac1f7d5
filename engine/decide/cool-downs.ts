// What has happened to a contact, and how often within a while: where cool-downs and related suppressions begin.
import type { Contact } from "../domain/contact.ts";
import type { NameHash } from "../domain/ids.ts";
import { type Instant, plus } from "../domain/time.ts";
import type { ActionSet, Boost, CoolDown, CoolDownCause } from "../rulebook/policies.ts";

/** When it happened to this contact; undefined where it has not. */
export function happenedAt(cause: CoolDownCause, contact: Contact): Instant | undefined {
  if (cause === "contacted") return contact.state === "released" ? undefined : contact.at;
  return hasHad(cause, contact) ? contact.outcomeAt : undefined;
}

/**
 * A conversion is an acceptance carried through: it ends nothing that the acceptance began. In the same way a click
 * stays one when an answer, or none, follows.
 */
export function hasHad(
  cause: Exclude<CoolDownCause, "contacted"> | Boost["after"],
  { outcome, previous }: Contact,
): boolean {
  if (outcome === cause) return true;
  if (cause === "accepted") return outcome === "converted";
  return cause === "clicked" && previous === "clicked";
}

/** The channel, action, group or issue that cools down; undefined: everything. */
export type Cooling = NameHash | undefined;

/** Calls `begin` for each thing that cools down, with its end after `now`; more than once for one thing is possible. */
export function coolDown(
  policy: CoolDown,
  contacts: readonly Contact[],
  now: Instant,
  begin: (cooling: Cooling, until: Instant) => void,
): void {
  const { times, forMs } = policy;
  const once = (cooling: Cooling, at: Instant): void => {
    if (at + forMs > now) begin(cooling, plus(at, forMs));
  };
  let again: Map<Cooling, Instant[]> | undefined;
  for (const contact of contacts) {
    const at = contact.exempt ? undefined : happenedAt(policy.after, contact);
    if (at === undefined) continue;
    const cooling = policy.scope === "all" ? undefined : contact[policy.scope];
    if (policy.only !== undefined && policy.only !== cooling) continue;
    if (times <= 1) {
      once(cooling, at);
      continue;
    }
    again ??= new Map();
    const before = again.get(cooling);
    if (before === undefined) again.set(cooling, [at]);
    else before.push(at);
  }
  if (again === undefined) return;
  for (const [cooling, instants] of again) {
    const last = lastOfRun(instants, times, policy.withinMs ?? Number.POSITIVE_INFINITY);
    if (last !== undefined) once(cooling, last);
  }
}

/** The latest of the instants that ends `times` of them within less than `withinMs`. Sorts in place. */
function lastOfRun(instants: Instant[], times: number, withinMs: number): Instant | undefined {
  instants.sort((a, b) => a - b);
  for (let last = instants.length - 1; last >= times - 1; last--) {
    const at = instants[last] as Instant;
    if (at - (instants[last - times + 1] as Instant) < withinMs) return at;
  }
  return undefined;
}

/** Is one of the three names of a contact or an action in the set? */
export function isIn(set: ActionSet, action: NameHash, group: NameHash, issue: NameHash): boolean {
  return set.actions.has(action) || set.groups.has(group) || set.issues.has(issue);
}
