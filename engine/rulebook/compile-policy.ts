// rules/contact-policy.yaml -> limits, cool-downs, suppressions and quiet hours.
import type { NameHash, PolicyIndex } from "../domain/ids.ts";
import { DAY_MS, formatDuration, HOUR_MS } from "../domain/time.ts";
import { readActionSet, type TaxonomyNames } from "./action-set.ts";
import { compileQuietHours } from "./compile-quiet-hours.ts";
import type { FaultLog } from "./fault.ts";
import { createIdSet, type NameTable } from "./names.ts";
import type { CaseRule, ContactLimit, CoolDown, RelatedSuppression } from "./policies.ts";
import type { Rulebook } from "./rulebook.ts";
import type { ContactPolicyFile, WrittenCoolDown, WrittenLimit } from "./schema-policy.ts";
import type { Path, Source } from "./source.ts";
import { boundedDuration } from "./written-times.ts";

/** Contacts are remembered no longer than the longest window of a feature. */
export const CONTACT_MEMORY_MAX_MS = 90 * DAY_MS;
const REMEMBERED = "contacts are remembered that long";

/** A calendar day lasts up to 25 hours, and no two shifts of the clock within 31 days add up to more than another. */
const SHIFTS_MAX_MS = 2 * HOUR_MS;

export interface PolicyNames extends TaxonomyNames {
  readonly channel: NameTable;
}

export type CompiledPolicy = Pick<Rulebook, "contactLimits" | "coolDowns" | "related" | "caseRules" | "quietHours">;

export const NO_POLICY: CompiledPolicy = {
  contactLimits: [],
  coolDowns: [],
  related: [],
  caseRules: [],
  quietHours: [],
};

interface Context {
  readonly names: PolicyNames;
  readonly source: Source;
  readonly faults: FaultLog;
}

export function compilePolicy(
  file: ContactPolicyFile,
  names: PolicyNames,
  source: Source,
  faults: FaultLog,
): CompiledPolicy {
  const context: Context = { names, source, faults };
  const declare = createIdSet("policy", faults);
  for (const list of ["limits", "coolDowns", "related", "openCases", "quietHours"] as const) {
    (file[list] ?? []).forEach(({ id }, index) => void declare(id, source.placeOf([list, index, "id"])));
  }
  const { limits = [], coolDowns = [], related = [], openCases = [], quietHours = [] } = file;
  const fromCoolDowns = coolDowns.length;
  const fromRelated = fromCoolDowns + related.length;
  return {
    contactLimits: limits.map((written, index) => compileLimit(written, index, context)),
    coolDowns: coolDowns.map((written, index) => compileCoolDown(written, index, context)),
    related: related.map((written, index): RelatedSuppression => {
      const path: Path = ["related", index];
      return {
        index: (fromCoolDowns + index) as PolicyIndex,
        id: written.id,
        place: source.placeOf(path),
        after: written.after,
        of: readActionSet(written.of, names, [...path, "of"], source, faults),
        suppresses: readActionSet(written.suppresses, names, [...path, "suppresses"], source, faults),
        forMs: boundedDuration(written.for, [...path, "for"], source, faults, CONTACT_MEMORY_MAX_MS, REMEMBERED),
      };
    }),
    caseRules: openCases.map((written, index): CaseRule => {
      const path: Path = ["openCases", index];
      const { suppresses } = written;
      return {
        index: (fromRelated + index) as PolicyIndex,
        id: written.id,
        place: source.placeOf(path),
        kinds: written.kinds ?? [],
        suppresses:
          suppresses === undefined
            ? undefined
            : readActionSet(suppresses, names, [...path, "suppresses"], source, faults),
      };
    }),
    quietHours: compileQuietHours(quietHours, names.channel, source, faults),
  };
}

function compileLimit(written: WrittenLimit, index: number, { names, source, faults }: Context): ContactLimit {
  const path: Path = ["limits", index];
  const scope = (kind: keyof PolicyNames): NameHash | undefined => {
    const name = written[kind];
    return name === undefined ? undefined : names[kind].refer(name, source.placeOf([...path, kind]));
  };
  return {
    index: index as PolicyIndex,
    id: written.id,
    place: source.placeOf(path),
    max: written.max,
    ...limitTimes(written, path, source, faults),
    channel: scope("channel"),
    issue: scope("issue"),
    group: scope("group"),
    action: scope("action"),
    direction: written.direction ?? "both",
    per: written.per ?? "all",
  };
}

function limitTimes(
  { window, days }: WrittenLimit,
  path: Path,
  source: Source,
  faults: FaultLog,
): Pick<ContactLimit, "windowMs" | "calendarDays"> {
  if ((window === undefined) === (days === undefined)) {
    const message = "a limit counts over a window such as 7d, or over calendar days such as days: 1; write one of them";
    faults.add(days === undefined ? source.placeOf(path) : source.placeOfKey(path, "days"), message);
  }
  if (days !== undefined) return { windowMs: days * DAY_MS + SHIFTS_MAX_MS, calendarDays: days };
  if (window === undefined) return { windowMs: DAY_MS, calendarDays: 0 };
  const at = [...path, "window"];
  return { windowMs: boundedDuration(window, at, source, faults, CONTACT_MEMORY_MAX_MS, REMEMBERED), calendarDays: 0 };
}

function compileCoolDown(written: WrittenCoolDown, index: number, { names, source, faults }: Context): CoolDown {
  const path: Path = ["coolDowns", index];
  const { only, scope, times = 1, within } = written;
  const bounded = (field: "for" | "within", text: string) =>
    boundedDuration(text, [...path, field], source, faults, CONTACT_MEMORY_MAX_MS, REMEMBERED);
  const forMs = bounded("for", written.for);
  const withinMs = within === undefined ? undefined : bounded("within", within);
  if (times > 1 && withinMs === undefined) {
    faults.add(source.placeOfKey(path, "times"), `${times} times within how long? add e.g. within: 14d`);
  } else if (times === 1 && withinMs !== undefined) {
    faults.add(source.placeOfKey(path, "within"), '"within" is for several times: add e.g. times: 3, or take it out');
  } else if (withinMs !== undefined && withinMs + forMs > CONTACT_MEMORY_MAX_MS) {
    const most = formatDuration(CONTACT_MEMORY_MAX_MS);
    const message = `"within" and "for" together must be at most ${most}: ${REMEMBERED}`;
    faults.add(source.placeOf([...path, "for"]), message);
  }
  if (only !== undefined && scope === "all") {
    faults.add(source.placeOfKey(path, "only"), 'a cool-down of scope all has no "only": take it out');
  }
  return {
    index: index as PolicyIndex,
    id: written.id,
    place: source.placeOf(path),
    after: written.after,
    times,
    withinMs,
    scope,
    forMs,
    only:
      only === undefined || scope === "all" ? undefined : names[scope].refer(only, source.placeOf([...path, "only"])),
  };
}
