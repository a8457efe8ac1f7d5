// Random lives of three people and four devices, in memory: whoever identified first on a device is who it counts for.
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import type { CustomerEvent, Props } from "../../engine/domain/event.ts";
import type { CustomerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { readLocalRulebook } from "../../engine/partition/rulebook-library.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { activeRulebookOf } from "../../engine/sandbox/active-rulebook-of.ts";
import { createGivenScorer } from "../../engine/sandbox/given-scorer.ts";
import { createSandbox } from "../../engine/sandbox/sandbox.ts";

let rulebook: Rulebook;

beforeAll(async () => {
  const files = await readRulebookFolder(`${repositoryRoot}/test/fixtures/rules-small`);
  const local = await readLocalRulebook(files, `${repositoryRoot}/test/fixtures/no-models`);
  if (local.kind === "faulty") throw new Error(JSON.stringify(local.faults));
  rulebook = local.rulebook;
});

const PEOPLE = ["ana", "ben", "eva"];
const DEVICES = ["anon:a", "anon:b", "anon:c", "anon:d"];
const START = Date.UTC(2026, 0, 5) as Instant;
const PUSHES_A_DAY = 2;

const who = fc.constantFrom(...PEOPLE, ...DEVICES);
const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("buy" as const), who, amount: fc.constantFrom(10, 150) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("ask" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("identify" as const),
      who: fc.constantFrom(...PEOPLE),
      device: fc.constantFrom(...DEVICES),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "again" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("answer" as const), nth: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), hours: fc.integer({ min: 1, max: 30 }) }) },
);

it("IDN-1 IDN-2 IDN-4 IDN-5: every purchase counts once for its person, and no cap is exceeded by two keys", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 40 }), async (acts) => {
      const scorer = createGivenScorer([], () => undefined, undefined);
      const sandbox = await createSandbox({
        rulebook: activeRulebookOf(rulebook, scorer),
        startsAt: START,
        partitions: 4,
      });
      const owners = new Map<string, string>();
      const personOf = (key: string): string => owners.get(key) ?? key;
      const bought = new Map<string, { count: number; spend: number }>();
      const pushes: { readonly key: string; readonly at: number }[] = [];
      const answers = new Map<string, { readonly key: string; outcome: string }>();
      const sent: CustomerEvent[] = [];
      const take = (decisions: readonly DecisionRecord[]): void => {
        for (const { key, contacts, now } of decisions) {
          expect(owners.has(key), `a decision for ${key}, which is ${personOf(key)}`).toBe(false);
          for (const { inbound, trackingCode } of contacts) {
            answers.set(trackingCode, { key, outcome: "pending" });
            if (inbound) continue;
            const before = pushes.filter((push) => personOf(push.key) === key && push.at > now - DAY_MS);
            expect(before.length, `pushes of ${key} in a day`).toBeLessThan(PUSHES_A_DAY);
            pushes.push({ key, at: now });
          }
        }
      };
      const send = async (event: CustomerEvent): Promise<void> => {
        sent.push(event);
        take((await sandbox.send(event)).decisions);
      };
      const eventOf = (n: number, type: string, key: string, props: Props): CustomerEvent => {
        return { id: `${type}-${n}`, type, key: key as CustomerKey, ts: sandbox.now(), source: "http", props };
      };
      for (const [n, one] of acts.entries()) {
        switch (one.kind) {
          case "buy": {
            const person = personOf(one.who);
            const book = bought.get(person) ?? { count: 0, spend: 0 };
            bought.set(person, { count: book.count + 1, spend: book.spend + one.amount });
            await send(eventOf(n, "purchase", one.who, { amount: one.amount }));
            break;
          }
          case "ask": {
            const asked = await sandbox.ask({
              key: one.who as CustomerKey,
              channel: "app",
              placements: [{ name: "app-home" }],
              context: {},
            });
            if (asked.kind === "refused") throw new Error(asked.why);
            expect(asked.record.key).toBe(personOf(one.who));
            take([asked.record]);
            break;
          }
          case "identify":
            await send({ ...eventOf(n, "identify", one.who, {}), anonymousId: one.device.slice("anon:".length) });
            if (owners.has(one.device)) break;
            for (const part of ["count", "spend"] as const) {
              const book = bought.get(one.who) ?? { count: 0, spend: 0 };
              bought.set(one.who, { ...book, [part]: book[part] + (bought.get(one.device)?.[part] ?? 0) });
            }
            bought.delete(one.device);
            owners.set(one.device, one.who);
            break;
          case "again": {
            const last = sent.at(-1);
            if (last !== undefined) await sandbox.send(last);
            break;
          }
          case "answer": {
            const [code, answer] = [...answers][one.nth % Math.max(1, answers.size)] ?? [];
            if (code === undefined || answer === undefined) break;
            answer.outcome = "accepted";
            await send(eventOf(n, "outcome", answer.key, { trackingCode: code, outcome: "accepted" }));
            break;
          }
          case "wait":
            take((await sandbox.advance((sandbox.now() + one.hours * HOUR_MS) as Instant)).decisions);
        }
      }
      const spendAt = rulebook.features.findIndex(({ name }) => name === "spend_all");
      for (const key of [...PEOPLE, ...DEVICES]) {
        const spend = sandbox.features(key as CustomerKey)?.[spendAt] ?? 0;
        expect(spend, `what ${key} has spent`).toBe(bought.get(key)?.spend ?? 0);
        expect(sandbox.state(key as CustomerKey)?.sealedTo, key).toBe(owners.get(key));
      }
      for (const [code, { key, outcome }] of answers) {
        const { contacts } = sandbox.state(personOf(key) as CustomerKey) ?? { contacts: [] };
        const found = contacts.filter(({ trackingCode }) => trackingCode === code);
        expect(
          found.map((contact) => contact.outcome),
          `${code} of ${key}`,
        ).toEqual([outcome]);
      }
    }),
    { numRuns: process.env["NBA_LONG"] === "1" ? 2_000 : 60, endOnFailure: true },
  );
}, 300_000);
