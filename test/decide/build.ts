// Rulebooks, customers and requests for the tests of decide, with rules written by hand.
import type { Contact } from "../../engine/domain/contact.ts";
import type { DecisionInput, DecisionRequest, ProfileView, Slate } from "../../engine/domain/decision.ts";
import type { Drop } from "../../engine/domain/drop.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import type {
  ActionIndex,
  AttributeIndex,
  ChannelIndex,
  DecisionId,
  FeatureIndex,
  ModelIndex,
  PlacementIndex,
  PolicyIndex,
  RuleIndex,
  TreatmentIndex,
  VerdictSlot,
} from "../../engine/domain/ids.ts";
import { customerKey, trackingCode } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, LONG_AGO, MINUTE_MS, NEVER } from "../../engine/domain/time.ts";
import type { ContactLimit, CoolDown } from "../../engine/rulebook/policies.ts";
import type {
  Action,
  Channel,
  Placement,
  Rule,
  Rulebook,
  RuleScope,
  Template,
  Treatment,
} from "../../engine/rulebook/rulebook.ts";

/** true, false or "error", for one customer. */
export type Verdict = boolean | "error";
export type Test = (scope: RuleScope) => Verdict;

export interface RuleDraft {
  readonly id: string;
  readonly test: Test;
  readonly needs?: readonly string[];
  readonly reads?: readonly string[];
}

export interface TreatmentDraft {
  readonly id?: string;
  readonly channel: string;
  readonly placements: readonly string[];
  readonly prior?: { readonly alpha: number; readonly beta: number };
  readonly eligibility?: readonly RuleDraft[];
  readonly applicability?: readonly RuleDraft[];
  readonly suitability?: readonly RuleDraft[];
  readonly context?: readonly { readonly when: RuleDraft; readonly weight: number }[];
  readonly content?: Treatment["content"];
  readonly parts?: Partial<Pick<Treatment, "enabled" | "from" | "to" | "lever" | "cost">>;
}

export interface ActionDraft {
  readonly id: string;
  readonly issue?: string;
  readonly group?: string;
  readonly enabled?: boolean;
  readonly from?: number;
  readonly to?: number;
  readonly eligibility?: readonly RuleDraft[];
  readonly applicability?: readonly RuleDraft[];
  readonly suitability?: readonly RuleDraft[];
  readonly context?: readonly { readonly when: RuleDraft; readonly weight: number }[];
  readonly value?: number | ((scope: RuleScope) => number);
  readonly lever?: number;
  readonly purpose?: string;
  readonly exempt?: boolean;
  readonly urgent?: boolean;
  readonly holdsRoom?: RuleDraft;
  readonly floor?: number;
  readonly reasons?: readonly { readonly when?: RuleDraft; readonly text: Readonly<Record<string, Template>> }[];
  readonly expiresAfterMs?: number;
  readonly responseWindowMs?: number;
  readonly treatments: readonly TreatmentDraft[];
}

export interface BookDraft {
  readonly hash?: string;
  readonly models?: readonly string[];
  readonly features?: readonly string[];
  readonly attributes?: readonly string[];
  readonly channels?: readonly (Partial<Omit<Channel, "index" | "hash">> & { readonly name: string })[];
  readonly placements?: readonly (Partial<Omit<Placement, "index" | "hash" | "channels">> & {
    readonly name: string;
    readonly channels: readonly string[];
  })[];
  readonly actions: readonly ActionDraft[];
  readonly limits?: readonly LimitDraft[];
  readonly coolDowns?: readonly CoolDownDraft[];
  readonly exponents?: Partial<Rulebook["arbitration"]>;
  readonly defaultLocale?: string;
  readonly contactMemoryMs?: number;
  /** Parts given as they are compiled. */
  readonly parts?: Partial<
    Pick<
      Rulebook,
      | "related"
      | "caseRules"
      | "quietHours"
      | "zones"
      | "fatigue"
      | "boosts"
      | "quotas"
      | "slateLimits"
      | "bundles"
      | "holdout"
      | "experiments"
      | "triggers"
      | "campaigns"
    >
  >;
}

export interface LimitDraft {
  readonly id: string;
  readonly max: number;
  readonly windowMs: number;
  readonly calendarDays?: number;
  readonly channel?: string;
  readonly issue?: string;
  readonly group?: string;
  readonly action?: string;
  readonly direction?: ContactLimit["direction"];
  readonly per?: ContactLimit["per"];
}

export interface CoolDownDraft {
  readonly id: string;
  readonly after: CoolDown["after"];
  readonly scope: CoolDown["scope"];
  readonly forMs: number;
  readonly times?: number;
  readonly withinMs?: number;
  readonly only?: string;
}

export const NOW = 1_763_800_000_000 as Instant;
const PLACE = { file: "rules/test.yaml", line: 1, column: 1 };

export const yes = (id = "yes"): RuleDraft => ({ id, test: () => true });
export const no = (id = "no"): RuleDraft => ({ id, test: () => false });
export const broken = (id = "broken"): RuleDraft => ({ id, test: () => "error" });

const DEFAULT_CHANNELS: NonNullable<BookDraft["channels"]> = [{ name: "app" }, { name: "email" }, { name: "push" }];
const DEFAULT_PLACEMENTS: NonNullable<BookDraft["placements"]> = [
  { name: "hero", channels: ["app"], slots: 1 },
  { name: "home", channels: ["app"], slots: 2 },
  { name: "outreach", channels: ["email", "push"], slots: 1, direction: "outbound" },
];

export function buildRulebook(draft: BookDraft): Rulebook {
  const models = (draft.models ?? []).map((name, index) => ({ index: index as ModelIndex, name }));
  const rules = createRules(models);
  const channels = (draft.channels ?? DEFAULT_CHANNELS).map((channel, index) => channelOf(channel, index));
  const placements = (draft.placements ?? DEFAULT_PLACEMENTS).map((placement, index): Placement => {
    const names = placement.channels;
    const base = {
      label: placement.name,
      place: PLACE,
      direction: "inbound" as const,
      slots: 1,
      stickyMs: 0,
      minPriority: 0,
      fallback: {},
    };
    return {
      ...base,
      ...placement,
      index: index as PlacementIndex,
      hash: nameHash("placement", placement.name),
      channels: channels.filter(({ name }) => names.includes(name)).map((channel) => channel.index),
    };
  });
  const drafts = [...draft.actions].sort((a, b) => (a.id < b.id ? -1 : 1));
  const treatmentIds = drafts.flatMap((action) => action.treatments.map((treatment) => idOf(action, treatment))).sort();
  const treatments: Treatment[] = [];
  const actions = drafts.map((action, index): Action => {
    const own = action.treatments.map((treatment) => {
      const id = idOf(action, treatment);
      const at = treatmentIds.indexOf(id) as TreatmentIndex;
      treatments[at] = {
        index: at,
        id,
        hash: nameHash("treatment", id),
        action: index as ActionIndex,
        channel: channels.findIndex(({ name }) => name === treatment.channel) as ChannelIndex,
        placements: treatment.placements.map(
          (name) => placements.findIndex((placement) => placement.name === name) as PlacementIndex,
        ),
        place: PLACE,
        enabled: true,
        from: LONG_AGO,
        to: NEVER,
        eligibility: (treatment.eligibility ?? []).map(rules.add),
        applicability: (treatment.applicability ?? []).map(rules.add),
        suitability: (treatment.suitability ?? []).map(rules.add),
        context: (treatment.context ?? []).map(({ when, weight }) => ({ when: rules.add(when), weight })),
        lever: 1,
        cost: 0,
        ...treatment.parts,
        prior: treatment.prior ?? { alpha: 1, beta: 1 },
        content: treatment.content ?? { title: { en: [id] } },
      };
      return at;
    });
    return actionOf(action, index, own, rules);
  });
  return {
    hash: (draft.hash ?? "test-rulebook") as Rulebook["hash"],
    defaultLocale: draft.defaultLocale ?? "en",
    version: "1",
    features: (draft.features ?? []).map((name, index) => featureOf(name, index)),
    attributes: (draft.attributes ?? []).map((name, index) => ({
      index: index as AttributeIndex,
      name,
      label: name,
      type: "string" as const,
      place: PLACE,
    })),
    models,
    actions,
    treatments,
    channels,
    placements,
    triggers: [],
    related: [],
    caseRules: [],
    quietHours: [],
    zones: { zoneAttribute: undefined, countryAttribute: undefined, countries: new Map(), fallback: undefined },
    fatigue: undefined,
    boosts: [],
    quotas: [],
    slateLimits: [],
    bundles: [],
    segments: [],
    campaigns: [],
    holdout: undefined,
    experiments: [],
    variants: new Map(),
    ...draft.parts,
    contactLimits: (draft.limits ?? []).map((limit, index) => limitOf(limit, index)),
    coolDowns: (draft.coolDowns ?? []).map((coolDown, index) => coolDownOf(coolDown, index)),
    arbitration: { propensity: 1, context: 1, value: 1, lever: 1, boost: 1, fatigue: 1, ...draft.exponents },
    weights: rules.weights.length,
    triggersByType: new Map(),
    contactMemoryMs: draft.contactMemoryMs ?? 90 * DAY_MS,
    ...rules.compiled(),
  };
}

function idOf(action: ActionDraft, treatment: TreatmentDraft): string {
  return treatment.id ?? `${action.id}:${treatment.channel}`;
}

function channelOf(channel: NonNullable<BookDraft["channels"]>[number], index: number): Channel {
  return {
    label: channel.name,
    place: PLACE,
    kind: "pull",
    countsAt: "presented",
    reserveForMs: 30 * MINUTE_MS,
    maxAgeMs: DAY_MS,
    webhook: undefined,
    consentDefault: "granted",
    consentDefaults: new Map(),
    format: "text",
    ...channel,
    index: index as ChannelIndex,
    hash: nameHash("channel", channel.name),
  };
}

function actionOf(
  draft: ActionDraft,
  index: number,
  treatments: readonly TreatmentIndex[],
  rules: ReturnType<typeof createRules>,
): Action {
  const issue = draft.issue ?? "sales";
  const group = draft.group ?? "cards";
  const tier = (tests: readonly RuleDraft[] | undefined) => (tests ?? []).map(rules.add);
  const value = draft.value ?? 1;
  const needs = [draft.eligibility, draft.applicability, draft.suitability, draft.context?.map(({ when }) => when)]
    .flatMap((tests) => tests ?? [])
    .flatMap((rule) => rule.needs ?? []);
  return {
    index: index as ActionIndex,
    id: draft.id,
    hash: nameHash("action", draft.id),
    label: draft.id,
    issue: { id: issue, hash: nameHash("issue", issue) },
    group: { id: group, hash: nameHash("group", group) },
    place: PLACE,
    enabled: draft.enabled ?? true,
    from: (draft.from ?? LONG_AGO) as Instant,
    to: (draft.to ?? NEVER) as Instant,
    eligibility: tier(draft.eligibility),
    applicability: tier(draft.applicability),
    suitability: tier(draft.suitability),
    context: (draft.context ?? []).map(({ when, weight }) => ({ when: rules.add(when), weight })),
    value:
      typeof value === "number"
        ? { kind: "constant", value }
        : { kind: "expression", slot: rules.weights.push(value) - 1, place: PLACE },
    lever: draft.lever ?? 1,
    purpose: draft.purpose ?? "marketing",
    exempt: draft.exempt ?? false,
    urgent: draft.urgent ?? false,
    holdsRoom: draft.holdsRoom === undefined ? undefined : rules.add(draft.holdsRoom),
    propensityFloor: draft.floor ?? 0,
    treatments,
    reasons: (draft.reasons ?? []).map(({ when, text }) => ({
      when: when === undefined ? undefined : rules.add(when),
      text,
    })),
    expiresAfterMs: draft.expiresAfterMs ?? DAY_MS,
    responseWindowMs: draft.responseWindowMs ?? HOUR_MS,
    needsModels: rules.modelsNamed(needs),
  };
}

function createRules(models: Rulebook["models"]) {
  const rules: Rule[] = [];
  const tests: Test[] = [];
  const known = new Map<RuleDraft, RuleIndex>();
  const weights: ((scope: RuleScope) => number)[] = [];
  const modelsNamed = (names: readonly string[]) =>
    models.filter(({ name }) => names.includes(name)).map(({ index }) => index);
  function add(draft: RuleDraft): RuleIndex {
    const before = known.get(draft);
    if (before !== undefined) return before;
    const index = rules.length as RuleIndex;
    rules.push({
      index,
      slot: index as number as VerdictSlot,
      id: draft.id,
      text: String(draft.test),
      place: { ...PLACE, line: index + 10 },
      needsModels: modelsNamed(draft.needs ?? []),
      reads: draft.reads ?? [],
    });
    tests.push(draft.test);
    known.set(draft, index);
    return index;
  }
  const evaluateRule = (rule: RuleIndex, scope: RuleScope): 0 | 1 | 2 => {
    const verdict = (tests[rule] as Test)(scope);
    return verdict === "error" ? 2 : verdict ? 1 : 0;
  };
  const evaluate = (withModels: boolean) => (scope: RuleScope, out: Uint8Array) => {
    for (const { index, needsModels } of rules) {
      if (needsModels.length > 0 === withModels) out[index] = evaluateRule(index, scope);
    }
  };
  const compiled = () => ({
    rules,
    verdicts: rules.length,
    evaluateRule,
    evaluateRules: evaluate(false),
    evaluateModelRules: evaluate(true),
    evaluateWeights: (scope: RuleScope, out: Float64Array) => {
      weights.forEach((weight, slot) => {
        out[slot] = weight(scope);
      });
    },
  });
  return { add, weights, modelsNamed, compiled };
}

function featureOf(name: string, index: number): Rulebook["features"][number] {
  return {
    index: index as FeatureIndex,
    name,
    label: name,
    place: PLACE,
    aggregate: "count",
    types: [],
    identity: name,
    matches: () => true,
    field: undefined,
    windowMs: DAY_MS,
    paneMs: HOUR_MS,
    halfLifeMs: undefined,
    ratio: undefined,
  };
}

function limitOf(draft: LimitDraft, index: number): ContactLimit {
  const scoped = (kind: "channel" | "issue" | "group" | "action") => {
    const name = draft[kind];
    return name === undefined ? undefined : nameHash(kind, name);
  };
  return {
    index: index as PolicyIndex,
    id: draft.id,
    place: { ...PLACE, line: 100 + index },
    max: draft.max,
    windowMs: draft.windowMs,
    calendarDays: draft.calendarDays ?? 0,
    channel: scoped("channel"),
    issue: scoped("issue"),
    group: scoped("group"),
    action: scoped("action"),
    direction: draft.direction ?? "both",
    per: draft.per ?? "all",
  };
}

function coolDownOf(draft: CoolDownDraft, index: number): CoolDown {
  const { only, ...rest } = draft;
  return {
    times: 1,
    withinMs: undefined,
    ...rest,
    index: index as PolicyIndex,
    place: { ...PLACE, line: 200 + index },
    only: only === undefined || draft.scope === "all" ? undefined : nameHash(draft.scope, only),
  };
}

let decisions = 0;

/** 22 characters, different each time. */
export function newDecisionId(): DecisionId {
  decisions++;
  return `d${String(decisions).padStart(21, "0")}` as DecisionId;
}

export interface ContactDraft extends Partial<Contact> {
  /** Treatment as in the rulebook. */
  readonly of: string;
  readonly in?: string;
}

/** A presented contact of a treatment of the rulebook, an hour before NOW unless said otherwise. */
export function contactOf(rulebook: Rulebook, draft: ContactDraft): Contact {
  const { of, in: placement, ...given } = draft;
  const treatment = rulebook.treatments.find(({ id }) => id === of) as Treatment;
  const action = rulebook.actions[treatment.action] as Action;
  const decision = newDecisionId();
  const at = given.at ?? ((NOW - HOUR_MS) as Instant);
  return {
    trackingCode: trackingCode(decision, 0),
    decision,
    issue: action.issue.hash,
    group: action.group.hash,
    action: action.hash,
    treatment: treatment.hash,
    channel: (rulebook.channels[treatment.channel] as Channel).hash,
    placement: nameHash("placement", placement ?? "home"),
    inbound: true,
    at,
    countsAt: "presented",
    state: "confirmed",
    reservedUntil: NEVER,
    expiresAt: (at + DAY_MS) as Instant,
    respondBy: (at + 2 * DAY_MS) as Instant,
    outcome: "presented",
    previous: "pending",
    outcomeAt: at,
    until: 0 as Instant,
    live: false,
    tried: true,
    rank: 1,
    exempt: false,
    shadow: false,
    ...given,
  };
}

export interface InputDraft {
  readonly placements?: readonly (string | { readonly name: string; readonly limit: number })[];
  readonly channel?: string;
  readonly direction?: DecisionRequest["direction"];
  readonly context?: DecisionRequest["context"];
  readonly locale?: string;
  readonly now?: number;
  readonly features?: readonly number[];
  readonly profile?: Partial<ProfileView>;
  readonly trials?: Readonly<Record<string, readonly [trials: number, positives: number]>>;
  readonly id?: DecisionId;
  readonly trigger?: string;
  /** By id of the quota; unlimited where not named. */
  readonly quotas?: Readonly<Record<string, number>>;
}

/** Asks `home` for all its slots unless said otherwise. */
export function inputFor(rulebook: Rulebook, draft: InputDraft = {}): DecisionInput {
  const trials = new Float64Array(rulebook.treatments.length);
  const positives = new Float64Array(rulebook.treatments.length);
  for (const [id, [tried, positive]] of Object.entries(draft.trials ?? {})) {
    const at = rulebook.treatments.findIndex((treatment) => treatment.id === id);
    trials[at] = tried;
    positives[at] = positive;
  }
  const channel = rulebook.channels.find(({ name }) => name === draft.channel)?.index;
  return {
    id: draft.id ?? newDecisionId(),
    profile: {
      key: customerKey("c-1"),
      features: Float64Array.from(draft.features ?? rulebook.features.map(() => Number.NaN)),
      attributes: rulebook.attributes.map(() => undefined),
      contacts: [],
      consents: [],
      openCases: [],
      ...draft.profile,
    },
    request: {
      direction: draft.direction ?? "inbound",
      placements: (draft.placements ?? ["home"]).map((asked) => {
        const name = typeof asked === "string" ? asked : asked.name;
        const found = rulebook.placements.find((placement) => placement.name === name) as Placement;
        return { placement: found.index, limit: typeof asked === "string" ? found.slots : asked.limit };
      }),
      ...(channel === undefined ? {} : { channel }),
      context: draft.context ?? {},
      locale: draft.locale ?? "en",
      ...(draft.trigger === undefined ? {} : { trigger: draft.trigger }),
    },
    evidence: { trials, positives },
    quotas: Float64Array.from(rulebook.quotas, ({ id }) => draft.quotas?.[id] ?? Number.POSITIVE_INFINITY),
    now: (draft.now ?? NOW) as Instant,
    draw: 0.5,
  };
}

/** Which treatments a decision shows, by placement: `home: a:app b:app`. */
export function shown(rulebook: Rulebook, decision: { readonly slates: readonly Slate[] }): string[] {
  return decision.slates.map(({ placement, items }) =>
    [
      `${(rulebook.placements[placement] as Placement).name}:`,
      ...items.map(({ treatment }) => (rulebook.treatments[treatment] as Treatment).id),
    ].join(" "),
  );
}

/** The drop of an action or a treatment, by id. */
export function dropOf(rulebook: Rulebook, dropped: Iterable<Drop>, id: string): Drop | undefined {
  return [...dropped].find((drop) =>
    "action" in drop
      ? (rulebook.actions[drop.action] as Action).id === id
      : (rulebook.treatments[drop.treatment] as Treatment).id === id,
  );
}
