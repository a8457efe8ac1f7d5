// One attempt at posting a message to a gateway, and what its answer means.
import { Agent, request } from "undici";

export type Posted =
  | { readonly kind: "delivered" }
  /** It will never be taken: trying again is of no use. */
  | { readonly kind: "refused"; readonly why: string }
  /** `afterMs`: no sooner than the gateway has asked for, where it has. */
  | { readonly kind: "failed"; readonly why: string; readonly afterMs: number | undefined };

export interface Poster {
  readonly post: (letter: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly timeoutMs: number;
  }) => Promise<Posted>;
  /** Ends what is under way. */
  readonly close: () => Promise<void>;
}

const ANSWER_BYTES_MAX = 16_384;
const RETRY_AFTER_MS_MAX = 3_600_000;
const CONNECTIONS_MAX = 256;

/** Redirects are not followed, and of an answer nothing but its status is read. */
export function createPoster(): Poster {
  const agent = new Agent({ connections: CONNECTIONS_MAX, pipelining: 1, connect: { timeout: 5_000 } });
  return {
    post: async ({ url, headers, body, timeoutMs }) => {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), timeoutMs);
      try {
        const answer = await request(url, {
          method: "POST",
          dispatcher: agent,
          headers: { "content-type": "application/json", "user-agent": "nba-engine", ...headers },
          body,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          signal: patience.signal,
        });
        // The status is the answer: what comes after it is read only so that the connection can be used again.
        await answer.body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => undefined);
        return meaningOf(answer.statusCode, answer.headers["retry-after"]);
      } catch (error) {
        const why = patience.signal.aborted ? `no answer within ${timeoutMs} ms` : codeOf(error);
        return { kind: "failed", why, afterMs: undefined };
      } finally {
        clearTimeout(timer);
      }
    },
    close: async () => await agent.destroy(),
  };
}

/** 408 and 429 ask for another attempt; of the others 4xx says that this message is wrong, and 410 that nobody is there. */
export function meaningOf(status: number, retryAfter: string | string[] | undefined, now = Date.now()): Posted {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const why = `the gateway answered ${status}`;
  const isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return isRefused ? { kind: "refused", why } : { kind: "failed", why, afterMs: retryAfterMs(retryAfter, now) };
}

/** Seconds or an HTTP date, at most an hour; undefined where it says neither. */
function retryAfterMs(written: string | string[] | undefined, now: number): number | undefined {
  const text = (Array.isArray(written) ? written[0] : written)?.trim();
  if (text === undefined || text === "") return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms));
}

/** Never the message of an error: it may quote an address. */
function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return `the gateway cannot be reached: ${typeof code === "string" ? code : String(name)}`;
}
