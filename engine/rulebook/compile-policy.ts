// rules/contact-policy.yaml -> limits and cool-downs.
import type { NameHash, PolicyIndex } from "../domain/ids.ts";
import { DAY_MS, formatDuration, parseDuration } from "../domain/time.ts";
import type { FaultLog } from "./fault.ts";
import type { NameTable } from "./names.ts";
import type { ContactLimit, CoolDown } from "./policies.ts";
import type { ContactPolicyFile } from "./schema.ts";
import type { Path, Source } from "./source.ts";

/** Contacts are remembered no longer than the longest window of a feature. */
const CONTACT_MEMORY_MAX_MS = 90 * DAY_MS;

export interface PolicyNames {
  readonly channel: NameTable;
  readonly issue: NameTable;
  readonly group: NameTable;
  readonly action: NameTable;
}

export interface CompiledPolicy {
  readonly contactLimits: readonly ContactLimit[];
  readonly coolDowns: readonly CoolDown[];
  /** The longest of all windows and cool-downs. */
  readonly contactMemoryMs: number;
}

export function compilePolicy(
  file: ContactPolicyFile,
  names: PolicyNames,
  source: Source,
  faults: FaultLog,
): CompiledPolicy {
  const ids = new Set<string>();
  const declare = (id: string, path: Path) => {
    if (ids.has(id))
      faults.add(source.placeOf([...path, "id"]), `policy ${JSON.stringify(id)} is declared twice: keep one`);
    ids.add(id);
  };
  const bounded = (text: string, path: Path): number => {
    const ms = parseDuration(text) as number;
    if (ms === 0 || ms > CONTACT_MEMORY_MAX_MS) {
      const most = formatDuration(CONTACT_MEMORY_MAX_MS);
      faults.add(
        source.placeOf(path),
        `${JSON.stringify(text)} must be longer than 0 and at most ${most}: contacts are remembered that long`,
      );
    }
    return ms;
  };
  const contactLimits = (file.limits ?? []).map((written, index): ContactLimit => {
    const path: Path = ["limits", index];
    declare(written.id, path);
    const scope = (kind: keyof PolicyNames): NameHash | undefined => {
      const name = written[kind];
      return name === undefined ? undefined : names[kind].refer(name, source.placeOf([...path, kind]));
    };
    return {
      index: index as PolicyIndex,
      id: written.id,
      place: source.placeOf(path),
      max: written.max,
      windowMs: bounded(written.window, [...path, "window"]),
      calendarDays: 0,
      channel: scope("channel"),
      issue: scope("issue"),
      group: scope("group"),
      action: scope("action"),
      direction: written.direction ?? "both",
      per: written.per ?? "all",
    };
  });
  const coolDowns = (file.coolDowns ?? []).map((written, index): CoolDown => {
    const path: Path = ["coolDowns", index];
    declare(written.id, path);
    const { only, scope } = written;
    return {
      index: index as PolicyIndex,
      id: written.id,
      place: source.placeOf(path),
      after: written.after,
      times: 1,
      withinMs: undefined,
      scope,
      forMs: bounded(written.for, [...path, "for"]),
      only: only === undefined ? undefined : names[scope].refer(only, source.placeOf([...path, "only"])),
    };
  });
  const contactMemoryMs = Math.max(0, ...contactLimits.map((l) => l.windowMs), ...coolDowns.map((c) => c.forMs));
  return { contactLimits, coolDowns, contactMemoryMs };
}
