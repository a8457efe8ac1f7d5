// Random contact policies of every kind, by name: the oracle reads these, the engine what is built of them.
import { nameHash } from "../../engine/domain/hash.ts";
import type { AttributeIndex, PolicyIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS } from "../../engine/domain/time.ts";
import type { ActionSet, CoolDownCause } from "../../engine/rulebook/policies.ts";
import { type ActionDraft, type BookDraft, type CoolDownDraft, type LimitDraft, yes } from "./build.ts";
import type { Chance } from "./chance.ts";

export const ZONES = [
  "Europe/Vienna",
  "America/New_York",
  "America/Santiago",
  "Australia/Lord_Howe",
  "Antarctica/Troll",
  "Africa/Cairo",
  "Asia/Beirut",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago",
  "America/Nuuk",
  "UTC",
];

export interface Names {
  readonly actions: readonly string[];
  readonly groups: readonly string[];
  readonly issues: readonly string[];
}

export interface RelatedDraft {
  readonly after: CoolDownCause;
  readonly of: Names;
  readonly suppresses: Names;
  readonly forMs: number;
}

export interface CaseDraft {
  readonly kinds: readonly string[];
  readonly suppresses: Names | undefined;
}

export interface QuietDraft {
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly days: readonly boolean[];
  readonly channels: readonly string[];
}

export interface PolicyDraft {
  readonly limits: readonly LimitDraft[];
  readonly coolDowns: readonly CoolDownDraft[];
  readonly related: readonly RelatedDraft[];
  readonly cases: readonly CaseDraft[];
  readonly quiet: readonly QuietDraft[];
  readonly fallbackZone: string | undefined;
  readonly book: BookDraft;
}

/** Zones of countries; that of ZZ is not known. */
export const COUNTRIES: ReadonlyMap<string, string> = new Map([
  ["AT", "Europe/Vienna"],
  ["AU", "Australia/Lord_Howe"],
]);

/** The groups that every rulebook has, each with its issue. */
export const ISSUE_OF: Readonly<Record<string, string>> = { cards: "sales", loans: "sales", help: "care" };

const GROUPS = Object.keys(ISSUE_OF);
const CHANNELS = ["app", "email", "push"] as const;
const CAUSES = ["accepted", "declined", "converted", "no-response", "clicked", "contacted"] as const;
const PLACE = { file: "rules/test.yaml", line: 1, column: 1 };

export function randomPolicies(chance: Chance): PolicyDraft {
  const many = <Value>(most: number, make: (index: number) => Value) =>
    Array.from({ length: chance.below(most + 1) }, (_, index) => make(index));
  const maybe = <Key extends string, Value>(key: Key, share: number, make: () => Value) =>
    (chance.is(share) ? { [key]: make() } : {}) as { readonly [Name in Key]?: Value };
  const limits = many(5, (index) => randomLimit(index, chance, maybe));
  const coolDowns = many(3, (index) => randomCoolDown(index, chance, maybe));
  const related = many(2, () => ({
    after: chance.pick(CAUSES),
    of: randomNames(chance),
    suppresses: randomNames(chance),
    forMs: chance.pick([6 * HOUR_MS, 2 * DAY_MS, 9 * DAY_MS]),
  }));
  const cases = many(1, () => ({
    kinds: chance.pick([[], ["complaint"], ["complaint", "question"]]),
    suppresses: chance.is(0.5) ? randomNames(chance) : undefined,
  }));
  const quiet = many(3, () => ({
    fromMinute: chance.pick([0, 90, 120, 150, 1_260, 1_380, chance.below(1_440)]),
    toMinute: chance.pick([60, 120, 150, 180, 480, chance.below(1_440)]),
    days: Array.from({ length: 7 }, () => chance.is(0.7)),
    channels: chance.is(0.6) ? [] : chance.some(CHANNELS, 2),
  }));
  const fallbackZone = chance.is(0.6) ? chance.pick(ZONES) : undefined;
  const policies = { limits, coolDowns, related, cases, quiet, fallbackZone };
  return { ...policies, book: bookOf(policies, chance) };
}

type Maybe = <Key extends string, Value>(
  key: Key,
  share: number,
  make: () => Value,
) => { readonly [Name in Key]?: Value };

function randomLimit(index: number, chance: Chance, maybe: Maybe): LimitDraft {
  const days = chance.is(0.5) ? chance.pick([1, 1, 2, 7]) : 0;
  return {
    id: `limit-${index}`,
    max: chance.pick([0, 1, 1, 2, 2, 3, 5]),
    calendarDays: days,
    windowMs: days > 0 ? days * DAY_MS + 2 * HOUR_MS : chance.pick([HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS]),
    direction: chance.pick(["both", "both", "inbound", "outbound", "each"]),
    per: chance.pick(["all", "all", "channel", "issue", "group", "action"]),
    ...maybe("channel", 0.3, () => chance.pick(CHANNELS)),
    ...maybe("issue", 0.2, () => chance.pick(["sales", "care"])),
    ...maybe("group", 0.2, () => chance.pick([...GROUPS, "elsewhere"])),
    ...maybe("action", 0.1, () => "a0"),
  };
}

function randomCoolDown(index: number, chance: Chance, maybe: Maybe): CoolDownDraft {
  const scope = chance.pick(["action", "group", "issue", "channel", "all"] as const);
  const names = { action: ["a0", "a1"], group: ["cards", "loans"], issue: ["sales"], channel: CHANNELS, all: [] };
  const repeated = chance.is(0.5) ? { times: 2 + chance.below(2), withinMs: chance.pick([DAY_MS, 5 * DAY_MS]) } : {};
  return {
    id: `rest-${index}`,
    after: chance.pick(CAUSES),
    scope,
    forMs: chance.pick([3 * HOUR_MS, DAY_MS, 6 * DAY_MS]),
    ...repeated,
    ...(scope === "all" ? {} : maybe("only", 0.3, () => chance.pick<string>(names[scope]))),
  };
}

function randomNames(chance: Chance): Names {
  return {
    actions: chance.is(0.5) ? chance.some(["a0", "a1", "a2"], 2) : [],
    groups: chance.is(0.5) ? chance.some([...GROUPS, "elsewhere"], 1) : [],
    issues: chance.is(0.2) ? ["sales"] : [],
  };
}

function bookOf(policies: Omit<PolicyDraft, "book">, chance: Chance): BookDraft {
  const { limits, coolDowns, related, cases, quiet, fallbackZone } = policies;
  const next = (from: number) => (_: unknown, index: number) => (from + index) as PolicyIndex;
  const relatedAt = next(coolDowns.length);
  const casesAt = next(coolDowns.length + related.length);
  return {
    attributes: ["time_zone", "country"],
    channels: CHANNELS.map((name) => ({
      name,
      countsAt: chance.pick(["decided", "delivered", "presented"]),
      reserveForMs: chance.pick([HOUR_MS, 6 * HOUR_MS]),
      consentDefault: chance.is(0.9) ? "granted" : "denied",
      consentDefaults: new Map(chance.is(0.3) ? [["security", chance.is(0.5) ? "granted" : "denied"] as const] : []),
    })),
    placements: [
      { name: "home", channels: ["app", "email"], slots: 3, stickyMs: chance.pick([0, HOUR_MS]) },
      { name: "outreach", channels: ["email", "push"], slots: 2, direction: "outbound" },
      { name: "desk", channels: CHANNELS, slots: 2 },
    ],
    actions: Array.from({ length: 4 + chance.below(3) }, (_, index) => randomAction(index, chance)),
    limits,
    coolDowns,
    contactMemoryMs: Math.max(
      0,
      ...limits.map(({ windowMs }) => windowMs),
      ...coolDowns.map(({ forMs, withinMs = 0 }) => forMs + withinMs),
      ...related.map(({ forMs }) => forMs),
    ),
    parts: {
      related: related.map((draft, index) => ({
        ...draft,
        index: relatedAt(draft, index),
        id: `related-${index}`,
        place: PLACE,
        of: setOf(draft.of),
        suppresses: setOf(draft.suppresses),
      })),
      caseRules: cases.map((draft, index) => ({
        index: casesAt(draft, index),
        id: `case-${index}`,
        place: PLACE,
        kinds: draft.kinds,
        suppresses: draft.suppresses === undefined ? undefined : setOf(draft.suppresses),
      })),
      quietHours: quiet.map((draft, index) => ({
        ...draft,
        index: index as PolicyIndex,
        id: `quiet-${index}`,
        place: PLACE,
        channels: draft.channels.map((name) => nameHash("channel", name)),
      })),
      zones: {
        zoneAttribute: 0 as AttributeIndex,
        countryAttribute: 1 as AttributeIndex,
        countries: COUNTRIES,
        fallback: fallbackZone,
      },
    },
  };
}

function randomAction(index: number, chance: Chance): ActionDraft {
  const purpose = chance.pick(["marketing", "marketing", "marketing", "service", "security"]);
  const group = GROUPS[index] ?? chance.pick(GROUPS);
  return {
    id: `a${index}`,
    issue: ISSUE_OF[group] as string,
    group,
    value: 1 + chance.below(9),
    purpose,
    exempt: purpose === "security",
    urgent: purpose === "security" && chance.is(0.5),
    ...(chance.is(0.5) ? { holdsRoom: yes(`a${index}/due`) } : {}),
    expiresAfterMs: chance.pick([HOUR_MS, DAY_MS]),
    treatments: chance
      .some(CHANNELS, 3)
      .map((channel) => ({ channel, placements: chance.some(["home", "outreach", "desk"], 3) })),
  };
}

function setOf({ actions, groups, issues }: Names): ActionSet {
  const hashes = (kind: "action" | "group" | "issue", names: readonly string[]) =>
    new Set(names.map((name) => nameHash(kind, name)));
  return { actions: hashes("action", actions), groups: hashes("group", groups), issues: hashes("issue", issues) };
}
