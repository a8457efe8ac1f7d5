import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ASKED } from "../../bench/load/asked.ts";
import { tableOf } from "../../bench/load/table.ts";
import type { BenchRow } from "../../engine/cli/bench.ts";

const linesOf = (bench: string, rows: readonly BenchRow[], quick = false): readonly string[] =>
  tableOf(new Map([[bench, { quick, rows }]]))
    .split("\n")
    .filter((line) => line.startsWith(`| \`${bench}\``));

describe("the table of what was asked", () => {
  it("asks benchmarks that there are, and has a row for each that was asked", () => {
    const files = readdirSync(new URL("../../bench", import.meta.url));
    for (const { bench } of ASKED) expect(files).toContain(`${bench}.ts`);
    expect(tableOf(new Map()).split("\n")).toHaveLength(ASKED.length + 2);
  });

  it("tells a ratio that reaches its aim from one that reaches no bar", () => {
    const row = (measured: string, ratio: number): BenchRow => ({
      measured,
      unit: "events/s",
      median: 5_000,
      "of its peer": ratio,
    });
    const lines = linesOf("stream-throughput", [
      row("engine, of a raw drain", 0.1),
      row("engine, of the baseline", 20),
    ]);
    expect(lines[0]).toContain("| 5,000 events/s | 0.1 | >= 0.25 | >= 0.45 | **no** |");
    expect(lines[1]).toContain("| 5,000 events/s | 20 | >= 5 | >= 15 | aim |");
  });

  it("divides one row by another where they are no peers of each other, and turns round what should be lower", () => {
    const rows: readonly BenchRow[] = [
      { measured: "decision at 500/s, appendfsync always", unit: "ms", p50: 2, p99: 4 },
      { measured: "baseline at 500/s, appendfsync always", unit: "ms", p50: 9, p99: 24 },
    ];
    const lines = linesOf("http-decisions", rows);
    expect(lines[1]).toContain("| 4 ms | 6 | >= 5 |  | yes |");
    expect(lines[2]).toContain("| 4 ms |  |  | <= 3 | not the aim |");
    expect(linesOf("event-to-websocket", [{ measured: "event to NBA frame, 9/s", unit: "ms", p50: 9 }])[0]).toContain(
      "not measured",
    );
  });

  it("does not quote a quick run", () => {
    const rows = [{ measured: "compile of 2,500 actions", unit: "ms", median: 200 }];
    expect(linesOf("rulebook", rows)[0]).toContain("| 200 ms |  | <= 1,000 | <= 300 | aim |");
    expect(linesOf("rulebook", rows, true)[0]).toContain("| not measured |");
  });
});
