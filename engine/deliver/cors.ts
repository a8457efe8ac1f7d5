// Cross-origin requests of pages on the allow-list (Fetch standard). No credentials: tokens travel in a header that the page sets.
import type { Answer } from "./answer.ts";
import type { OriginPolicy } from "./origin.ts";

type Headers = Readonly<Record<string, string>>;

const EXPOSED = "retry-after, idempotency-replayed, www-authenticate, etag";
const TAKEN = "authorization, content-type, idempotency-key, traceparent, if-none-match";
const MAX_AGE_SECONDS = 600;
const NONE: Headers = {};

/** What every answer to this origin carries; nothing for programs, the engine's own pages, and origins that are not listed. */
export function corsHeaders({ allowedOrigins }: OriginPolicy, origin: string): Headers {
  if (allowedOrigins.length === 0) return NONE;
  if (!allowedOrigins.includes(origin)) return { vary: "origin" };
  return { vary: "origin", "access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED };
}

/** The answer to OPTIONS; `allow`: methods of the path. A page of another origin gets no permission, so its browser sends nothing. */
export function preflight(policy: OriginPolicy, origin: string, allow: string): Answer {
  const allowed = policy.allowedOrigins.includes(origin);
  const permission: Headers = {
    "access-control-allow-methods": allow,
    "access-control-allow-headers": TAKEN,
    "access-control-max-age": String(MAX_AGE_SECONDS),
  };
  return { status: 204, headers: { allow, ...(allowed ? permission : {}) }, body: "" };
}
