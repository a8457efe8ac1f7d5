/** What the simulated world did so far. */
export interface Counts {
  /** Events added to the streams, the opening included. */
  readonly events: number;
  /** Events given up because Redis was away. */
  readonly lost: number;
  readonly asked: number;
  readonly askFailures: number;
  readonly deskCalls: number;
  readonly colleagueCalls: number;
  readonly messages: number;
  /** Outcomes sent, by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** By action: offers seen, and accepted. */
  readonly actions: Readonly<Record<string, { readonly presented: number; readonly accepted: number }>>;
}

export interface Tally {
  readonly add: (
    what: "events" | "lost" | "asked" | "askFailures" | "deskCalls" | "colleagueCalls" | "messages",
    by?: number,
  ) => void;
  readonly outcome: (action: string, outcome: string) => void;
  readonly counts: () => Counts;
}

export function createTally(): Tally {
  const sums = { events: 0, lost: 0, asked: 0, askFailures: 0, deskCalls: 0, colleagueCalls: 0, messages: 0 };
  const outcomes: Record<string, number> = {};
  const actions = new Map<string, { presented: number; accepted: number }>();
  return {
    add: (what, by = 1) => {
      sums[what] += by;
    },
    outcome: (action, outcome) => {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (outcome !== "presented" && outcome !== "accepted") return;
      const seen = actions.get(action) ?? { presented: 0, accepted: 0 };
      seen[outcome]++;
      actions.set(action, seen);
    },
    counts: () => ({
      ...sums,
      outcomes: { ...outcomes },
      actions: Object.fromEntries([...actions].map(([action, seen]) => [action, { ...seen }])),
    }),
  };
}
