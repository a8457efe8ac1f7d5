// Contacts keep names as hashes, so that they outlive a rulebook; screens want the names back.
import type { NameHash } from "../domain/ids.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";

export type NameKind = "issue" | "group" | "action" | "treatment" | "channel" | "placement" | "trigger" | "pattern";

export interface RulebookNames {
  /** The name, or 8 hex digits where the active rulebook does not know it any more. */
  readonly nameOf: (kind: NameKind, hash: NameHash) => string;
}

const known = new WeakMap<Rulebook, RulebookNames>();

export function rulebookNames(rulebook: Rulebook): RulebookNames {
  const found = known.get(rulebook);
  if (found !== undefined) return found;
  const names = collect(rulebook);
  known.set(rulebook, names);
  return names;
}

function collect(rulebook: Rulebook): RulebookNames {
  const { actions, treatments, channels, placements, triggers, campaigns } = rulebook;
  const tables: Readonly<Record<NameKind, ReadonlyMap<NameHash, string>>> = {
    issue: new Map(actions.map((action) => [action.issue.hash, action.issue.id])),
    group: new Map(actions.map((action) => [action.group.hash, action.group.id])),
    action: new Map(actions.map((action) => [action.hash, action.id])),
    treatment: new Map(treatments.map((treatment) => [treatment.hash, treatment.id])),
    channel: new Map(channels.map((channel) => [channel.hash, channel.name])),
    placement: new Map(placements.map((placement) => [placement.hash, placement.name])),
    trigger: new Map([...triggers, ...campaigns].map((asking) => [asking.hash, asking.id])),
    pattern: new Map(triggers.map(({ keptAs, id }) => [keptAs, id])),
  };
  return { nameOf: (kind, hash) => tables[kind].get(hash) ?? (hash >>> 0).toString(16).padStart(8, "0") };
}
