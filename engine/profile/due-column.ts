// When something of a held customer falls due, beside its packed record: told for every profile that is written back, so
// its state should not have to be decoded for that. Learnt whenever the state is at hand, and numbers only: nothing to trace.
import { type Instant, NEVER } from "../domain/time.ts";
import type { Entry } from "./entries.ts";
import { nextDue } from "./outcome.ts";
import type { ProfileState } from "./state.ts";

/** What is asked of an entry must have been learnt, and not forgotten since. */
export interface DueColumn {
  readonly isKnown: (entry: Entry) => boolean;
  readonly learn: (entry: Entry, state: ProfileState) => void;
  /** The entry is another customer's from now on, or its state is other bytes. */
  readonly forget: (entry: Entry) => void;
  readonly soonest: (entry: Entry) => Instant;
  readonly dailyFrom: (entry: Entry) => Instant;
}

export function createDueColumn(): DueColumn {
  let soonest = new Float64Array(64).fill(Number.NaN);
  let from = new Float64Array(64);

  const grow = (entry: Entry): void => {
    const size = Math.max(soonest.length * 2, entry + 1);
    const wider = new Float64Array(size).fill(Number.NaN);
    wider.set(soonest);
    soonest = wider;
    const widerFrom = new Float64Array(size);
    widerFrom.set(from);
    from = widerFrom;
  };
  return {
    isKnown: (entry) => entry < soonest.length && !Number.isNaN(soonest[entry]),
    learn: (entry, state) => {
      if (entry >= soonest.length) grow(entry);
      soonest[entry] = soonestDue(state);
      from[entry] = dailyFrom(state);
    },
    forget: (entry) => {
      if (entry < soonest.length) soonest[entry] = Number.NaN;
    },
    soonest: (entry) => soonest[entry] as Instant,
    dailyFrom: (entry) => from[entry] as Instant,
  };
}

/** The earliest of its contacts, patterns and messages that are kept back; NEVER where nothing falls due. The day is no part of it. */
export function soonestDue({ contacts, patterns, held }: ProfileState): Instant {
  let due = nextDue(contacts);
  for (const pattern of patterns) if (pattern.due < due) due = pattern.due;
  for (const { until } of held) if (until < due) due = until;
  return due;
}

/** When the daily triggers were last asked for, LONG_AGO where never; NEVER where they are not: an anonymous key that is joined. */
export function dailyFrom({ sealedTo, rescoredAt }: ProfileState): Instant {
  return sealedTo === undefined ? rescoredAt : NEVER;
}
