import fc from "fast-check";
import { expect, it } from "vitest";
import { NEVER } from "../../engine/domain/time.ts";
import { packPeer, unpackPeer } from "../../engine/peer/peer-wire.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 20_000 : 500;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);

/** Text as JSON brings it in: a lone surrogate has no UTF-8. */
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const name = text.filter((each) => each !== "__proto__");
// -0 arrives as 0 outside typed arrays, as it does from the journal.
const number = fc.oneof(
  fc.double().map((each) => each + 0),
  fc.integer(),
  fc.constantFrom(NEVER, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53, -(2 ** 53), 2 ** 32, 1_800_000_000_000),
);
const leaf = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.float64Array({ maxLength: 40 }),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 8 }),
    fc.dictionary(name, tie("value"), { maxKeys: 8, noNullPrototype: true }),
  ),
}));

it(`everything that engines tell each other arrives as it was, bit for bit (NBA_SEED=${SEED})`, () => {
  const check = (sent: unknown): void => {
    expect(unpackPeer(packPeer(sent))).toStrictEqual(sent);
  };
  fc.assert(fc.property(value, check), { numRuns: RUNS, seed: SEED });
});

it("features keep every bit: NaN, -0, the smallest and the infinite", () => {
  const features = new Float64Array([Number.NaN, -0, 5e-324, Number.POSITIVE_INFINITY, 0.1 + 0.2]);
  const { features: arrived } = unpackPeer(packPeer({ features })) as { features: Float64Array };
  expect(arrived).toBeInstanceOf(Float64Array);
  expect(Buffer.from(arrived.buffer).equals(Buffer.from(features.buffer))).toBe(true);
});

it("throws on a value that is cut off, and on more than one", () => {
  expect(() => unpackPeer(Buffer.concat([packPeer({ a: 1 }), packPeer(2)]))).toThrow();
  expect(() => unpackPeer(packPeer({ a: [1, 2, 3] }).subarray(0, 4))).toThrow();
});
