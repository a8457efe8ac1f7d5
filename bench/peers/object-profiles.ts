// Profiles as one would write them first: a Map of objects, in each a Map of panes for each feature. Counts the same events
// into the same panes as the engine's packed records, and forgets none.
import type { Contact } from "../../engine/domain/contact.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import type { CustomerKey } from "../../engine/domain/ids.ts";
import type { FeatureSpec } from "../../engine/rulebook/rulebook.ts";

export interface ObjectProfiles {
  readonly fold: (key: CustomerKey, event: CustomerEvent) => void;
  readonly setContacts: (key: CustomerKey, contacts: readonly Contact[]) => void;
  readonly size: () => number;
}

interface Pane {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
  ts: number;
  seen: Set<string> | undefined;
}

interface Profile {
  readonly features: Record<string, Map<number, Pane>>;
  contacts: readonly Contact[];
}

export function createObjectProfiles(specs: readonly FeatureSpec[]): ObjectProfiles {
  const profiles = new Map<CustomerKey, Profile>();
  const counted = specs.filter(({ aggregate }) => aggregate !== "ratio");
  const profileOf = (key: CustomerKey): Profile => {
    let profile = profiles.get(key);
    if (profile === undefined) {
      profile = { features: {}, contacts: [] };
      profiles.set(key, profile);
    }
    return profile;
  };
  const fold = (key: CustomerKey, event: CustomerEvent): void => {
    const { features } = profileOf(key);
    for (const spec of counted) {
      if (spec.types.length > 0 && !spec.types.includes(event.type)) continue;
      if (!spec.matches(event)) continue;
      features[spec.name] ??= new Map();
      add(features[spec.name] as Map<number, Pane>, spec, event);
    }
  };
  return {
    fold,
    setContacts: (key, contacts) => {
      profileOf(key).contacts = contacts;
    },
    size: () => profiles.size,
  };
}

function add(panes: Map<number, Pane>, spec: FeatureSpec, event: CustomerEvent): void {
  const at = spec.paneMs === undefined ? 0 : Math.floor(event.ts / spec.paneMs);
  let pane = panes.get(at);
  if (pane === undefined) {
    pane = {
      count: 0,
      sum: 0,
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
      last: 0,
      ts: 0,
      seen: undefined,
    };
    panes.set(at, pane);
  }
  const value = spec.field?.(event);
  if (spec.aggregate === "distinct" && value !== undefined) {
    pane.seen ??= new Set();
    pane.seen.add(String(value));
  }
  const number = typeof value === "number" ? value : 0;
  const faded = spec.halfLifeMs === undefined || pane.ts === 0 ? 1 : 2 ** ((pane.ts - event.ts) / spec.halfLifeMs);
  pane.count = pane.count * faded + 1;
  pane.sum = pane.sum * faded + number;
  pane.min = Math.min(pane.min, number);
  pane.max = Math.max(pane.max, number);
  pane.last = number;
  pane.ts = event.ts;
}
