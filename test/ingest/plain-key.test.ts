// The key that is read from the bytes alone, beside JSON.parse and the schema: whoever reads it, the entry goes the same way.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { customerKey, type Position } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { parsePayload, readKey } from "../../engine/ingest/decode-event.ts";
import { plainPartition } from "../../engine/ingest/plain-key.ts";
import { isRefused } from "../../engine/ingest/refused.ts";
import { routeEntry } from "../../engine/ingest/route.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 100_000 : 3_000;
const SEED = Number(process.env["NBA_SEED"] ?? 20_261_122);
const PARTITIONS = 4_096;

function compare(text: string): boolean {
  const payload = Buffer.from(text);
  const taken = plainPartition(payload, PARTITIONS);
  if (taken === undefined) return false;
  const parsed = parsePayload(payload);
  const key = isRefused(parsed) ? undefined : readKey(parsed.value);
  expect(key === undefined ? "no key" : partitionOf(key, PARTITIONS), text).toBe(taken);
  expect(payload.toString("latin1"), text).toBe(text);
  return true;
}

const plain = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
const odd = fc.constantFrom(
  "",
  "anon:1",
  "anon:",
  "ano",
  "ß",
  '"',
  "\\",
  "\u007f",
  "\n",
  "x".repeat(251),
  "y".repeat(252),
  "z".repeat(257),
);
const text = fc.oneof({ weight: 8, arbitrary: plain }, { weight: 1, arbitrary: odd }).map((one) => JSON.stringify(one));
const scalar = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 3, arbitrary: fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })).map(String) },
  { weight: 2, arbitrary: fc.constantFrom("true", "false", "null", "0", "-0", "-1.50") },
  { weight: 1, arbitrary: fc.constantFrom("tru", "01", "-", "1.", ".5", "1e3", "NaN", "", "{", "]") },
);
const listed = fc.array(scalar, { maxLength: 3 }).map((all) => `[${all.join(",")}]`);
const name = fc.oneof(
  plain.map((one) => JSON.stringify(one)),
  fc.constantFrom('"customer"', '"specversion"', '"__proto__"'),
);
const mapped = fc
  .array(fc.tuple(name, fc.oneof(scalar, listed)), { maxLength: 3 })
  .map((all) => `{${all.map((each) => each.join(":")).join(", ")}}`);
const value = fc.oneof(
  { weight: 5, arbitrary: scalar },
  listed,
  mapped,
  fc.nat(20).map((depth) => "[".repeat(depth) + "]".repeat(depth)),
);
const field = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('"customer"', '"anonymousId"'), text) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('"id"', '"props"', '"ts"', '"customers"', '"x"'), value) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('"customer"', '"subject"', '"specversion"', '"__proto__"', '"\\u0063ustomer"'),
      value,
    ),
  },
);
const space = fc.constantFrom("", "", "", " ", "\t");
const written = fc
  .tuple(fc.array(field, { minLength: 1, maxLength: 4 }), space, space)
  .map(
    ([fields, before, behind]) =>
      `{${fields.map((each) => each.join(`${before}:${behind}`)).join(`${behind},`)}${before}}${behind}`,
  );

describe("a key of plain JSON", () => {
  const given = { numRuns: RUNS, seed: SEED };

  test(`names the partition that JSON.parse and the schema name (NBA_SEED=${SEED})`, () => {
    let taken = 0;
    fc.assert(
      fc.property(written, (one) => {
        if (compare(one)) taken++;
      }),
      given,
    );
    expect(taken).toBeGreaterThan(RUNS / 8); // about a fifth of them
  });

  test(`with anything cut out, put in or doubled names it or none (NBA_SEED=${SEED})`, () => {
    const broken = fc
      .tuple(written, fc.nat(), fc.nat(4), fc.constantFrom(",", '"', "}", "{", "1", "\\", "ß", ":"))
      .map(([one, at, count, put]) => {
        const from = at % (one.length + 1);
        return (
          one.slice(0, from) +
          (at % 3 === 0 ? put : "") +
          (at % 5 === 0 ? one.slice(from, from + count) : "") +
          one.slice(from + count)
        );
      });
    fc.assert(
      fc.property(broken, (one) => void compare(one)),
      given,
    );
  });

  test("is read from events as JSON.stringify and Python's json.dumps write them", () => {
    const event = {
      id: "e",
      type: "t",
      customer: "c-17",
      anonymousId: "d-1",
      ts: 1,
      props: { n: -1.95, b: true, none: null, set: ["a"], of: { customer: 1 } },
    };
    const { customer: _, ...visitor } = event;
    for (const each of [event, visitor])
      for (const one of [JSON.stringify(each), JSON.stringify(each).replace(/([,:])(?=["{[\dtn-])/g, "$1 ")])
        expect(compare(one), one).toBe(true);
    expect(plainPartition(Buffer.from(JSON.stringify(visitor)), PARTITIONS)).toBe(
      partitionOf(customerKey("anon:d-1"), PARTITIONS),
    );
  });

  test("an entry has its payload, whatever it is written in, and its clock", () => {
    const routed = (...fields: string[]) => {
      const entry = { position: "1-1" as Position, fields: fields.map((each) => Buffer.from(each)) };
      const route = routeEntry(entry, "clickstream", PARTITIONS);
      return { ...route, fields: route.fields.map(String) };
    };
    const [ascii, other] = ['{"customer":"c-1"}', '{"customer":"c-1","x":"ß"}'];
    const partition = partitionOf(customerKey("c-1"), PARTITIONS);
    expect(routed("d", ascii)).toEqual({ kind: "log", partition, fields: [ascii] });
    expect(routed("x", "y", "d", "first", "t", "7", "d", other)).toEqual({
      kind: "log",
      partition,
      fields: [other, "t", "7"],
    });
    expect(routed("d", ascii, "t", "7")).toEqual({ kind: "log", partition, fields: [ascii, "t", "7"] });
    expect(routed("d", '{"customer":7}')).toMatchObject({ kind: "dead", reason: "invalid" });
  });
});
