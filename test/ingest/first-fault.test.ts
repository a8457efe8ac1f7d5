// The fault that is found without the validator is the one that it would list first.
import fc from "fast-check";
import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { decodeEvent } from "../../engine/ingest/decode-event.ts";
import { firstFault } from "../../engine/ingest/first-fault.ts";
import { refusalOf } from "../../engine/ingest/refused.ts";
import { EventSchema } from "../../engine/ingest/schemas.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 20_000 : 1_500;
const validator = Compile(EventSchema);
const GOOD = { id: "e-1", type: "page_view", customer: "c-1", ts: 1_700_000_000_000, props: { section: "shop" } };

const anything = fc.oneof(
  fc.constantFrom("", "anon:x", "x".repeat(300), "c-1", "1", true, null, 5, 1.5, -1, 1e300, Number.NaN, 5n),
  fc.string({ maxLength: 5 }),
  fc.array(fc.string({ maxLength: 2 }), { maxLength: 2 }),
  fc.dictionary(fc.string({ maxLength: 3 }), fc.integer(), { maxKeys: 2 }),
);
const changes = fc.dictionary(
  fc.constantFrom("id", "type", "customer", "anonymousId", "ts", "props", "session", "channel", "traceparent", "else"),
  fc.option(anything, { nil: undefined }),
  { maxKeys: 3 },
);

test("what is refused is refused with the words of the validator's first error", () => {
  let found = 0;
  fc.assert(
    fc.property(changes, fc.boolean(), (changed, isDropped) => {
      const value: Record<string, unknown> = { ...GOOD, ...changed };
      // A field that is undefined is a field that is there: JSON has none such, so it is dropped, mostly.
      if (isDropped) for (const [name, is] of Object.entries(value)) if (is === undefined) delete value[name];
      if (validator.Check(value)) return;
      if (firstFault(value) !== undefined) found++;
      expect(decodeEvent(value, "clickstream")).toEqual(refusalOf(validator.Errors(value), value));
    }),
    { numRuns: RUNS },
  );
  expect(found).toBeGreaterThan(RUNS / 10);
});
