// What is read from the bytes at one go, beside JSON.parse and the schema: whoever reads it, the event is the same, and so is
// what is refused, in the same words.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { decodeEvent, decodeEventBytes, parsePayload } from "../../engine/ingest/decode-event.ts";
import { readPlainEvent } from "../../engine/ingest/plain-event.ts";
import { isRefused, type Refused } from "../../engine/ingest/refused.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 50_000 : 1_500;
const SEED = Number(process.env["NBA_SEED"] ?? 20_261_122);
const encoder = new TextEncoder();

function plainly(bytes: Uint8Array): CustomerEvent | Refused {
  const parsed = parsePayload(bytes);
  return isRefused(parsed) ? parsed : decodeEvent(parsed.value, "clickstream");
}

function compare(text: string): void {
  const bytes = encoder.encode(text);
  const expected = plainly(bytes);
  expect(decodeEventBytes(bytes, "clickstream"), text).toEqual(expected);
  // Minus zero is no zero, and an object that is equal may yet have names in another order.
  expect(JSON.stringify(decodeEventBytes(bytes, "clickstream")), text).toBe(JSON.stringify(expected));
}

const letters = fc.constantFrom(
  "a",
  "Z",
  "7",
  " ",
  "-",
  ".",
  "{",
  "}",
  ",",
  ":",
  "[",
  '"',
  "\\",
  "\u007f",
  "\u0000",
  "\n",
  "ß",
  "👩",
);
const word = fc.array(letters, { maxLength: 6 }).map((all) => all.join(""));
const long = fc
  .constantFrom(63, 64, 65, 128, 129, 250, 251, 252, 256, 257, 1_024, 1_025)
  .map((count) => "x".repeat(count));
const plain = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
const text = fc.oneof({ weight: 6, arbitrary: plain }, { weight: 1, arbitrary: word }, { weight: 1, arbitrary: long });
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.tuple(fc.integer({ min: -99_999_999, max: 99_999_999 }), fc.nat(8)).map(([digits, point]) => digits / 10 ** point),
  fc.constantFrom(0, -0, 1e15, 1e16, 8.64e15, 8.65e15, 999_999_999_999_999, 0.1, 1e-7, 5e-324),
);
const json = (value: unknown): string => (Object.is(value, -0) ? "-0" : JSON.stringify(value));
/** Numbers as others write them, right and wrong. */
const spelt = fc.constantFrom(
  "1.0",
  "1.50",
  "-0.0",
  "01",
  "-",
  "1.",
  ".5",
  "1e3",
  "1E-2",
  "-01",
  "0.1234567890123456",
  "123456789012345678",
  "+1",
  "NaN",
  "0x1",
);
const value = fc.oneof(
  { weight: 4, arbitrary: text.map(json) },
  { weight: 4, arbitrary: number.map(json) },
  { weight: 1, arbitrary: spelt },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "true",
      "false",
      "null",
      "tru",
      "{}",
      '{"a":1}',
      "[]",
      "[1]",
      '["a","b"]',
      '["a",]',
      '["a" , "b" ]',
    ),
  },
  { weight: 1, arbitrary: fc.array(text, { maxLength: 70 }).map(json) },
);
const propName = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("amount", "currency", "section", "item", "0", "12") },
  { weight: 2, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "prototype", "") },
);
const space = fc.constantFrom("", "", "", "", "", " ", "  ", "\n", "\t");
const props = fc
  .tuple(fc.array(fc.tuple(propName, value), { maxLength: 4 }), fc.constantFrom(0, 0, 0, 0, 0, 0, 60, 64, 65))
  .map(([given, more]) => {
    const pairs = [...given, ...Array.from({ length: more }, (_, index) => [`p${index}`, "1"] as const)];
    return `{${pairs.map(([name, one]) => `${json(name)}:${one}`).join(",")}}`;
  });
const type = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("page_view", "purchase") },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "outcome",
      "consent_update",
      "case_opened",
      "case_closed",
      "task",
      "contact",
      "identify",
    ),
  },
  { weight: 1, arbitrary: text },
);
const field: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  { weight: 3, arbitrary: text.map((one) => ["id", json(one)] as const) },
  { weight: 3, arbitrary: type.map((one) => ["type", json(one)] as const) },
  { weight: 3, arbitrary: text.map((one) => ["customer", json(one)] as const) },
  { weight: 1, arbitrary: text.map((one) => ["customer", json(`anon:${one}`)] as const) },
  { weight: 1, arbitrary: text.map((one) => ["anonymousId", json(one)] as const) },
  { weight: 3, arbitrary: fc.nat(2_000_000_000_000).map((one) => ["ts", String(one)] as const) },
  { weight: 3, arbitrary: props.map((one) => ["props", one] as const) },
  { weight: 1, arbitrary: text.map((one) => ["session", json(one)] as const) },
  { weight: 1, arbitrary: text.map((one) => ["channel", json(one)] as const) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(`00-${"a".repeat(32)}-${"b".repeat(16)}-01`, "00", "")
      .map((one) => ["traceparent", json(one)] as const),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom("id", "ts", "props", "session", "extra", "specversion", "__proto__"), value),
  },
);
/** Nearly always an event: what it needs, in any order, and something more. */
const written = fc
  .tuple(text, type, text, fc.nat(2_000_000_000_000), fc.array(field, { maxLength: 5 }), fc.nat(), space, space)
  .map(([id, kind, customer, ts, more, turn, before, behind]) => {
    const needed: (readonly [string, string])[] = [
      ["id", json(id)],
      ["type", json(kind)],
      ["customer", json(customer)],
      ["ts", String(ts)],
    ];
    const names = new Set(needed.map(([name]) => name));
    const own = turn % 10 === 0 ? more : more.filter(([name]) => !names.has(name) && names.add(name));
    const all = [...needed, ...own];
    const from = turn % all.length;
    const fields = [...all.slice(from), ...all.slice(0, from)].slice(turn % 7 === 0 ? 1 : 0);
    return `{${fields.map(([name, one]) => `${before}"${name}"${before}:${behind}${one}`).join(`${behind},`)}${before}}${behind}`;
  });

describe("an event of plain JSON", () => {
  const given = { numRuns: RUNS, seed: SEED };

  test(`is the event that JSON.parse and the schema make of it (NBA_SEED=${SEED})`, () => {
    let taken = 0;
    fc.assert(
      fc.property(written, (text) => {
        if (readPlainEvent(encoder.encode(text)) !== undefined) taken++;
        compare(text);
      }),
      given,
    );
    expect(taken).toBeGreaterThan(RUNS / 5);
  });

  test(`with anything cut out, put in or doubled is what it is without the short way (NBA_SEED=${SEED})`, () => {
    const broken = fc.tuple(written, fc.nat(), fc.nat(4), letters).map(([text, at, count, put]) => {
      const from = at % (text.length + 1);
      return (
        text.slice(0, from) +
        (at % 3 === 0 ? put : "") +
        (at % 5 === 0 ? text.slice(from, from + count) : "") +
        text.slice(from + count)
      );
    });
    fc.assert(fc.property(broken, compare), given);
  });

  test("of bytes that are no UTF-8, or one after another, leaves nothing of the one before", () => {
    const good = encoder.encode('{"id":"e-1","type":"t","customer":"c-1","ts":5,"session":"s","props":{"a":1}}');
    const bare = encoder.encode('{"id":"e-2","type":"t","anonymousId":"d-1","ts":6}');
    expect(decodeEventBytes(good, "x")).toEqual({
      id: "e-1",
      type: "t",
      key: "c-1",
      ts: 5,
      source: "x",
      session: "s",
      props: { a: 1 },
    });
    expect(decodeEventBytes(bare, "x")).toEqual({
      id: "e-2",
      type: "t",
      key: "anon:d-1",
      ts: 6,
      source: "x",
      props: {},
    });
    expect(
      decodeEventBytes(Buffer.from('{"id":"\xff","type":"t","customer":"c","ts":1}', "latin1"), "x"),
    ).toMatchObject({ refused: "not-parseable" });
  });

  test("is read by the short way in the forms that JSON.stringify and Python's json.dumps give it", () => {
    const event = {
      id: "e",
      type: "t",
      customer: "a-customer-of-many-letters",
      ts: 1_763_800_000_000,
      props: { n: 1.95, s: "x", b: true, set: ["a"], none: [] },
    };
    for (const text of [JSON.stringify(event), JSON.stringify(event).replace(/([,:])(?=["{[\dt])/g, "$1 ")]) {
      expect(readPlainEvent(encoder.encode(text)), text).toMatchObject(event);
      compare(text);
    }
  });
});
