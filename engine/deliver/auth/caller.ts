// Who calls, and how far that reaches. Pure.
import type { CustomerKey } from "../../domain/ids.ts";
import type { Access, Scope } from "./scopes.ts";

export interface Caller {
  /** `jwt:SUBJECT`, `key:NAME`; `anyone` while AUTH is off. Never in a log above debug: a subject may be a person. */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  /** What `agent` reaches: names of topics, or `customer/*`, `queue/*`, `channel/NAME/*` for all of a kind. */
  readonly topics: ReadonlySet<string>;
  /** ms since 1970; Infinity: never. */
  readonly expiresAt: number;
  /** Requests and messages a second where this caller has a rate of its own. */
  readonly perSecond: number | undefined;
  /** Of a server: the sha256 of its key, hex. */
  readonly key?: string;
}

export const TOPICS_MAX = 256;
export const TOPIC_LENGTH_MAX = 300;

/** While AUTH is off. */
export const ANYONE: Caller = {
  id: "anyone",
  scopes: new Set<Scope>(["admin"]),
  topics: new Set(),
  expiresAt: Number.POSITIVE_INFINITY,
  perSecond: undefined,
};

/** Has the caller one of the scopes that this place takes? */
export function isLetIn({ scopes }: Caller, access: Access): boolean {
  if (typeof access === "string" || scopes.has("admin")) return true;
  return access.some((scope) => scopes.has(scope));
}

/**
 * May the caller act for this customer in a place that takes `access`? `agent` reaches its own customers only, every other
 * scope that lets a caller in reaches all.
 */
export function reaches(caller: Caller, access: Access, key: CustomerKey): boolean {
  if (reachesAll(caller, access)) return true;
  return access.includes("agent") && caller.scopes.has("agent") && hasTopic(caller, `customer/${key}`);
}

/** Whatever its topics are. */
export function reachesAll({ scopes }: Caller, access: Access): boolean {
  if (typeof access === "string" || scopes.has("admin")) return true;
  return access.some((scope) => scope !== "agent" && scopes.has(scope));
}

/** May the caller follow this topic? The feed of all decisions is for `admin`. */
export function mayFollow(caller: Caller, topic: string): boolean {
  if (caller.scopes.has("admin")) return true;
  return topic !== "decisions" && caller.scopes.has("agent") && hasTopic(caller, topic);
}

/** `customer/*`, `queue/*` and `channel/NAME/*` stand for all of a kind; nothing else is a pattern. */
function hasTopic({ topics }: Caller, topic: string): boolean {
  if (topics.has(topic)) return true;
  const kind = /^(?:customer|queue|channel\/[^/]+)\//.exec(topic)?.[0];
  return kind !== undefined && topics.has(`${kind}*`);
}
