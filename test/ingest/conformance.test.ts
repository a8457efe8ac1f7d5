import { describe, expect, test } from "vitest";
import { parsePayload } from "../../engine/ingest/decode-event.ts";
import { isRefused } from "../../engine/ingest/refused.ts";
import { readSuite, suitesAreAbsent } from "./conformance.ts";

type JsonCase = { readonly name: string; readonly input: string };
type PackCase = Readonly<Record<string, unknown>> & { readonly msgpack: readonly string[] };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (payload: Uint8Array): { ok: boolean; value: unknown; detail: string } => {
  const parsed = parsePayload(payload);
  if (!isRefused(parsed)) return { ok: true, value: parsed.value, detail: "" };
  return { ok: false, value: undefined, detail: `${parsed.refused}: ${parsed.detail}` };
};

describe.skipIf(suitesAreAbsent)("published suites (skipped only where ../shared/data is absent)", () => {
  test("JSON parsing: what is an object is taken if it is valid, and all else is refused as not parseable", () => {
    const cases = readSuite("json_parsing_318.json") as JsonCase[];
    expect(cases.length).toBe(318);
    for (const { name, input } of cases) {
      const outcome = parse(bytes(input));
      if (!input.startsWith("{")) expect(outcome.ok, name).toBe(false);
      else if (name.startsWith("y_")) expect(outcome.ok, name).toBe(true);
      else if (name.startsWith("n_")) expect(outcome.ok, name).toBe(false);
    }
  });

  test("JSON parsing: the same texts as a field of an event", () => {
    const counts = { taken: 0, refused: 0 };
    for (const { name, input } of readSuite("json_parsing_318.json") as JsonCase[]) {
      const outcome = parse(bytes(`{"v":${input}}`));
      if (name.startsWith("y_")) expect(outcome, name).toMatchObject({ ok: true, value: { v: JSON.parse(input) } });
      if (name.startsWith("n_")) expect(outcome.ok, name).toBe(false);
      if (!outcome.ok) expect(outcome.detail, name).toMatch(/^(not-parseable: is not valid JSON|too-large: )/);
      counts[outcome.ok ? "taken" : "refused"]++;
    }
    expect(counts.taken).toBeGreaterThan(95);
    expect(counts.refused).toBeGreaterThan(180);
  });

  test("JSON transformations: every text is taken as JSON.parse takes it, or refused", () => {
    for (const { name, input } of readSuite("json_transform.json") as JsonCase[]) {
      const outcome = parse(bytes(`{"v":${input}}`));
      expect(outcome, name).toMatchObject({ ok: true, value: { v: JSON.parse(input) } });
    }
  });

  test("MessagePack: every encoding gives its value, or is refused by a stated bound", () => {
    const suite = readSuite("msgpack-test-suite.json") as Record<string, PackCase[]>;
    let taken = 0;
    for (const each of Object.values(suite).flat()) {
      for (const encoding of each.msgpack) {
        const encoded = Buffer.from(encoding.replaceAll("-", ""), "hex");
        const outcome = parse(Buffer.concat([Buffer.from([0x81, 0xa1, 0x76]), encoded]));
        const because = refusedBy(each);
        const label = `${Object.keys(each)[0]} ${encoding}`;
        if (because !== undefined && !outcome.ok) expect(outcome.detail, label).toContain(because);
        else {
          expect(outcome.ok, `${label} ${outcome.detail}`).toBe(true);
          expect(outcome.value, label).toEqual({ v: expectedValue(each) });
          taken++;
        }
      }
    }
    expect(taken).toBeGreaterThan(180);
  });
});

function expectedValue(each: PackCase): unknown {
  for (const name of ["nil", "bool", "number", "string", "array", "map"])
    if (Object.hasOwn(each, name)) return each[name];
  return Number(each["bignum"]);
}

function refusedBy(each: PackCase): string | undefined {
  if (Object.hasOwn(each, "binary")) return "binary values";
  if (Object.hasOwn(each, "ext") || Object.hasOwn(each, "timestamp")) return "extension types";
  return Object.hasOwn(each, "bignum") ? "beyond 2^53" : undefined;
}
