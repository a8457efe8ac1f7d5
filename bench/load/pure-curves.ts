// Growth of what needs no Redis: folds by customers and by features, decisions by actions.
import type { BenchOptions } from "../../engine/cli/bench.ts";
import { decide } from "../../engine/decide/decide.ts";
import type { DecisionRequest } from "../../engine/domain/decision.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import type { PlacementIndex } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { decodeEventBytes } from "../../engine/ingest/decode-event.ts";
import { createProfileStore } from "../../engine/profile/store.ts";
import type { Held } from "../peers/hold-profiles.ts";
import { bankFiles, drawOffers } from "./bank-rules.ts";
import { startChild } from "./child.ts";
import { cpuMicroseconds, cpuOf } from "./cpu-time.ts";
import type { Curve, Point } from "./curve.ts";
import { compileRules, deliveredFiles } from "./delivered-rules.ts";
import { makeBatch } from "./events.ts";
import { makeInputs } from "./profiles.ts";
import { curveRounds, figureOf, roundsOf } from "./rounds.ts";
import { openStepping, placed } from "./stepping.ts";

const NOW = Date.UTC(2026, 5, 1) as Instant;

/** Folds, and decisions on what was folded, its reading included: by customers in memory. */
export async function byCustomers(options: BenchOptions): Promise<readonly Curve[]> {
  const sizes = options.quick ? [1_000, 5_000] : [10_000, 50_000, 200_000, 1_000_000, 2_000_000];
  const [folds, decisions]: [Point[], Point[]] = [[], []];
  for (const customers of sizes) {
    const held: Held[] = [];
    for (let round = 0; round < curveRounds(options); round++) {
      const child = await startChild<Held>("hold-profiles", ["packed", String(customers), "2"], ["--expose-gc"]);
      await child.stop();
      held.push(child.said);
    }
    folds.push({ x: customers, ...figureOf(held.map(({ foldNs }) => foldNs / 1_000)) });
    decisions.push({ x: customers, ...figureOf(held.map(({ decideNs }) => decideNs / 1_000)) });
    options.say(`by customers: ${customers}`);
  }
  const [along, unit] = ["customers in memory", "us of CPU"];
  return [
    { name: "event-by-customers", title: "Fold of one event", along, unit, points: folds },
    { name: "decision-by-customers", title: "One decision, profile read", along, unit, points: decisions },
  ];
}

export async function foldByFeatures(options: BenchOptions): Promise<Curve> {
  const delivered = await deliveredFiles();
  const points = [10, 20, 40, 70, 100].map((count): Point => {
    const files = { ...bankFiles([], delivered), "features.yaml": featuresYaml(count), "actions/one.yaml": ONE_ACTION };
    const { layout } = compileRules(files);
    const store = createProfileStore({ layout });
    const events = makeBatch("curve", 8_192, 2_000, 7).events.map(
      ({ json }) => decodeEventBytes(Buffer.from(json), "clickstream") as CustomerEvent,
    );
    for (const { key } of events) if (!store.has(key)) store.load(key, undefined);
    let at = 0;
    const fold = (): number => {
      const event = events[at++ % events.length] as CustomerEvent;
      store.fold(event.key, event, event.ts);
      return at;
    };
    return { x: count, ...measured(fold, options) };
  });
  return {
    name: "event-by-features",
    title: "Fold of one event",
    along: "windowed features",
    unit: "us of CPU",
    points,
  };
}

/** Through the steps of the loop, 5 % of the events decided; without Redis and models. */
export async function eventsByActions(options: BenchOptions): Promise<Curve> {
  const delivered = await deliveredFiles();
  const [customers, count] = options.quick ? [1_000, 2_000] : [65_536, 40_000];
  const startsAt = Date.now() as Instant;
  const points: Point[] = [];
  for (const actions of [10, 100, 300, 1_000, 2_500]) {
    const stepping = await openStepping(compileRules(bankFiles(drawOffers(actions, 1), delivered)), { startsAt });
    const turn = (name: string, seed: number): Promise<number> => {
      const entries = placed(makeBatch(name, count, customers, seed).events, startsAt);
      return cpuOf(count, async () => void (await stepping.take(entries)));
    };
    await turn("warm", 1_000);
    const us: number[] = [];
    for (let round = 0; round < curveRounds(options); round++) us.push(await turn(`a${round}`, round));
    points.push({ x: actions, ...figureOf(us) });
    options.say(`event-by-actions: ${actions}`);
  }
  const title = "One event, 5 % decided";
  return { name: "event-by-actions", title, along: "actions", unit: "us of CPU", points };
}

/** One action, whose features are all read. */
export async function decideByFeatures(options: BenchOptions): Promise<Curve> {
  const delivered = await deliveredFiles();
  const points = [10, 20, 40, 70, 100].map((count): Point => {
    const files = { ...bankFiles([], delivered), "features.yaml": featuresYaml(count), "actions/one.yaml": ONE_ACTION };
    const rules = compileRules(files);
    const placement = rules.rulebook.placements.findIndex(({ name }) => name === "outreach") as PlacementIndex;
    const request: DecisionRequest = {
      direction: "outbound",
      placements: [{ placement, limit: 1 }],
      context: {},
      locale: "en",
    };
    const inputs = makeInputs(rules, { count: options.quick ? 256 : 65_536, seed: 3, contacts: 5, now: NOW, request });
    const store = createProfileStore({ layout: rules.layout });
    for (const { json } of makeBatch("past", options.quick ? 1_000 : 200_000, inputs.length, 7).events) {
      const event = decodeEventBytes(Buffer.from(json), "clickstream") as CustomerEvent;
      if (!store.has(event.key)) store.load(event.key, undefined);
      store.fold(event.key, event, event.ts);
    }
    const keys = store.oldest(inputs.length);
    let at = 0;
    const one = (): number => {
      const input = inputs[at % inputs.length] as (typeof inputs)[number];
      const features = new Float64Array(count);
      store.features(keys[at++ % keys.length] as (typeof keys)[number], NOW, features);
      return decide(rules.decider, { ...input, profile: { ...input.profile, features } }, []).slates.length;
    };
    return { x: count, ...measured(one, options) };
  });
  const title = "One decision, features read";
  return { name: "decision-by-features", title, along: "windowed features", unit: "us of CPU", points };
}

export async function decideByActions(options: BenchOptions): Promise<Curve> {
  const delivered = await deliveredFiles();
  const points = [10, 30, 100, 300, 1_000, 2_500].map((count): Point => {
    const rules = compileRules(bankFiles(drawOffers(count, 1), delivered));
    const placement = rules.rulebook.placements.findIndex(({ name }) => name === "outreach") as PlacementIndex;
    const placements = [{ placement, limit: 1 }];
    const request: DecisionRequest = { direction: "outbound", placements, context: {}, locale: "en" };
    const inputs = makeInputs(rules, { count: options.quick ? 256 : 65_536, seed: 3, contacts: 5, now: NOW, request });
    const scores = rules.rulebook.models.map(({ index }) => ({ model: index, value: 0.4, fallback: false }));
    let at = 0;
    const one = (): number =>
      decide(rules.decider, inputs[at++ % inputs.length] as (typeof inputs)[number], scores).slates.length;
    return { x: count, ...measured(one, options) };
  });
  return { name: "decision-by-actions", title: "One decision", along: "actions", unit: "us of CPU", points };
}

function measured(call: () => number, options: BenchOptions) {
  const turnMs = options.quick ? 20 : 300;
  cpuMicroseconds(call, turnMs); // warm
  return figureOf(Array.from({ length: roundsOf(options) }, () => cpuMicroseconds(call, turnMs)));
}

/** A rulebook needs one; it is not asked. */
const ONE_ACTION = `issue: { id: one, label: One, purpose: marketing }
groups:
  - id: one
    label: One
    actions:
      - { id: one, label: One, value: 1, propensity: { prior: { mean: 0.1, weight: 10 } }, treatments: [{ channel: app, content: { title: One } }] }
`;

/** Counts over windows in turn; as in the delivered rules a third of them reads the most frequent type of event. */
function featuresYaml(count: number): string {
  const types = ["page_view", "purchase", "login"];
  const windows = ["1h", "24h", "7d", "30d", "90d"];
  const lines = Array.from({ length: count }, (_, index) => {
    const window = windows[Math.floor(index / types.length) % windows.length];
    return `  - { name: f_${index}, label: f ${index}, aggregate: count, of: [${types[index % types.length]}], window: ${window} }\n`;
  });
  return `attributes:\n  - { name: first_name, type: string, label: First name }\nfeatures:\n${lines.join("")}`;
}
