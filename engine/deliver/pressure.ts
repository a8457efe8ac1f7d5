// The pressure that contacts put on a customer now, as deciding would find it.
import { createPressure } from "../decide/fatigue.ts";
import type { Contact } from "../domain/contact.ts";
import type { Instant } from "../domain/time.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { PressureBody } from "./wire.ts";

/** Undefined where the rulebook declares no fatigue. */
export function pressureOf(rulebook: Rulebook, contacts: readonly Contact[], now: Instant): PressureBody | undefined {
  if (rulebook.fatigue === undefined) return undefined;
  const pressure = createPressure(rulebook);
  pressure.open(contacts, now);
  const leaves = rulebook.channels.map(({ name, index }) => [name, pressure.leaves(index)]);
  return { total: pressure.total(), leaves: Object.fromEntries(leaves) };
}
