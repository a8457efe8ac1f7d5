// Whose a tracking code or a decision is, where a visitor has become a customer since.
import type { CustomerKey } from "../../domain/ids.ts";
import { isAnonymous } from "../../domain/ids.ts";
import type { Engine } from "../../engine.ts";
import { type Caller, reaches } from "./caller.ts";
import type { Access } from "./scopes.ts";

/** As `reaches`, and for what was decided under an anonymous key also for the customer to whom that was joined. */
export async function reachesWhose(
  engine: Pick<Engine, "look">,
  caller: Caller,
  access: Access,
  key: CustomerKey,
): Promise<boolean> {
  if (reaches(caller, access, key)) return true;
  if (!isAnonymous(key) || !caller.scopes.has("agent")) return false;
  const joinedTo = (await engine.look(key))?.joinedTo;
  return joinedTo !== undefined && reaches(caller, access, joinedTo);
}
