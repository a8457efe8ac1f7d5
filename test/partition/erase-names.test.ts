// Whoever is erased is found however an encoder spelled the id, and whatever is left of the bytes.
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import type { CustomerKey } from "../../engine/domain/ids.ts";
import { mayName, names } from "../../engine/partition/erase-names.ts";
import { seeded } from "../kills/seeded.ts";

const IDS = [
  "anna",
  "zo\u00eb",
  "DOMAIN\\zoe",
  'the "q" person',
  "\\",
  '"',
  'back\\"slash',
  "\u{1f600}-smile",
  "a/b",
  "tab\tnew\nline",
  "\\u00eb",
  "x".repeat(40),
  "\u00fc".repeat(200),
];
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const key = (id: string) => [id as CustomerKey];
const isIn = (payload: string | Uint8Array, id: string): boolean => names(Buffer.from(payload as string), key(id));

const hex = (unit: number): string => `\\u${unit.toString(16).padStart(4, "0")}`;
const units = (id: string): readonly number[] => Array.from({ length: id.length }, (_, at) => id.charCodeAt(at));
const SPELLINGS: Readonly<Record<string, (id: string) => string>> = {
  JavaScript: (id) => JSON.stringify(id),
  "Python's json.dumps": (id) => JSON.stringify(id).replace(/[\u0080-\uffff]/g, (c) => hex(c.charCodeAt(0))),
  "capital hex": (id) =>
    `"${units(id)
      .map((unit) => `\\u${hex(unit).slice(2).toUpperCase()}`)
      .join("")}"`,
  "PHP's json_encode": (id) => JSON.stringify(id).replaceAll("/", "\\/"),
  "an answer that is kept": (id) => JSON.stringify({ body: JSON.stringify({ customer: id, rank: 1 }) }),
};
const packr = new Packr({ useRecords: false });

function header(id: string, kind: "fix" | 8 | 16 | 32): Buffer {
  const bytes = Buffer.from(id);
  if (kind === "fix") return Buffer.concat([Buffer.from([0xa0 | bytes.length]), bytes]);
  const tag = { 8: 0xd9, 16: 0xda, 32: 0xdb }[kind];
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([Buffer.from([tag]), length.subarray(4 - kind / 8), bytes]);
}

describe("ERA-9 whoever is erased is found in what cannot be read", () => {
  it.each(Object.keys(SPELLINGS))("ERA-9 as %s spells it", (name) => {
    const spelled = SPELLINGS[name] as (id: string) => string;
    for (const id of IDS) {
      for (const payload of [
        spelled(id),
        `{"id":1,"customer":${spelled(id)},"props":{}`,
        `{"a":"odd quote,"b":${spelled(id)}}`,
      ])
        expect(isIn(payload, id), payload).toBe(true);
      expect(isIn(`{"customer":${spelled(`${id}0`)}}`, id)).toBe(false);
      expect(isIn(`{"customer":${spelled(`0${id}`)}}`, id)).toBe(false);
    }
  });

  it("ERA-9 where it was cut off behind or within the id, down to half of it", () => {
    for (const id of IDS) {
      for (const spelled of Object.values(SPELLINGS).slice(0, 4)) {
        const whole = Buffer.from(`{"id":"e-1","customer":${spelled(id).slice(0, -1)}`);
        const [begin] = `{"id":"e-1","customer":"`.match(/.*/) as RegExpMatchArray;
        for (let end = whole.length; end >= begin.length + (whole.length - begin.length) * 0.9; end--)
          expect(isIn(whole.subarray(0, end), id), whole.subarray(0, end).toString()).toBe(true);
      }
    }
    expect(isIn('{"customer":"customer-0000', "customer-000017")).toBe(true);
    expect(isIn('{"customer":"cust', "customer-000017")).toBe(false);
    expect(isIn('{"customer":"customer-0000","ts":1', "customer-000017")).toBe(false);
  });

  it("ERA-9 in MessagePack, whatever length was written, and cut off", () => {
    for (const id of IDS) {
      const length = Buffer.byteLength(id);
      const kinds = ["fix", 8, 16, 32] as const;
      for (const kind of kinds.filter((one) => length < (one === "fix" ? 32 : 2 ** one))) {
        const whole = Buffer.concat([
          Buffer.from([0x82, 0xa1, 0x61]),
          header(id, kind),
          Buffer.from([0xa1, 0x62, 0x07]),
        ]);
        expect(isIn(whole, id)).toBe(true);
        expect(isIn(whole.subarray(0, whole.length - 3), id)).toBe(true);
        if (length > 3) expect(isIn(whole.subarray(0, whole.length - 4), id)).toBe(true);
      }
      expect(isIn(packr.pack({ customer: id, ts: 1 }), id)).toBe(true);
      if (length > 4) expect(isIn(packr.pack({ customer: `${id}0`, ts: 1 }), id)).toBe(false);
    }
  });

  it("ERA-9 as a device is called by its producer, and in an older encoding", () => {
    expect(isIn('{"anonymousId":"dev\\u00efce"', "anon:dev\u00efce")).toBe(true);
    expect(isIn(Buffer.from('{"customer":"zo\u00eb","type"', "latin1"), "zo\u00eb")).toBe(true);
  });

  it("ERA-9 without quotes only where nobody can read it", () => {
    for (const payload of [
      "anna,purchase,5",
      "{'customer': 'anna'}",
      '{\\"customer\\":\\"anna\\"}',
      "customer=anna&ts=1",
    ])
      expect(mayName(Buffer.from(payload), key("anna")), payload).toBe(true);
    expect(mayName(Buffer.from('{"customer":17'), key("17"))).toBe(true);
    expect(names(Buffer.from('{"rank":17}'), key("17"))).toBe(false);
    expect(mayName(Buffer.from("annabel,purchase,5"), key("anna"))).toBe(false);
  });

  it(`ERA-9 and reads any bytes to their end (NBA_SEED=${SEED})`, () => {
    const random = seeded(SEED);
    const pieces = ['"', "\\", "\\u", "00", "anna", "{", "\u00eb", "\ud83d", "\\\\", "zo"];
    for (let round = 0; round < 2_000; round++) {
      const text = Array.from({ length: random() * 30 }, () => pieces[Math.floor(random() * pieces.length)]).join("");
      const bytes = Buffer.from(text);
      const noise = bytes.subarray(0, Math.floor(random() * (bytes.length + 1)));
      names(noise, IDS as CustomerKey[]);
      expect(names(Buffer.concat([noise, Buffer.from('""anna""')]), key("anna")) || /\\$/.test(noise.toString())).toBe(
        true,
      );
    }
    // Costs what its length says: nobody stops an engine with what it keeps.
    const hostile = [`${"\\".repeat(16_384)}`, '"'.repeat(16_384), '\\"'.repeat(8_192), '\\\\\\"'.repeat(4_096)];
    for (const text of hostile) expect(mayName(Buffer.from(text), key("anna"))).toBe(false);
  });
});
