import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createMetrics, type Metrics, metricTable } from "../../engine/observe/metrics.ts";
import { createSeries } from "../../engine/observe/series.ts";
import { withPromtool } from "./promtool.ts";

function filled(): Metrics {
  const metrics = createMetrics({ version: "0.1.0", node: "20.20.2" });
  metrics.events.add(metrics.events.slot("clickstream", "folded"), 41);
  metrics.events.add(metrics.events.slot("clickstream", "folded"), 1);
  metrics.events.add(metrics.events.slot('we"ird\\\nstream', "dead"), 3);
  metrics.profiles.set(metrics.profiles.slot("7"), 12);
  metrics.rulebook.set(metrics.rulebook.slot("ab12", "7"), 1);
  const http = metrics.decisionSeconds.slot("http");
  for (const seconds of [0.0001, 0.00011, 0.025, 0.026, 2]) metrics.decisionSeconds.observe(http, seconds);
  metrics.commitSeconds.observe(metrics.commitSeconds.slot(), 0.001);
  return metrics;
}

describe("metrics", () => {
  it("hands over counters, gauges and histograms as Prometheus text", async () => {
    const { contentType, text } = await filled().scrape(undefined);
    expect(contentType).toContain("text/plain");
    expect(text).toContain('nba_events_total{source="clickstream",result="folded"} 42');
    expect(text).toContain('nba_profiles{partition="7"} 12');
    expect(text).toContain('nba_decision_duration_seconds_bucket{path="http",le="0.0001"} 1');
    expect(text).toContain('nba_decision_duration_seconds_bucket{path="http",le="0.025"} 3');
    expect(text).toContain('nba_decision_duration_seconds_bucket{path="http",le="1"} 4');
    expect(text).toContain('nba_decision_duration_seconds_bucket{path="http",le="+Inf"} 5');
    expect(text).toContain('nba_decision_duration_seconds_count{path="http"} 5');
    expect(text).toContain("nba_commit_duration_seconds_count 1");
    expect(text).toContain('nba_build_info{version="0.1.0",node="20.20.2"} 1');
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  });

  it("escapes quotes, backslashes and newlines of a label", async () => {
    const { text } = await filled().scrape(undefined);
    expect(text).toContain('nba_events_total{source="we\\"ird\\\\\\nstream",result="dead"} 3');
  });

  it("speaks OpenMetrics where it is asked for, and plain text again afterwards", async () => {
    const metrics = filled();
    const open = await metrics.scrape("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    expect(open.contentType).toContain("application/openmetrics-text");
    expect(open.text).toContain("# TYPE nba_events counter");
    expect(open.text).toContain('nba_events_total{source="clickstream",result="folded"} 42');
    expect(open.text.endsWith("# EOF\n")).toBe(true);
    const plain = await metrics.scrape("text/plain");
    expect(plain.text).toContain("# TYPE nba_events_total counter");
    expect(plain.text).toContain('nba_events_total{source="clickstream",result="folded"} 42');
    expect(plain.text).toContain("# TYPE process_cpu_seconds_total counter");
  });

  it("is in README.md as declared", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    expect(readme).toContain(`<!-- metrics -->\n${metricTable(filled().declared)}\n<!-- /metrics -->`);
  });

  it("asks its listeners just before a scrape", async () => {
    const metrics = filled();
    metrics.onScrape(() => metrics.websocketConnections.set(metrics.websocketConnections.slot(), 5));
    expect((await metrics.scrape(undefined)).text).toContain("nba_websocket_connections 5");
  });

  it("passes promtool check metrics (skipped only where there is no promtool)", { timeout: 120_000 }, async (test) => {
    const { text } = await filled().scrape(undefined);
    withPromtool((promtool) => {
      if (promtool === undefined) return test.skip();
      return expect(execFileSync(promtool, ["check", "metrics"], { input: text, stdio: "pipe" }).toString()).toBe("");
    });
  });
});

describe("series", () => {
  const options = { name: "x_total", help: "x", labels: ["a"], seriesMax: 3 };

  it("keeps what was counted while it grows", () => {
    const series = createSeries<[string]>("counter", { ...options, seriesMax: 1_000 });
    const slots = Array.from({ length: 500 }, (_, at) => series.slot(`a${at}`));
    for (const slot of slots) series.add(slot, slot + 1);
    expect(series.reading.read().map((sample) => sample.value)).toEqual(slots.map((slot) => slot + 1));
  });

  it("counts what is beyond its bound under other", () => {
    const series = createSeries<[string]>("counter", options);
    for (const name of ["a", "b", "c", "d", "e", "a"]) series.add(series.slot(name), 1);
    const read = series.reading.read().map((sample) => [sample.labels["a"], sample.value]);
    expect(read).toEqual([
      ["a", 2],
      ["b", 1],
      ["c", 1],
      ["other", 2],
    ]);
  });

  it("starts from nothing after clear", () => {
    const series = createSeries<[string]>("gauge", options);
    series.set(series.slot("old"), 1);
    series.clear();
    series.set(series.slot("new"), 1);
    expect(series.reading.read()).toEqual([{ labels: { a: "new" }, value: 1 }]);
  });
});
