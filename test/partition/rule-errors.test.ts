// A rule that fails on a profile takes its own action away, never the decision, and is counted.
import { expect, it } from "vitest";
import { startTestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { askFor, decided, editableRules } from "./harness.ts";

it("ELG-2 a rule that reads a missing attribute drops its action, and the metric of rule errors says where", async () => {
  const redis = await startTestRedis();
  const { dir, edit } = await editableRules();
  await edit("actions/growth.yaml", (text) =>
    text.replace("value: 10\n", "value: 10\n        suitability: [{ id: gold, rule: attributes.tier == 'gold' }]\n"),
  );
  const running = await startLoop(redis.url, { rulesDir: dir });
  const counted = async () => {
    const { text } = await running.metrics.scrape(undefined);
    return text.match(/^nba_rule_errors_total\{.*$/gm) ?? [];
  };
  expect(await counted()).toEqual([]);
  const record = decided(await running.loop.engine.ask(askFor("ana")));
  expect(record.slates[0]?.items.map(({ action }) => action)).toEqual(["save-b"]);
  expect(await counted()).toEqual(['nba_rule_errors_total{stage="suitability"} 1']);
  await running.stop();
  await redis.stop();
});
