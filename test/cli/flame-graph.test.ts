import { describe, expect, test } from "vitest";
import { type CpuProfile, flameGraph, framesOf, hottest } from "../../engine/cli/flame-graph.ts";

const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 });

/** (root) > fold > decode, fold > fold (recursion), (idle); decode is sampled twice, in two nodes. */
const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 6] },
    { id: 2, callFrame: frame("fold", "file:///x/dist/engine/fold.js"), children: [3, 4, 5] },
    { id: 3, callFrame: frame("decode<T>"), children: [] },
    { id: 4, callFrame: frame("decode<T>") },
    { id: 5, callFrame: frame("fold", "file:///x/dist/engine/fold.js") },
    { id: 6, callFrame: frame("(idle)") },
  ],
  samples: [2, 3, 4, 5, 6],
  timeDeltas: [100, 30, 20, 50, 1_000],
};

describe("a flame graph", () => {
  const root = framesOf(PROFILE);

  test("puts the same function under the same callers together, and leaves out waiting", () => {
    expect(root.total).toBe(200);
    const fold = root.called.get("fold engine/fold.js:10");
    expect(fold).toMatchObject({ self: 100, total: 200 });
    expect(fold?.called.get("decode<T>")).toMatchObject({ self: 50, total: 50 });
  });

  test("a function that calls itself is counted once", () => {
    expect(hottest(root, 9)).toEqual([
      { name: "fold engine/fold.js:10", self: 0.75, total: 1 },
      { name: "decode<T>", self: 0.25, total: 0.25 },
    ]);
    expect(hottest(root, 1)).toHaveLength(1);
  });

  test("is one SVG with a box for each, names escaped", () => {
    const svg = flameGraph(root, "a & b");
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    expect(svg).toContain("a &amp; b");
    expect(svg.match(/<rect /g)).toHaveLength(4);
    expect(svg).toContain("decode&lt;T&gt;: 25.0 %, itself 25.0 %");
  });
});
