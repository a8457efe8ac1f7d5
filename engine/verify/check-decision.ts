// One journalled decision against what its customer was right before it: what it was given, what it made of it, who asked.
import { rulebookFor } from "../decide/experiments.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import { parseTrackingCode } from "../domain/ids.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { featureRow } from "./ask-for.ts";
import { byName } from "./compare-known.ts";
import { type Differ, plainJson } from "./difference.ts";
import type { FeatureValue } from "./feature-by-definition.ts";
import { attributeValues, type Known } from "./known.ts";
import { sameNumber } from "./same-numbers.ts";
import type { Asked, Telling } from "./telling.ts";

/** The rulebook of the customer's arm at that time, which must have decided. */
export function decidingRulebook(telling: Telling, { key, now }: DecisionRecord): Rulebook {
  return rulebookFor(telling.book.rulebook, key, now);
}

/** Before it is applied. `asked`: undefined where somebody asked for it from outside. */
export function checkDecision(
  telling: Telling,
  known: Known,
  record: DecisionRecord,
  asked: Asked | undefined,
  differ: Differ,
): void {
  const rulebook = decidingRulebook(telling, record);
  const say = (field: string, found: unknown, expected: unknown): void => {
    if (plainJson(found) !== plainJson(expected)) {
      differ("S5", record.key, `decision ${record.id}: ${field}`, found, expected);
    }
  };
  const { profile, request } = record.input;
  say("rulebook", record.rulebook, rulebook.hash);
  say("contacts known", profile.contacts, known.contacts);
  say("consents known", byName(profile.consents), byName(known.consents));
  say("open cases known", byName(profile.openCases), byName(known.openCases));
  say("attributes known", attributesOf(profile.attributes), attributesOf(attributeValues(known, rulebook)));
  // What was triggered right before an identify is decided behind it, and before the other key is sealed (IDN-5).
  if (known.sealedTo !== undefined || (asked === undefined && known.joining > 0)) {
    say("decided for", "a key that is joined or joining", "a customer of whom all is known");
  }
  const row = asked === undefined ? featureRow(known, telling.book, record.now) : asked.features;
  checkFeatures(record, row, rulebook, differ);
  checkContacts(record, rulebook, say);
  if (asked === undefined) return;
  say("trigger", record.trigger, triggerOf(asked));
  say("context", request.context, asked.context);
  say(
    "placements asked for",
    request.placements.map(({ placement }) => placement),
    [asked.placement],
  );
  say("channel asked for", request.channel, asked.channel);
}

/** Those that were never set at the end may be left out. */
function attributesOf(values: readonly unknown[]): readonly unknown[] {
  return values.map((value) => value ?? null);
}

function triggerOf({ trigger, source, event, at, dropAfter, heldUntil }: Asked): DecisionRecord["trigger"] {
  const hold = dropAfter === undefined ? {} : { hold: { at, dropAfter, again: heldUntil !== undefined } };
  return { id: trigger, source, event, ...hold };
}

function checkFeatures(record: DecisionRecord, row: readonly FeatureValue[], rulebook: Rulebook, differ: Differ): void {
  const { features } = record.input.profile;
  for (const { index, name } of rulebook.features) {
    const expected = row[index];
    if (expected === undefined || sameNumber(features[index] as number, expected)) continue;
    differ("S5", record.key, `decision ${record.id}: features.${name} known`, features[index], expected);
  }
}

/** RSV-1, RSV-2, HLD-2, QTA-3: contacts are named after the decision, and what they cost is noted. */
function checkContacts(
  record: DecisionRecord,
  rulebook: Rulebook,
  say: (field: string, found: unknown, expected: unknown) => void,
): void {
  const { contacts, id, now } = record;
  const shown = [...record.slates, ...record.withheld].flatMap(({ items }) => items).filter(({ kept }) => !kept);
  say("items without a contact of their own", shown.length - contacts.length, 0);
  for (const [ordinal, { trackingCode, at, decision, state, countsAt, shadow }] of contacts.entries()) {
    say("tracking code", parseTrackingCode(trackingCode), { decision: id, ordinal });
    say(`contact ${ordinal} made at`, [at, decision], [now, id]);
    const isConfirmed = countsAt === "decided" || shadow;
    say(`contact ${ordinal} is`, state, isConfirmed ? "confirmed" : "reserved");
  }
  for (const quota of rulebook.quotas) {
    const units = unitsOf(record, rulebook, quota);
    const noted = record.spent.find((one) => one.quota === quota.id)?.units ?? 0;
    if (!sameNumber(units, noted)) say(`units spent of quota ${quota.id}`, noted, units);
  }
}

function unitsOf({ contacts }: DecisionRecord, rulebook: Rulebook, quota: Rulebook["quotas"][number]): number {
  const scopes = ["channel", "issue", "group", "action"] as const;
  const paid = contacts.filter(
    (contact) =>
      !contact.shadow && scopes.every((scope) => quota[scope] === undefined || quota[scope] === contact[scope]),
  );
  if (quota.unit === "contacts") return paid.length;
  const costs = paid.map(({ treatment }) => rulebook.treatments.find(({ hash }) => hash === treatment)?.cost ?? 0);
  return costs.reduce((sum, cost) => sum + cost, 0);
}
