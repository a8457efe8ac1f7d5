// The books of the load against what Redis holds after it.
import { expect } from "vitest";
import { type Found, readEverything } from "./journal-reader.ts";
import type { Books } from "./load.ts";

/** What the engine holds of each customer: count and sum, through its API. */
export async function foldedPurchases(url: string, books: Books): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const customer of books.purchases.keys()) {
    const response = await fetch(`${url}/v1/customers/${customer}`);
    const answer = (await response.json()) as { features?: Record<string, number> };
    found[customer] =
      answer.features === undefined
        ? `${response.status} ${JSON.stringify(answer)}`
        : `${answer.features["purchases_24h"]} purchases, ${answer.features["spend_all"]}`;
  }
  return found;
}

export function expectedPurchases(books: Books): Record<string, string> {
  return Object.fromEntries(
    [...books.purchases].map(([customer, { count, spend }]) => [customer, `${count} purchases, ${spend}`]),
  );
}

/** Most contacts of a customer, by channel. */
const CAPS: Readonly<Record<string, number>> = { push: 2, app: 2 };

/**
 * What has not happened yet without which the books show little. `answersMin`: so many asks must have been decided. Empty: the
 * load may stop.
 */
export function untold(books: Books, found: Found, answersMin: number): readonly string[] {
  const answered = [...books.asks.values()].filter((decisions) => decisions.size > 0).length;
  const contacts = contactsByScope(found);
  const wanted: [string, boolean][] = [
    [`${answersMin} asks decided between the harms, not ${answered}`, answered >= answersMin],
    ["a key used again", books.sameAgain > 0],
    ["an outcome reported", books.outcomes > 0],
    [`more than 20 triggers, not ${books.triggers.size}`, books.triggers.size > 20],
    ["a trigger that the cap kept from a push", decidedPushes(found).length < books.triggers.size],
    ...Object.entries(CAPS).map(([channel, cap]): [string, boolean] => [
      `the cap of ${channel} reached`,
      [...contacts].some(([scope, count]) => scope.endsWith(` on ${channel}`) && count >= cap),
    ]),
  ];
  return wanted.flatMap(([what, isThere]) => (isThere ? [] : [what]));
}

/** Waits until the load has done all that the books are to show, however slow the machine. */
export async function untilTold(books: Books, redisUrl: string, partitions: number, answersMin: number): Promise<void> {
  await expect
    .poll(async () => untold(books, await readEverything(redisUrl, partitions), answersMin), {
      timeout: 90_000,
      interval: 500,
    })
    .toEqual([]);
}

export function compareBooks(books: Books, found: Found, answersMin: number): void {
  expect(found.broken).toEqual([]);
  expect(found.dead).toBe(0);
  const ids = found.decisions.map(({ id }) => id);
  expect(new Set(ids).size, "a decision was journalled twice").toBe(ids.length);

  const triggered = found.decisions.flatMap(({ trigger }) => (trigger === undefined ? [] : [trigger]));
  expect(triggered.sort()).toEqual([...books.triggers].sort());

  const journalled = new Set(ids);
  for (const [key, answered] of books.asks) {
    expect(answered.size, `${key} was answered by different decisions`).toBeLessThanOrEqual(1);
    for (const id of answered) expect(journalled.has(id), `${key}: answered, but not journalled`).toBe(true);
  }

  const answered = [...books.asks.values()].filter((decisions) => decisions.size > 0).length;
  console.log(`kills: ${answered} asks answered, ${books.sameAgain} again by the same, ${books.outcomes} outcomes`);
  expect(untold(books, found, answersMin)).toEqual([]);

  expectCapsHeld(found);
  const sendable = decidedPushes(found).filter((code) => !found.released.has(code));
  expect([...found.pushed].sort(), "each decided push dispatched once, or given back").toEqual(sendable.sort());
}

export function expectCapsHeld(found: Found): void {
  const over = [...contactsByScope(found)].filter(
    ([scope, count]) => count > (CAPS[scope.split(" on ")[1] as string] as number),
  );
  expect(over, `the caps are ${JSON.stringify(CAPS)}`).toEqual([]);
}

/** Contacts that were not given back, by "<customer> on <channel>". */
function contactsByScope(found: Found): ReadonlyMap<string, number> {
  const contacts = new Map<string, number>();
  for (const decision of found.decisions) {
    for (const { trackingCode, treatment } of decision.contacts) {
      if (found.released.has(trackingCode)) continue;
      const scope = `${decision.key} on ${treatment.split(":")[1]}`;
      contacts.set(scope, (contacts.get(scope) ?? 0) + 1);
    }
  }
  return contacts;
}

function decidedPushes(found: Found): readonly string[] {
  return found.decisions.flatMap((decision) =>
    decision.contacts.filter(({ treatment }) => treatment.endsWith(":push")).map(({ trackingCode }) => trackingCode),
  );
}
