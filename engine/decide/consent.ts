// Consent: may this customer be contacted on this channel, for this purpose?
import type { Consent } from "../domain/decision.ts";
import type { ConsentNeed } from "./prepared.ts";

export type ConsentVerdict = "granted" | "denied" | "not-given";

/**
 * The newest record of exactly this channel, but for a newer refusal of every channel: whoever says "no more of this" after
 * having agreed to one channel means that one too. Else the newest for every channel, else what the channel declares for the
 * purpose or for all. Of two records of the same instant the refusal holds.
 */
export function consentVerdict({ channel, purpose }: ConsentNeed, consents: readonly Consent[]): ConsentVerdict {
  let own: Consent | undefined;
  let general: Consent | undefined;
  for (const consent of consents) {
    if (consent.purpose !== purpose) continue;
    if (consent.channel === channel.name) own = newer(own, consent);
    else if (consent.channel === "*") general = newer(general, consent);
  }
  const isOverruled = own !== undefined && general !== undefined && !general.granted && general.ts > own.ts;
  const found = isOverruled ? general : (own ?? general);
  if (found !== undefined) return found.granted ? "granted" : "denied";
  const unsaid = channel.consentDefaults.get(purpose) ?? channel.consentDefault;
  return unsaid === "granted" ? "granted" : "not-given";
}

function newer(a: Consent | undefined, b: Consent): Consent {
  if (a === undefined || b.ts > a.ts) return b;
  return b.ts === a.ts && !b.granted ? b : a;
}
