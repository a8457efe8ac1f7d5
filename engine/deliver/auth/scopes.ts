// What a caller may do. Every route declares which of these let a caller in.

/**
 * `decide`: ask for decisions and report what became of them, for anyone. `events`: hand in events and outcomes, for anyone.
 * `agent`: what a screen needs, for the topics and customers that the token names. `metrics`: scrape. `admin`: everything.
 */
export const SCOPES = ["decide", "events", "agent", "metrics", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** `open`: anybody, always: probes. `public`: anybody, each address at the rate of a caller. `peers`: other engines, whom the route judges by itself. Else one of the scopes, or `admin`. */
export type Access = "open" | "public" | "peers" | readonly [Scope, ...Scope[]];

export function isScope(name: unknown): name is Scope {
  return SCOPES.some((scope) => scope === name);
}
