// What commits are written with, beside the library that reads them.
import fc from "fast-check";
import { Packr, Unpackr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { MessageWriter } from "../../engine/journal/message-writer.ts";

const SEED = Number(process.env["SEED"] ?? 11);
const RUNS = Number(process.env["RUNS"] ?? 300);

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: false });
const unpackr = new Unpackr({ useRecords: false });

/** Letters of one to four bytes, and halves of pairs. */
const letter = fc.oneof(
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
  fc.constantFrom("é", "€", "😀", "\u0000", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud800", "\udfff"),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
  fc.array(letter, { maxLength: 140 }).map((letters) => letters.join("")),
);
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(0, -0, 127, 128, 255, 256, 65_535, 65_536, 0xffffffff, 0x100000000, -1, -32, -33, -0x80000000),
);
const leaf = fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.constant(undefined));
const value = fc.letrec<{ readonly any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("any"), { maxLength: 20 }),
    fc.dictionary(text, tie("any"), { maxKeys: 20 }).map((drawn) => Object.fromEntries(Object.entries(drawn))),
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  ),
})).any;

function written(writer: MessageWriter, one: unknown): Buffer {
  writer.open();
  writer.value(one);
  return writer.close();
}

describe(`the writer of commits (SEED=${SEED})`, () => {
  const writer = new MessageWriter();

  test("what it writes is read as what msgpackr writes", () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(unpackr.unpack(written(writer, one))).toStrictEqual(unpackr.unpack(packr.pack(one)));
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  test("messages do not disturb one another, however long", () => {
    const all = [1, 5_000, 20_000, 300_000, 7, 600_000, 3].map((length, index) =>
      Array.from({ length }, (_, at) => (at + index) % 120),
    );
    const messages = all.map((one) => written(writer, one));
    expect(messages.map((message) => String(unpackr.unpack(message)))).toEqual(all.map(String));
  });

  test("a message that is not ended is forgotten", () => {
    writer.open();
    expect(() => writer.value(["begun", new Map()])).toThrow(new TypeError("a commit cannot hold [object Map]"));
    expect(unpackr.unpack(written(writer, "whole"))).toBe("whole");
  });

  test("a blob holds what is written into it, also where the buffer grows meanwhile", () => {
    const numbers = Float64Array.from({ length: 60_000 }, (_, index) => index / 7);
    writer.open();
    writer.array(2);
    const head = writer.beginBlob();
    for (const one of numbers) writer.f64(one);
    writer.endBlob(head);
    writer.doubles(numbers);
    const bytes = Buffer.from(numbers.buffer);
    const [blob, doubles] = unpackr.unpack(writer.close()) as [Buffer, Buffer];
    expect([bytes.equals(blob), bytes.equals(doubles)]).toEqual([true, true]);
  });
});
