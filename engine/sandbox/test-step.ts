// The notation of steps: the same as a line of a table, in fields.
//
//   - { at: "09:00", date: 2026-03-02, customer: ana, event: purchase, props: { amount: 120 }, expect: act save-cart:push }
//   - { after: 2h, customer: ana, outcome: declined, of: save-cart:push }
//   - { at: "10:00", customer: ana, ask: [app-home], on: app, expect: { act: [gold], facts: [silver not offered] } }
import { type Static, Type } from "typebox";
import { parseDuration } from "../domain/time.ts";
import { PropsSchema } from "../ingest/schemas.ts";
import type { Place } from "../rulebook/place.ts";
import { parseExpectation } from "./expectation.ts";
import type { Deed, Expected, Step, When } from "./rule-test.ts";

const CLOSED = { additionalProperties: false };
const WORD = Type.String({ minLength: 1, maxLength: 200 });
const WORDS = Type.Array(WORD);
const EXPECT = Type.Union([
  WORD,
  Type.Object(
    {
      act: Type.Optional(WORDS),
      none: Type.Optional(Type.Boolean()),
      nothing: Type.Optional(Type.Boolean()),
      facts: Type.Optional(WORDS),
    },
    CLOSED,
  ),
]);

export const STEP = Type.Object(
  {
    at: Type.Optional(
      Type.String({ pattern: "^\\d{1,2}:\\d{2}(:\\d{2})?$", description: 'a time in quotes such as "09:00"' }),
    ),
    date: Type.Optional(Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "a day such as 2026-03-02" })),
    after: Type.Optional(Type.String({ pattern: "^\\d{1,9}(ms|s|m|h|d|w)$", description: "a duration such as 20m" })),
    customer: Type.Optional(WORD),
    event: Type.Optional(WORD),
    happened: Type.Optional(WORD),
    props: Type.Optional(PropsSchema),
    ask: Type.Optional(Type.Union([WORD, WORDS])),
    on: Type.Optional(WORD),
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    locale: Type.Optional(WORD),
    context: Type.Optional(PropsSchema),
    outcome: Type.Optional(WORD),
    reason: Type.Optional(WORD),
    until: Type.Optional(WORD),
    delivered: Type.Optional(WORD),
    of: Type.Optional(WORD),
    models: Type.Optional(Type.Record(Type.String(), Type.Number({ minimum: 0, maximum: 1 }))),
    expect: Type.Optional(EXPECT),
  },
  CLOSED,
);
export type WrittenStep = Static<typeof STEP>;

export function readStep(written: WrittenStep, place: Place, fail: (message: string) => void): Step | undefined {
  const when = whenOf(written);
  if (when === undefined) {
    fail('a step has either at, such as at: "09:00", or after, such as after: 20m');
    return undefined;
  }
  const deeds = (["event", "ask", "outcome", "delivered", "models"] as const).filter(
    (kind) => written[kind] !== undefined,
  );
  if (deeds.length > 1) {
    fail(`a step does one thing, not ${deeds.join(" and ")}: make it two steps`);
    return undefined;
  }
  if (deeds.length === 1 && written.customer === undefined) {
    fail("a step that does something names its customer");
    return undefined;
  }
  if (written.outcome !== undefined && written.of === undefined) {
    fail("an outcome needs of: the action or treatment that it is about");
    return undefined;
  }
  const expected = expectedOf(written.expect, place, fail);
  return { place, when, customer: written.customer, deed: deedOf(written), expected };
}

function whenOf({ at, date, after }: WrittenStep): When | undefined {
  if ((at === undefined) === (after === undefined)) return undefined;
  if (at !== undefined) return { kind: "at", date, days: 0, time: at };
  const ms = parseDuration(after ?? "");
  return ms === undefined || date !== undefined ? undefined : { kind: "after", ms };
}

function deedOf(written: WrittenStep): Deed {
  const { event, ask, outcome, delivered, models } = written;
  if (event !== undefined) {
    return { kind: "event", type: event, props: written.props ?? {}, happened: written.happened };
  }
  if (ask !== undefined) {
    const limit = written.limit === undefined ? {} : { limit: written.limit };
    const placements = (typeof ask === "string" ? [ask] : ask).map((name) => ({ name, ...limit }));
    return { kind: "ask", placements, channel: written.on, locale: written.locale, context: written.context ?? {} };
  }
  if (outcome !== undefined) {
    return { kind: "outcome", outcome, of: written.of ?? "", reason: written.reason, until: written.until };
  }
  if (delivered !== undefined) return { kind: "delivered", of: delivered };
  return models === undefined ? { kind: "wait" } : { kind: "models", models };
}

/** Fields come to the same words as the text, so that there is one grammar. */
function expectedOf(
  written: WrittenStep["expect"],
  place: Place,
  fail: (message: string) => void,
): Expected | undefined {
  if (written === undefined) return undefined;
  const text = typeof written === "string" ? written : textOf(written);
  const parsed = parseExpectation(text, place);
  if (parsed.kind === "parsed") return parsed.expected;
  fail(parsed.message);
  return undefined;
}

function textOf({ act, none, nothing, facts }: Exclude<WrittenStep["expect"], string | undefined>): string {
  const parts = [
    ...(act === undefined ? [] : [`act ${act.join(", ")}`]),
    ...(none === true ? ["none"] : []),
    ...(nothing === true ? ["nothing"] : []),
    ...(facts ?? []),
  ];
  return parts.join("; ");
}
