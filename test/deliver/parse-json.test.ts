import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../engine/deliver/parse-json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("JSON from outside", () => {
  it("gives what JSON.parse gives", () => {
    const plain = fc
      .jsonValue({ maxDepth: 4 })
      .filter((value) => !/__proto__|constructor|prototype/.test(JSON.stringify(value)));
    fc.assert(
      fc.property(plain, (value) => {
        const text = JSON.stringify(value);
        expect(parseJson(bytes(text))).toEqual({ kind: "parsed", value: JSON.parse(text) });
      }),
    );
  });

  it("never throws and leaves Object.prototype alone, whatever the bytes", () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const runs = process.env["NBA_LONG"] === "1" ? 20_000 : 500;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (raw) => ["parsed", "malformed"].includes(parseJson(raw).kind)),
      { numRuns: runs },
    );
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
  });

  it.each([
    ['{"__proto__":{"admin":true}}', '"__proto__"'],
    ['{"\\u005f_proto__":1}', '"__proto__"'],
    ['[{"a":{"constructor":1}}]', '"constructor"'],
    ['{"prototype":1}', '"prototype"'],
  ])("refuses the key of %s", (text, key) => {
    expect(parseJson(bytes(text))).toEqual({ kind: "malformed", why: `the key ${key} is refused` });
  });

  it("takes the refused names as values", () => {
    expect(parseJson(bytes('{"a":"__proto__"}'))).toEqual({ kind: "parsed", value: { a: "__proto__" } });
  });

  it("refuses nesting deeper than 32, without recursion", () => {
    expect(parseJson(bytes("[".repeat(32) + "]".repeat(32))).kind).toBe("parsed");
    expect(parseJson(bytes("[".repeat(33) + "]".repeat(33))).kind).toBe("malformed");
    expect(parseJson(bytes("[".repeat(900_000)))).toMatchObject({ why: "the body is nested deeper than 32 levels" });
    expect(parseJson(bytes(`["${"[".repeat(100)}"]`)).kind).toBe("parsed");
  });

  it("refuses objects of more than 1024 keys, of whatever depth, and counts each by itself", () => {
    const object = (count: number) => `{${Array.from({ length: count }, (_, n) => `"k${n}":{"a:b":[{}]}`).join()}}`;
    expect(parseJson(bytes(object(1_024))).kind).toBe("parsed");
    const why = "the body has an object of more than 1024 keys";
    expect(parseJson(bytes(object(1_025)))).toEqual({ kind: "malformed", why });
    expect(parseJson(bytes(`[[${object(1_025)}]]`))).toEqual({ kind: "malformed", why });
    expect(parseJson(bytes(`[${object(1_000)},${object(1_000)}]`)).kind).toBe("parsed");
  });

  it("says where, and quotes nothing of the body", () => {
    const parsed = parseJson(bytes('{"name":"Ada Lovelace", oops}'));
    expect(parsed.kind === "malformed" && parsed.why).toMatch(/^not JSON at character \d+$/);
    expect(parseJson(bytes(""))).toMatchObject({ why: "the body is empty; send a JSON value" });
    expect(parseJson(new Uint8Array([0x22, 0xff, 0x22]))).toMatchObject({ why: "the body is not valid UTF-8" });
  });
});
