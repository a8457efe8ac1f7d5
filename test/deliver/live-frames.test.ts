import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { customerFrames, formatCursor, isAfter, keysOf, parseCursor } from "../../engine/deliver/live-frames.ts";
import type { CommitSeq } from "../../engine/domain/ids.ts";
import { customerKey, trackingCode } from "../../engine/domain/ids.ts";
import { unpackStrictly } from "../../engine/ingest/messagepack.ts";
import { commit, decisionId } from "./records.ts";

const ana = customerKey("ana");
const withdrawal = { key: ana, trackingCode: trackingCode(decisionId(1), 0), because: "taken" };
const busy = commit(
  45,
  [
    { customer: "ana", channel: "desk", items: 2 },
    { customer: "bea", channel: "desk" },
    { customer: "ana", channel: "desk", kept: true },
  ],
  [withdrawal, { ...withdrawal, key: customerKey("bea") }],
);

describe("frames of one commit for one customer", () => {
  const frames = customerFrames(busy, ana);
  const texts = frames.map((frame) => JSON.parse(String(frame.encode("nba.v1.json"))));

  it("withdraws first, then shows what is new, and leaves out what is kept and what is another's", () => {
    expect(texts.map(({ op, cursor }) => [op, cursor])).toEqual([
      ["withdraw", "45.0"],
      ["nba", "45.1"],
      ["nba", "45"],
    ]);
    expect(texts[0]).toMatchObject({ topic: "customer/ana", trackingCode: withdrawal.trackingCode, because: "taken" });
    expect(texts[1].decision).toMatchObject({ title: "Title 0", script: "Say", rank: 1, propensity: 0.25, value: 8 });
    expect([...keysOf(busy)].sort()).toEqual(["ana", "bea"]);
  });

  it("says the same in MessagePack", () => {
    for (const frame of frames) {
      const unpacked = unpackStrictly(frame.encode("nba.v1.msgpack") as Buffer);
      expect(unpacked).toEqual({ kind: "unpacked", value: JSON.parse(String(frame.encode("nba.v1.json"))) });
    }
  });

  it("is encoded once for each format", () => {
    expect(frames[0]?.encode("nba.v1.msgpack")).toBe(frames[0]?.encode("nba.v1.msgpack"));
  });

  it("from the cursor of any frame, exactly the frames behind it are missed", () => {
    texts.forEach((text, index) => {
      const cursor = parseCursor(text.cursor);
      if (cursor === undefined) throw new Error(`"${text.cursor}" is no cursor`);
      expect(frames.filter((frame) => isAfter(frame, cursor))).toEqual(frames.slice(index + 1));
    });
  });
});

describe("cursors", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(fc.nat(), fc.option(fc.nat({ max: 999 }), { nil: undefined }), (seq, ordinal) => {
        expect(parseCursor(formatCursor(seq as CommitSeq, ordinal))).toEqual({ seq, ordinal });
      }),
    );
  });

  it.each(["", "x", "-1", "1.", ".1", "1.2.3", "1e3", "9".repeat(16)])("%j is none", (text) => {
    expect(parseCursor(text)).toBeUndefined();
  });
});
