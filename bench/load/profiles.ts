// Distinct customers as `decide` sees them. Fewer than 64 thousand in turn, and the branch predictor learns them by heart.
import { createRandom, type Random } from "../../engine/cli/traffic/random.ts";
import type { DecisionInput, DecisionRequest, ProfileView } from "../../engine/domain/decision.ts";
import { drawOf } from "../../engine/domain/hash.ts";
import { customerKey, type DecisionId } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { createEvidenceTotals } from "../../engine/learn/evidence.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { pastContacts } from "./contacts.ts";
import type { Rules } from "./delivered-rules.ts";

export interface ProfileOptions {
  readonly count: number;
  readonly seed: number;
  /** Contacts of every tenth customer. */
  readonly contacts: number;
  readonly now: Instant;
  readonly request: DecisionRequest;
}

export function makeInputs(rules: Rules, options: ProfileOptions): DecisionInput[] {
  const { rulebook, decider } = rules;
  const { now, request } = options;
  const random = createRandom(options.seed);
  const width = rulebook.features.length;
  const all = new Float64Array(width * options.count);
  const { trials, positives } = createEvidenceTotals(rulebook.treatments);
  return Array.from({ length: options.count }, (_, index): DecisionInput => {
    const features = all.subarray(index * width, (index + 1) * width);
    for (const [at, { aggregate }] of rulebook.features.entries()) features[at] = featureValue(aggregate, random);
    const id = `AA${String(index).padStart(20, "A")}` as DecisionId;
    const contacts = index % 10 === 0 ? pastContacts(decider.prepared.treatments, options.contacts, index, now) : [];
    const profile: ProfileView = {
      key: customerKey(`c-${index}`),
      features,
      attributes: rulebook.attributes.map(({ name, type }) => attributeValue(name, type, random)),
      contacts,
      consents: [],
      openCases: [],
    };
    return { id, profile, request, evidence: { trials, positives }, quotas: noQuotas(rulebook), now, draw: drawOf(id) };
  });
}

function featureValue(aggregate: string, random: Random): number {
  if (aggregate === "count" || aggregate === "distinct") return Math.floor(random.next() ** 2 * 20);
  if (aggregate === "ratio") return random.next();
  if (aggregate === "recency") return Math.floor(random.next() * 7 * 86_400_000);
  return Math.round(random.next() * 40_000) / 100;
}

function attributeValue(name: string, type: string, random: Random): string | number | boolean | readonly string[] {
  if (name === "age") return 18 + Math.floor(random.next() * 60);
  if (name === "arrears") return random.chance(0.1);
  if (type === "number") return Math.floor(random.next() * 120);
  if (type === "boolean") return random.chance(0.5);
  if (type === "set") return random.chance(0.5) ? ["giro"] : ["giro", "savings"];
  return "Ada";
}

/** Every quota unspent. */
function noQuotas({ quotas }: Rulebook): Float64Array {
  return new Float64Array(quotas.length).fill(Number.POSITIVE_INFINITY);
}
