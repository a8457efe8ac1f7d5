// Decisions on profiles that a store holds, as a wave makes them: read, then decided.
import { createRandom } from "../../engine/cli/traffic/random.ts";
import { decide } from "../../engine/decide/decide.ts";
import type { DecisionInput, DecisionRequest } from "../../engine/domain/decision.ts";
import type { CustomerKey, PlacementIndex } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { ProfileStore } from "../../engine/profile/store.ts";
import type { Rules } from "./delivered-rules.ts";
import { makeInputs } from "./profiles.ts";

const DECISIONS = 20_000;

/** CPU time of one in ns, over customers drawn at random from all of them. */
export function nsOfDecision(
  rules: Rules,
  keys: readonly CustomerKey[],
  storeOf: (index: number) => ProfileStore,
  now: Instant,
): number {
  const { rulebook, decider } = rules;
  const placement = rulebook.placements.findIndex(({ direction }) => direction === "inbound") as PlacementIndex;
  const request: DecisionRequest = {
    direction: "inbound",
    placements: [{ placement, limit: 2 }],
    context: {},
    locale: "en",
  };
  const [asked] = makeInputs(rules, { count: 1, seed: 1, contacts: 0, now, request }) as [DecisionInput];
  const scores = rulebook.models.map(({ index }) => ({ model: index, value: 0.4, fallback: false }));
  const random = createRandom(11);
  let slates = 0;
  const decideOne = (): void => {
    const index = Math.floor(random.next() * keys.length);
    const [store, key] = [storeOf(index), keys[index] as CustomerKey];
    const features = new Float64Array(rulebook.features.length);
    store.features(key, now, features);
    const { attributes, contacts, consents, openCases } = store.state(key);
    const profile = { key, features, attributes, contacts, consents, openCases };
    slates += decide(decider, { ...asked, profile }, scores).slates.length;
  };
  for (let n = 0; n < DECISIONS; n++) decideOne(); // warm
  const before = process.cpuUsage();
  for (let n = 0; n < DECISIONS; n++) decideOne();
  const { user, system } = process.cpuUsage(before);
  if (slates === 0) throw new Error("nothing was decided");
  return ((user + system) / DECISIONS) * 1_000;
}
