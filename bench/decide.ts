// What one decision costs: every candidate tested, ranked and given a reason, beside the same conditions by hand.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { decide } from "../engine/decide/decide.ts";
import type { DecisionInput, DecisionRequest } from "../engine/domain/decision.ts";
import type { PlacementIndex } from "../engine/domain/ids.ts";
import type { Instant } from "../engine/domain/time.ts";
import type { Rulebook } from "../engine/rulebook/rulebook.ts";
import { compileRules, deliveredFiles, type Rules } from "./load/delivered-rules.ts";
import { type DrawnAction, drawActions, rulebookOf } from "./load/generated-rules.ts";
import { makeInputs } from "./load/profiles.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";
import { type ByHand, createByHand, REASONS, type Shown } from "./peers/decide-by-hand.ts";

export const bench: Bench = {
  name: "decide",
  about:
    "one decision (qualify and choose, a reason for every candidate), 2 placements, 65,536 profiles in turn, beside the same conditions by hand",
  run,
};

const PROFILES = 65_536;
const TURN_MS = 700;
const AGREED = 100;
/** Calls between two looks at the clock. */
const STRIDE = 16;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const delivered = await deliveredFiles();
  const rows: BenchRow[] = [];
  for (const count of [100, 2_500]) {
    const actions = drawActions(count, count);
    const rules = compileRules(rulebookOf(actions, delivered));
    const now = Date.now() as Instant;
    const request = requestFor(rules.rulebook);
    const inputs = makeInputs(rules, {
      count: options.quick ? 4_096 : PROFILES,
      seed: count,
      contacts: 20,
      now,
      request,
    });
    assertAgreement(rules, actions, inputs);
    const byHand = createByHand(actions, rules.rulebook);
    const turnMs = options.quick ? 100 : TURN_MS;
    const cursor = { at: 0 };
    microseconds(turnMs, inputs, cursor, (input) => decide(rules.decider, input, []).slates.length); // warm
    const us = await alternate(roundsOf(options), {
      engine: () => microseconds(turnMs, inputs, cursor, (input) => decide(rules.decider, input, []).slates.length),
      hand: () => microseconds(turnMs, inputs, cursor, (input) => byHand(input).home.length),
    });
    const words = `${count} actions, ${rules.rulebook.treatments.length} treatments`;
    rows.push(
      rowOf(`decide, ${words}`, "us of CPU", us.engine, us.hand),
      rowOf(`by hand, ${words}`, "us of CPU", us.hand),
    );
    options.say(`${words}: done`);
  }
  return rows;
}

/** Both placements, no channel named: every treatment is a candidate. */
export function requestFor(rulebook: Rulebook): DecisionRequest {
  const placement = (name: string): PlacementIndex => {
    const found = rulebook.placements.find((known) => known.name === name);
    if (found === undefined) throw new Error(`the rules have no placement "${name}"`);
    return found.index;
  };
  const placements = [
    { placement: placement("app-home"), limit: 2 },
    { placement: placement("web-hero"), limit: 1 },
  ];
  return { direction: "inbound", placements, context: {}, locale: "en" };
}

/** A comparison of two that do not do the same would say nothing: same winners, same texts, same reason for each loser. */
export function assertAgreement(rules: Rules, actions: readonly DrawnAction[], inputs: readonly DecisionInput[]): void {
  const byHand = createByHand(actions, rules.rulebook);
  for (const input of inputs.slice(0, AGREED)) {
    const [engine, hand] = [toldByEngine(rules, input), toldByHand(byHand(input))];
    const differs = engine.findIndex((line, index) => line !== hand[index]);
    if (differs < 0 && engine.length === hand.length) continue;
    throw new Error(`${input.profile.key}: decide says "${engine[differs]}", the function by hand "${hand[differs]}"`);
  }
}

function toldByEngine({ decider, rulebook }: Rules, input: DecisionInput): string[] {
  const { slates, dropped } = decide(decider, input, []);
  const shown = slates.map(({ items }) =>
    items
      .map(
        ({ action, factors, content, reasons }) =>
          `${action} ${factors.priority.toPrecision(12)} ${content["title"]} ${reasons.join(", ")}`,
      )
      .join("; "),
  );
  const reasons = new Map<number, string>();
  for (const drop of dropped) {
    const word = "rule" in drop ? `${drop.stage}:${rulebook.rules[drop.rule]?.id.split("/").at(-1)}` : drop.stage;
    if ("treatment" in drop) reasons.set(drop.treatment, word);
    else for (const treatment of rulebook.actions[drop.action]?.treatments ?? []) reasons.set(treatment, word);
  }
  return [...shown, ...rulebook.treatments.map(({ index }) => reasons.get(index) ?? "")];
}

function toldByHand({ home, hero, app, web }: ByHand): string[] {
  const told = (shown: readonly Shown[]): string =>
    shown
      .map(
        ({ action, priority, title, reasons }) =>
          `${action} ${priority.toPrecision(12)} ${title} ${reasons.join(", ")}`,
      )
      .join("; ");
  const reasons = Array.from(app, (code, action) => [
    REASONS[code] as string,
    REASONS[web[action] as number] as string,
  ]);
  return [told(home), told(hero), ...reasons.flat()];
}

/**
 * CPU time of one call, over as many as fit into `turnMs` of it; goes on where the last turn ended. Of the process: garbage
 * collection on other threads is charged, too, and what else runs on the machine is not.
 */
export function microseconds(
  turnMs: number,
  inputs: readonly DecisionInput[],
  cursor: { at: number },
  call: (input: DecisionInput) => number,
): number {
  let calls = 0;
  let sum = 0;
  let tookUs = 0;
  const before = process.cpuUsage();
  while (tookUs < turnMs * 1_000) {
    for (let n = 0; n < STRIDE; n++) {
      sum += call(inputs[cursor.at] as DecisionInput);
      cursor.at = (cursor.at + 1) % inputs.length;
    }
    calls += STRIDE;
    const { user, system } = process.cpuUsage(before);
    tookUs = user + system;
  }
  if (Number.isNaN(sum)) throw new Error("no call returned a number");
  return tookUs / calls;
}
