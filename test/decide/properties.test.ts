import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONTACTS_KEPT_MAX } from "../../engine/decide/contact-limits.ts";
import { createDecider, type Decider, decide } from "../../engine/decide/decide.ts";
import { dropDigest } from "../../engine/decide/drop-digest.ts";
import { explain } from "../../engine/decide/explain.ts";
import type { Prepared } from "../../engine/decide/prepared.ts";
import { recordOf } from "../../engine/decide/record.ts";
import { replay } from "../../engine/decide/replay.ts";
import type { Contact } from "../../engine/domain/contact.ts";
import type { Decision, DecisionInput } from "../../engine/domain/decision.ts";
import type { Drop } from "../../engine/domain/drop.ts";
import { DROPPED, type DropList, DropWriter } from "../../engine/domain/drop-list.ts";
import type { Position, TreatmentIndex } from "../../engine/domain/ids.ts";
import { HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { decodeCommit, encodeCommit } from "../../engine/journal/commit-record.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { type AskDraft, ask, bookDraft, consents, DECISIONS, inputOf, past, RUNS } from "./arbitrary.ts";
import { brokenRule } from "./broken-rule.ts";
import { type BookDraft, buildRulebook, inputFor, type LimitDraft, NOW } from "./build.ts";

function recorded(decider: Decider, input: DecisionInput, { scores }: AskDraft) {
  const decision = decide(decider, input, scores);
  const models = scores.map(({ model, ...rest }) => ({
    name: decider.rulebook.models[model]?.name as string,
    sha256: `hash of ${model}`,
    ...rest,
  }));
  return { decision, record: recordOf(decider, input, decision, { models, degraded: [] }) };
}

/** Winners by name, whatever the order of the placements. */
function winners(rulebook: Rulebook, decision: Decision): string[] {
  return decision.slates
    .map(({ placement, items }) =>
      [rulebook.placements[placement]?.name, ...items.map((item) => rulebook.treatments[item.treatment]?.id)].join(" "),
    )
    .sort();
}

/** A contact by names, counted without any of the engine's own arrangements. */
interface Named {
  readonly contact: Contact;
  readonly channel: string;
  readonly issue: string;
  readonly group: string;
  readonly action: string;
}

function exceeded(limits: readonly LimitDraft[], contacts: readonly Named[], now: number): string | undefined {
  for (const limit of limits) {
    const counts = new Map<string, number>();
    for (const named of contacts) {
      const { at, state, inbound, exempt } = named.contact;
      if (exempt || state === "released" || at <= now - limit.windowMs) continue;
      if (limit.direction === "inbound" && !inbound) continue;
      if (limit.direction === "outbound" && inbound) continue;
      if (
        (["channel", "issue", "group", "action"] as const).some(
          (kind) => limit[kind] !== undefined && limit[kind] !== named[kind],
        )
      ) {
        continue;
      }
      const counter = limit.per === undefined || limit.per === "all" ? "all" : named[limit.per];
      counts.set(counter, (counts.get(counter) ?? 0) + 1);
    }
    for (const [counter, count] of counts)
      if (count > limit.max) return `${limit.id} ${counter}: ${count} > ${limit.max}`;
  }
  return undefined;
}

/** The long run takes minutes, whatever else the machine does. */
const LONGEST_MS = 1_800_000;

describe("properties", { timeout: LONGEST_MS }, () => {
  test("CON-5 no cap is ever exceeded within any rolling window, decisions following one another", () => {
    const step = fc.record({
      ask,
      after: fc.constantFrom(0, 1, HOUR_MS / 2, HOUR_MS, 5 * HOUR_MS, 24 * HOUR_MS),
      fate: fc.nat(4),
    });
    fc.assert(
      fc.property(bookDraft, fc.array(step, { minLength: 1, maxLength: 12 }), (draft, steps) => {
        const rulebook = buildRulebook(draft);
        const decider = createDecider(rulebook);
        let now = NOW as number;
        let contacts: Named[] = [];
        for (const { ask: asked, after, fate } of steps) {
          now += after;
          const profile = { contacts: contacts.map(({ contact }) => contact) };
          const input = inputFor(rulebook, { ...asked, now, profile });
          const decision = decide(decider, input, asked.scores);
          contacts.push(...named(rulebook, decision));
          expect(exceeded(draft.limits ?? [], contacts, now)).toBeUndefined();
          contacts = contacts.map((entry, index) => (index % 5 === fate ? moveOn(entry, index, now) : entry));
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("CON-7 a profile never needs more contacts than it keeps", () => {
    const rulebook = buildRulebook({
      placements: [{ name: "home", channels: ["app"], slots: 3 }],
      actions: ["a", "b", "c"].map((id) => ({ id, treatments: [{ channel: "app", placements: ["home"] }] })),
    });
    const decider = createDecider(rulebook);
    const contacts: Contact[] = [];
    for (let hour = 0; hour < 100; hour++) {
      const decision = decide(
        decider,
        inputFor(rulebook, { now: NOW + hour, profile: { contacts: [...contacts] } }),
        [],
      );
      if (decision.kind === "act") contacts.push(...decision.contacts);
    }
    expect(contacts).toHaveLength(CONTACTS_KEPT_MAX);
  });

  test("ARB-6 every asked treatment is offered or has exactly one drop; no action twice, no slot too many", () => {
    fc.assert(
      fc.property(bookDraft, ask, past, consents, (draft, asked, history, given) => {
        const rulebook = buildRulebook(draft);
        const input = inputOf(rulebook, asked, history, given);
        const decision = decide(createDecider(rulebook), input, asked.scores);
        const items = decision.slates.flatMap((slate) => slate.items);
        const withheld = decision.withheld.flatMap((slate) => slate.items);
        const actions = [...items, ...withheld].map(({ action }) => action);
        expect(new Set(actions).size).toBe(actions.length);
        for (const { placement, items: own } of decision.slates) {
          const hidden = decision.withheld.find((slate) => slate.placement === placement)?.items ?? [];
          const shown = [...own, ...hidden];
          const asks = input.request.placements.filter((entry) => entry.placement === placement);
          expect(shown.length).toBeLessThanOrEqual(Math.max(...asks.map(({ limit }) => limit)));
          expect(shown.length).toBeLessThanOrEqual(rulebook.placements[placement]?.slots ?? 0);
        }
        for (const action of rulebook.actions) {
          const own = [...decision.dropped].filter((drop) => subject(rulebook, drop) === action.index);
          if (own.some((drop) => "action" in drop)) {
            expect(own).toHaveLength(1);
            expect(actions).not.toContain(action.index);
            continue;
          }
          for (const index of action.treatments.filter((treatment) => isAsked(rulebook, input, treatment))) {
            const drops = own.filter((drop) => "treatment" in drop && drop.treatment === index).length;
            const offers = items.filter((item) => item.treatment === index).length;
            expect(drops + offers).toBe(1);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("QTA-2 ARB-8 ARB-9 BND-1 HLD-2 quota, least priority, slate limits and bundles hold in every decision; the holdout alone has shadows", () => {
    fc.assert(
      fc.property(bookDraft, ask, past, consents, (draft, asked, history, given) => {
        const rulebook = buildRulebook(draft);
        const input = inputOf(rulebook, asked, history, given);
        const decision = decide(createDecider(rulebook), input, asked.scores);
        expect(brokenRule(rulebook, input, decision)).toBeUndefined();
      }),
      { numRuns: DECISIONS },
    );
  });

  test("ARB-7 the order of contacts, consents, scores, placements and files does not change who wins", () => {
    fc.assert(
      fc.property(bookDraft, ask, past, consents, (draft, asked, history, given) => {
        const rulebook = buildRulebook(draft);
        const decider = createDecider(rulebook);
        const input = inputOf(rulebook, asked, history, given);
        const decision = decide(decider, input, asked.scores);
        const reversed = reverse(input);
        const scores = [...asked.scores].reverse();
        const sameRequest = decide(decider, { ...reversed, request: input.request }, scores);
        expect(sameRequest).toEqual(decision);
        expect(winners(rulebook, decide(decider, reversed, scores))).toEqual(winners(rulebook, decision));
        // Rule indexes move with the files, and the digest holds names.
        const moved = createDecider(buildRulebook(reverseFiles(draft)));
        const other = decide(moved, input, scores);
        expect(winners(moved.rulebook, other)).toEqual(winners(rulebook, decision));
        const digest = dropDigest(decider.prepared, decision.dropped);
        expect(dropDigest(moved.prepared, other.dropped)).toBe(digest);
        expect(dropDigest(decider.prepared, whole(decider.prepared, decision.dropped))).toBe(digest);
      }),
      { numRuns: RUNS },
    );
  });

  test("DET-1 the same input gives the same decision, and draw changes nothing", () => {
    fc.assert(
      fc.property(bookDraft, ask, past, consents, (draft, asked, history, given) => {
        const rulebook = buildRulebook(draft);
        const input = inputOf(rulebook, asked, history, given);
        const decider = createDecider(rulebook);
        const first = decide(decider, input, asked.scores);
        expect(decide(decider, { ...input, draw: 0.99 }, asked.scores)).toEqual(first);
        expect(decide(createDecider(buildRulebook(draft)), input, asked.scores)).toEqual(first);
      }),
      { numRuns: RUNS },
    );
  });

  test("DET-2 a record read back from the journal is computed again bit for bit", () => {
    fc.assert(
      fc.property(bookDraft, ask, past, consents, (draft, asked, history, given) => {
        const rulebook = buildRulebook(draft);
        const decider = createDecider(rulebook);
        const { record } = recorded(decider, inputOf(rulebook, asked, history, given), asked);
        const commit = {
          position: "1-0" as Position,
          now: record.now,
          decisions: [record],
          withdrawals: [],
          learned: [],
        };
        const viaJournal = decodeCommit(encodeCommit(commit)).decisions[0] as typeof record;
        for (const copy of [record, viaJournal]) {
          expect(copy).toEqual(record);
          expect(replay(createDecider(buildRulebook(draft)), copy).differences).toEqual([]);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("DET-4 decisions that wait for their scores do not disturb one another", () => {
    fc.assert(
      fc.property(bookDraft, fc.array(fc.tuple(ask, past, consents), { minLength: 2, maxLength: 4 }), (draft, asks) => {
        const rulebook = buildRulebook(draft);
        const decider = createDecider(rulebook);
        const inputs = asks.map(([asked, history, given]) => inputOf(rulebook, asked, history, given));
        const alone = inputs.map((input, index) => decide(decider, input, asks[index]?.[0].scores ?? []));
        const waiting = inputs.map((input) => decider.qualify(input));
        const together = inputs.map((input, index) => {
          const qualified = waiting[index] as (typeof waiting)[number];
          // Only what was asked for: a model that nobody needs has no say.
          const scores = asks[index]?.[0].scores.filter(({ model }) => qualified.needsModels.includes(model));
          return decider.choose(input, qualified, scores ?? []);
        });
        expect(together).toEqual(alone);
      }),
      { numRuns: RUNS },
    );
  });

  test("DET-5 nothing makes it throw", () => {
    const wildAsk = fc.record({
      limit: fc.oneof(fc.double(), fc.integer()),
      name: fc.constantFrom("desk", "hero", "home"),
    });
    fc.assert(
      fc.property(
        bookDraft,
        ask,
        past,
        consents,
        wildAsk,
        fc.double(),
        (draft, asked, history, given, wild, number) => {
          const rulebook = buildRulebook(draft);
          const decider = createDecider(rulebook);
          const input = inputOf(rulebook, { ...asked, placements: [wild] }, history, given);
          const trials = input.evidence.trials.fill(number);
          const { record } = recorded(
            decider,
            { ...input, evidence: { trials, positives: new Float64Array(0) } },
            asked,
          );
          expect(explain(decider, record)).toMatchObject({ kind: "explained", reproduced: true });
        },
      ),
      { numRuns: RUNS },
    );
  });
});

function named(rulebook: Rulebook, decision: Decision): Named[] {
  return decision.contacts.map((contact) => {
    const item = [...decision.slates, ...decision.withheld]
      .flatMap(({ items }) => items)
      .find((found) => found.trackingCode === contact.trackingCode);
    const action = rulebook.actions[item?.action ?? -1];
    const treatment = rulebook.treatments[item?.treatment ?? -1];
    return {
      contact,
      channel: rulebook.channels[treatment?.channel ?? -1]?.name ?? "",
      issue: action?.issue.id ?? "",
      group: action?.group.id ?? "",
      action: action?.id ?? "",
    };
  });
}

function moveOn(entry: Named, index: number, now: number): Named {
  const { contact } = entry;
  if (contact.shadow) return entry;
  const moves: Partial<Contact>[] = [
    { state: "released", live: false },
    { state: "confirmed", outcome: "presented", outcomeAt: now as Instant },
    { state: "confirmed", outcome: "declined", outcomeAt: now as Instant, live: false },
  ];
  return { ...entry, contact: { ...contact, ...moves[index % moves.length] } };
}

function reverse(input: DecisionInput): DecisionInput {
  const { profile, request } = input;
  return {
    ...input,
    profile: {
      ...profile,
      contacts: [...profile.contacts].reverse(),
      consents: [...profile.consents].reverse(),
    },
    request: { ...request, placements: [...request.placements].reverse() },
  };
}

function reverseFiles(draft: BookDraft): BookDraft {
  const actions = draft.actions.map((action) => ({ ...action, treatments: [...action.treatments].reverse() }));
  return { ...draft, actions: actions.reverse() };
}

function subject(rulebook: Rulebook, drop: Drop): number {
  return "action" in drop ? drop.action : (rulebook.treatments[drop.treatment]?.action as number);
}

function isAsked(rulebook: Rulebook, { request }: DecisionInput, index: number): boolean {
  const treatment = rulebook.treatments[index];
  if (treatment === undefined || (request.channel ?? treatment.channel) !== treatment.channel) return false;
  return request.placements.some(
    ({ placement }) =>
      treatment.placements.includes(placement) && rulebook.placements[placement]?.channels.includes(treatment.channel),
  );
}

/** The same drops, none of them packed. */
function whole({ table }: Prepared, drops: Iterable<Drop>): DropList {
  const writer = new DropWriter();
  const all = [...drops];
  writer.open(all.length);
  for (const drop of all) {
    const row = "action" in drop ? table.rowOfAction[drop.action] : table.rowOfTreatment[drop.treatment];
    writer.addCause(row as number, DROPPED.other, drop);
  }
  return writer.take(table);
}

test("DET-3 the digest changes with what a drop says", () => {
  const rulebook = buildRulebook({
    actions: ["a", "b"].map((id) => ({ id, treatments: [{ channel: "app", placements: ["home"] }] })),
    limits: [{ id: "cap", max: 1, windowMs: HOUR_MS }],
    coolDowns: [{ id: "rest", after: "declined", scope: "action", forMs: HOUR_MS }],
  });
  const { prepared } = createDecider(rulebook);
  const [a, b] = rulebook.treatments.map(({ index }) => index) as [TreatmentIndex, TreatmentIndex];
  const drops = (change: object): DropList =>
    whole(prepared, [
      { stage: "contact-limit", treatment: a, policy: 0, counted: 1, reopensAt: NOW, ...change } as unknown as Drop,
      { stage: "availability", action: 1, because: "not-yet" } as unknown as Drop,
      { stage: "slots", treatment: b, placement: 1, lostTo: a, priority: 0.5 } as unknown as Drop,
    ]);
  const digest = dropDigest(prepared, drops({}));
  expect(digest).toMatch(/^2:[0-9a-f]{32}$/);
  const changes = [{ counted: 2 }, { reopensAt: NOW + 1 }, { policy: -1 }, { treatment: b }];
  const others = changes.map((change) => dropDigest(prepared, drops(change)));
  expect(new Set([digest, ...others, dropDigest(prepared, whole(prepared, [...drops({})].slice(1)))]).size).toBe(
    changes.length + 2,
  );
});
