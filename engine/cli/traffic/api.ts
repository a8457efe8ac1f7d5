// The engine as an app sees it: over HTTP, nothing imported from it.

/** One item of an answered slate, as far as the simulation reads it. */
export interface Offered {
  readonly action: string;
  readonly trackingCode: string;
}

export interface OutcomeMessage {
  readonly trackingCode: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly until?: number;
}

export interface Api {
  /** What was offered; empty where nothing was, undefined where the engine did not answer. */
  readonly decide: (
    customer: string,
    channel: string,
    placement: string,
    limit: number,
  ) => Promise<readonly Offered[] | undefined>;
  /** True where the engine took it. */
  readonly report: (outcomes: readonly OutcomeMessage[]) => Promise<boolean>;
}

const TIMEOUT_MS = 3_000;
const DEADLINE_MS = 250;

/** Keep-alive is what Node's fetch does by itself. */
export function createApi(baseUrl: string, stopped: AbortSignal): Api {
  const base = baseUrl.replace(/\/+$/, "");
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(`${base}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.any([stopped, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return JSON.parse(text);
  };
  return {
    decide: async (customer, channel, placement, limit) => {
      const request = { customer, channel, placements: [{ name: placement, limit }], deadlineMs: DEADLINE_MS };
      try {
        return offersOf(await post("/v1/decisions", request));
      } catch {
        return undefined; // counted by the caller: an app goes on without an offer
      }
    },
    report: async (outcomes) => {
      try {
        await post("/v1/outcomes", outcomes);
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** Items with a tracking code: a declared default has none, and nobody answers it. */
function offersOf(answer: unknown): readonly Offered[] {
  const slates = field(answer, "slates");
  if (!Array.isArray(slates)) return [];
  return slates.flatMap((slate: unknown) => {
    const items = field(slate, "items");
    return Array.isArray(items) ? items.flatMap(offerOf) : [];
  });
}

function offerOf(item: unknown): readonly Offered[] {
  const action = field(item, "action");
  const trackingCode = field(item, "trackingCode");
  return typeof action === "string" && typeof trackingCode === "string" ? [{ action, trackingCode }] : [];
}

export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
