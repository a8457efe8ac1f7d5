import { describe, expect, it } from "vitest";
import { createCallersNotice } from "../../engine/deliver/callers-notice.ts";

const LEFT = 100_000;

describe("ANY-11 an engine that leaves waits", () => {
  it.each([
    ["for a balancer that asks every second", [97_300, 98_300, 99_300], true],
    ["for one that asks every ten seconds", [75_000, 85_000, 95_000], true],
    ["for two at odds", [94_000, 94_100, 99_000, 99_100], true],
    ["not for one who has gone", [80_000, 81_000, 82_000], false],
    ["not for whoever looked quickly until it was ready", [95_000, 95_050, 95_100, 95_150], false],
    ["not for one who has looked once", [99_990], false],
    ["for nobody", [], false],
  ])("%s", (_, probes, isWatched) => {
    const notice = createCallersNotice(false);
    for (const atMs of probes) notice.onAnswer("ready", 200, atMs);
    notice.onAnswer("decide", 200, LEFT - 1);
    expect(notice.isWatched(LEFT)).toBe(isWatched);
  });

  it("where other machines reach it, for whoever has asked for something lately, and not for who only scrapes", () => {
    const notice = createCallersNotice(true);
    notice.onAnswer("metrics", 200, LEFT - 10);
    expect(notice.isWatched(LEFT)).toBe(false);
    notice.onAnswer("decide", 200, LEFT - 2_000);
    expect(notice.isWatched(LEFT)).toBe(true);
    expect(notice.isWatched(LEFT + 2_000)).toBe(false);
  });

  it("until it was told and nobody asks for anything else any more", () => {
    const notice = createCallersNotice(false);
    notice.onAnswer("ready", 503, LEFT - 1);
    expect(notice.isNoticed(LEFT, LEFT + 2_000)).toBe(false);
    notice.onAnswer("ready", 503, LEFT + 300);
    notice.onAnswer("decide", 200, LEFT + 600);
    expect(notice.isNoticed(LEFT, LEFT + 1_000)).toBe(false);
    expect(notice.isNoticed(LEFT, LEFT + 1_100)).toBe(true);
  });
});
