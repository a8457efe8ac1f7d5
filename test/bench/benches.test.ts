import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { assertAgreement, requestFor } from "../../bench/decide.ts";
import { compileRules, deliveredFiles } from "../../bench/load/delivered-rules.ts";
import { makeBatch } from "../../bench/load/events.ts";
import { drawActions, rulebookOf } from "../../bench/load/generated-rules.ts";
import { makeInputs } from "../../bench/load/profiles.ts";
import type { Bench } from "../../engine/cli/bench.ts";
import { decide } from "../../engine/decide/decide.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { decodeEventBytes } from "../../engine/ingest/decode-event.ts";
import { isRefused } from "../../engine/ingest/refused.ts";

const files = readdirSync(new URL("../../bench", import.meta.url)).filter((file) => file.endsWith(".ts"));

describe("the benchmarks", () => {
  it.each(files)("%s is called as its file is", async (file) => {
    const { bench } = (await import(`../../bench/${file}`)) as { readonly bench: Bench };
    expect(bench.name).toBe(basename(file, ".ts"));
    expect(bench.about.length).toBeGreaterThan(20);
  });

  it("compare decide with a function that picks the same action", async () => {
    const actions = drawActions(60, 5);
    const rules = compileRules(rulebookOf(actions, await deliveredFiles()));
    const now = Date.UTC(2026, 0, 1) as Instant;
    const request = requestFor(rules.rulebook);
    const inputs = makeInputs(rules, { count: 200, seed: 5, contacts: 20, now, request });
    expect(() => assertAgreement(rules, actions, inputs)).not.toThrow();
    const acts = inputs.filter((input) => decide(rules.decider, input, []).kind === "act").length;
    expect(acts).toBeGreaterThan(100);
    const [first, ...rest] = actions;
    const other = [{ ...(first as (typeof actions)[number]), least: 0, ageMin: 0, tenureMin: 0, base: 1e6 }, ...rest];
    expect(() => assertAgreement(rules, other, inputs)).toThrow(/decide says/);
  });

  it("send events that the engine takes, 120 to 200 bytes on average, with the triggers that they promise", async () => {
    const { events, triggering, bytesMean } = makeBatch("test", 2_000, 100, 1);
    const { rulebook } = compileRules(await deliveredFiles());
    const decoded = events.map(({ json, stream }) => decodeEventBytes(Buffer.from(json), stream));
    expect(decoded.filter(isRefused)).toEqual([]);
    expect(bytesMean).toBeGreaterThan(120);
    expect(bytesMean).toBeLessThan(200);
    const asking = (decoded as CustomerEvent[]).flatMap(({ type }) => rulebook.triggersByType.get(type) ?? []);
    expect(asking.filter(({ when }) => when !== undefined)).toEqual([]);
    expect(asking.length).toBe(triggering);
    expect(triggering / events.length).toBeCloseTo(0.05, 1);
  });
});
