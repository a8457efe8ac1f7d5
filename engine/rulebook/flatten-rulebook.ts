// A rulebook as named things with fields, whatever file they stand in and however they are written: for telling two apart.
import { formatDuration, parseDuration } from "../domain/time.ts";
import type { FaultLog } from "./fault.ts";
import type { Place } from "./place.ts";
import type { RulebookFiles } from "./rulebook.ts";
import { type Path, readSource, type Source } from "./source.ts";

export interface RulebookThing {
  /** Such as `action gold`, `limit push-per-day`, or a file for what has no name of its own. */
  readonly name: string;
  readonly place: Place;
  /** Canonical text by path, such as `propensity.prior.mean`. */
  readonly fields: ReadonlyMap<string, { readonly text: string; readonly place: Place }>;
}

type Written = Readonly<Record<string, unknown>>;

/** What stands in files that are no YAML is left out: the faults say why. */
export function flattenRulebook(files: RulebookFiles, faults: FaultLog): ReadonlyMap<string, RulebookThing> {
  const things = new Map<string, RulebookThing>();
  for (const [path, text] of Object.entries(files)) {
    const source = readSource(path, text, faults);
    if (source === undefined || !isWritten(source.value)) continue;
    const variant = /^variants\/([^/]+)\/(.*)$/.exec(path);
    const prefix = variant === null ? "" : `variant ${variant[1]}: `;
    const add = (name: string, at: Path, fields: Written): void => {
      const found = new Map<string, { text: string; place: Place }>();
      collect(fields, "", at, source, found);
      things.set(`${prefix}${name}`, { name: `${prefix}${name}`, place: source.placeOf(at), fields: found });
    };
    if (/(^|\/)actions\/[^/]+\.yaml$/.test(path)) addActions(source.value, add);
    else addListed(variant?.[2] ?? path, source, add);
  }
  return things;
}

type Add = (name: string, at: Path, fields: Written) => void;

function addActions(file: Written, add: Add): void {
  const issue = file["issue"];
  if (!isWritten(issue)) return;
  const { id: issueId, ...issueFields } = issue;
  add(`issue ${issueId}`, ["issue"], issueFields);
  for (const [nth, group] of writtenItems(file["groups"])) {
    const at: Path = ["groups", nth];
    const { id: groupId, actions, ...groupFields } = group;
    add(`group ${groupId}`, at, { ...groupFields, issue: issueId });
    for (const [index, action] of writtenItems(actions)) {
      const actionAt: Path = [...at, "actions", index];
      const { id: actionId, treatments, ...actionFields } = action;
      add(`action ${actionId}`, actionAt, { ...actionFields, group: groupId });
      for (const [place, treatment] of writtenItems(treatments)) {
        const { id, ...treatmentFields } = treatment;
        const name = id ?? `${actionId}:${treatment["channel"]}`;
        add(`treatment ${name}`, [...actionAt, "treatments", place], { ...treatmentFields, action: actionId });
      }
    }
  }
}

/** `limits: [{ id: daily, ... }]` is a thing called `limit daily`; what is not in such lists belongs to the file. */
function addListed(path: string, source: Source, add: Add): void {
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(source.value as Written)) {
    const items = writtenItems(value);
    const isListed =
      Array.isArray(value) && items.length === value.length && items.every(([, item]) => nameOf(item) !== undefined);
    if (!isListed) rest[key] = value;
    else {
      for (const [index, item] of items) {
        const { id, name, ...fields } = item;
        add(`${singular(key)} ${id ?? name}`, [key, index], fields);
      }
    }
  }
  if (Object.keys(rest).length > 0) add(path, [], rest);
}

function singular(key: string): string {
  const words = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return words.endsWith("ies") ? `${words.slice(0, -3)}y` : words.endsWith("s") ? words.slice(0, -1) : words;
}

/** Lists of rules, with or without ids. */
const TIERS: ReadonlySet<string> = new Set(["eligibility", "applicability", "suitability"]);

function collect(
  value: unknown,
  name: string,
  at: Path,
  source: Source,
  into: Map<string, { text: string; place: Place }>,
): void {
  const below = (key: string): string => (name === "" ? key : `${name}.${key}`);
  if (isWritten(value)) {
    for (const [key, part] of Object.entries(value)) collect(part, below(key), [...at, key], source, into);
  } else if (Array.isArray(value) && (value.some(isWritten) || TIERS.has(name))) {
    // A rule is known by its id, so that one put in between changes nothing of the others.
    for (const [index, item] of value.entries()) {
      const key = isWritten(item) ? (nameOf(item) ?? String(index + 1)) : canonical(item);
      collect(item, below(key), [...at, index], source, into);
    }
  } else into.set(name, { text: canonical(value), place: source.placeOf(at) });
}

function canonical(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  const ms = parseDuration(value);
  return ms === undefined ? value.trim().replace(/\s+/g, " ") : formatDuration(ms);
}

function nameOf(item: Written): string | undefined {
  const name = item["id"] ?? item["name"];
  return typeof name === "string" ? name : undefined;
}

function writtenItems(value: unknown): readonly (readonly [number, Written])[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item, index) => (isWritten(item) ? [[index, item] as const] : []));
}

function isWritten(value: unknown): value is Written {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
