// The books of the load against what Redis holds after it.
import { expect } from "vitest";
import type { Found } from "./journal-reader.ts";
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

/** `answersMin`: so many asks must have been decided. */
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
  expect(answered, "asks must have been decided between the kills").toBeGreaterThanOrEqual(answersMin);
  expect(books.sameAgain, "keys must have been used again").toBeGreaterThan(0);
  expect(books.outcomes, "outcomes must have been reported").toBeGreaterThan(0);

  const contacts = new Map<string, number>();
  for (const decision of found.decisions) {
    for (const { trackingCode, treatment } of decision.contacts) {
      if (found.released.has(trackingCode)) continue;
      const scope = `${decision.key} on ${treatment.split(":")[1]}`;
      contacts.set(scope, (contacts.get(scope) ?? 0) + 1);
    }
  }
  const caps: Record<string, number> = { push: 2, app: 2 };
  const capped = new Set<string>();
  for (const [scope, count] of contacts) {
    const cap = caps[scope.split(" on ")[1] as string] as number;
    expect(count, `${scope}: the cap is ${cap}`).toBeLessThanOrEqual(cap);
    if (count === cap) capped.add(scope.split(" on ")[1] as string);
  }
  expect([...capped].sort(), "both caps must have been reached").toEqual(["app", "push"]);

  const decidedPushes = found.decisions.flatMap((decision) =>
    decision.contacts.filter(({ treatment }) => treatment.endsWith(":push")).map(({ trackingCode }) => trackingCode),
  );
  const sendable = decidedPushes.filter((code) => !found.released.has(code));
  expect([...found.pushed].sort(), "each decided push dispatched once, or given back").toEqual(sendable.sort());
  expect(books.triggers.size, "the load must have triggered").toBeGreaterThan(20);
  expect(decidedPushes.length, "some triggers must have reached the cap").toBeLessThan(books.triggers.size);
}
