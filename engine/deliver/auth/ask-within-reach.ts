// An ask that decides nothing for somebody whom its caller does not reach: under an anonymous key that has become a
// customer's the engine tells whose it is, and the customer is asked for only where the caller may.
import { isAnonymous } from "../../domain/ids.ts";
import type { Ask, AskAnswer, Engine } from "../../engine.ts";
import { type Caller, reaches, reachesAll } from "./caller.ts";
import type { Access } from "./scopes.ts";

/** `not-yours`: nothing was decided. */
export type WithinReach = Exclude<AskAnswer, { kind: "joined" }> | { readonly kind: "not-yours" };

/** `who`: its caller is read each time, for a socket's may change meanwhile. */
export async function askWithinReach(
  engine: Pick<Engine, "ask">,
  who: { readonly caller: Caller },
  access: Access,
  ask: Ask,
): Promise<WithinReach> {
  if (!reaches(who.caller, access, ask.key)) return NOT_YOURS;
  const untilMs = performance.now() + ask.deadlineMs;
  const mayBecomeAnothers = isAnonymous(ask.key) && !reachesAll(who.caller, access);
  const answer = await engine.ask(mayBecomeAnothers ? { ...ask, joined: "tell" } : ask);
  if (answer.kind !== "joined") return ownOrNothing(answer, who.caller, access);
  const { customer } = answer;
  if (!reaches(who.caller, access, customer)) return NOT_YOURS;
  const again = await engine.ask({ ...ask, key: customer, deadlineMs: Math.max(1, untilMs - performance.now()) });
  if (again.kind === "joined") throw new Error("a customer was joined to another, which never happens");
  return ownOrNothing(again, who.caller, access);
}

const NOT_YOURS = { kind: "not-yours" } as const;

/** Also what an engine of an earlier version decided, or another ask under the same Idempotency-Key, is not told. */
function ownOrNothing(answer: Exclude<AskAnswer, { kind: "joined" }>, caller: Caller, access: Access): WithinReach {
  return answer.kind === "decided" && !reaches(caller, access, answer.record.key) ? NOT_YOURS : answer;
}
