// Consent: may this customer be contacted on this channel, for this purpose?
import type { Consent } from "../domain/decision.ts";
import type { ConsentNeed } from "./prepared.ts";

export type ConsentVerdict = "granted" | "denied" | "not-given";

/**
 * The newest record of exactly this channel, else the newest for every channel, else what the channel declares for the
 * purpose or for all. Of two records of the same instant the refusal holds.
 */
export function consentVerdict({ channel, purpose }: ConsentNeed, consents: readonly Consent[]): ConsentVerdict {
  let found: Consent | undefined;
  for (const consent of consents) {
    if (consent.purpose !== purpose) continue;
    if (consent.channel !== channel.name && consent.channel !== "*") continue;
    if (found === undefined || outranks(consent, found)) found = consent;
  }
  if (found !== undefined) return found.granted ? "granted" : "denied";
  const unsaid = channel.consentDefaults.get(purpose) ?? channel.consentDefault;
  return unsaid === "granted" ? "granted" : "not-given";
}

function outranks(a: Consent, b: Consent): boolean {
  const aExact = a.channel !== "*";
  if (aExact !== (b.channel !== "*")) return aExact;
  if (a.ts !== b.ts) return a.ts > b.ts;
  return !a.granted && b.granted;
}
