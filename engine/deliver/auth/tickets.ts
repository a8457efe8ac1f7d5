// Single-use tickets for the URL of a WebSocket, where a page cannot send a header: kept in Redis, so that any engine takes them.
import { createHash, randomBytes } from "node:crypto";
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { text } from "../../journal/redis.ts";
import type { RedisLane } from "../redis-lane.ts";
import type { Caller } from "./caller.ts";
import type { Verified } from "./jwt.ts";
import { isScope } from "./scopes.ts";

const Kept = Type.Object({
  id: Type.String(),
  scopes: Type.Array(Type.String()),
  topics: Type.Array(Type.String()),
  expiresAt: Type.Union([Type.Number(), Type.Null()]),
  perSecond: Type.Optional(Type.Number()),
  key: Type.Optional(Type.String()),
});
const check = Compile(Kept);

export interface Ticket {
  readonly ticket: string;
  /** ms since 1970. */
  readonly expiresAt: number;
}

export interface Tickets {
  /** Stands for the caller once, for 30 s; the socket then lasts as long as the token would. Rejects where Redis does not answer. */
  readonly issue: (caller: Caller) => Promise<Ticket>;
  /** Never rejects. */
  readonly redeem: (ticket: string) => Promise<Verified>;
}

export const TICKET_MS = 30_000;
const TICKET = /^[A-Za-z0-9_-]{43}$/;

export function createTickets(lane: RedisLane): Tickets {
  return {
    issue: async (caller) => {
      const ticket = randomBytes(32).toString("base64url");
      const connection = await lane.connection();
      await connection.command(["SET", nameOf(ticket), JSON.stringify(keptOf(caller)), "PX", String(TICKET_MS)]);
      return { ticket, expiresAt: Date.now() + TICKET_MS };
    },
    redeem: async (ticket) => {
      if (!TICKET.test(ticket)) return { kind: "refused", why: "this is no ticket" };
      try {
        const connection = await lane.connection();
        const kept = text(await connection.command(["GETDEL", nameOf(ticket)]));
        if (kept === "") return { kind: "refused", why: "the ticket was used already, or is too old" };
        const value: unknown = JSON.parse(kept);
        if (!check.Check(value)) return { kind: "refused", why: "the ticket is not one of these engines" };
        return { kind: "caller", caller: callerOf(value) };
      } catch {
        return { kind: "unavailable", why: "the ticket cannot be looked up now" };
      }
    },
  };
}

/** Whoever reads the keys of Redis does not learn the tickets. */
function nameOf(ticket: string): string {
  return `nba:ticket:${createHash("sha256").update(ticket).digest("hex")}`;
}

function keptOf({ id, scopes, topics, expiresAt, perSecond, key }: Caller): Static<typeof Kept> {
  return {
    id,
    scopes: [...scopes],
    topics: [...topics],
    expiresAt: Number.isFinite(expiresAt) ? expiresAt : null,
    ...(perSecond === undefined ? {} : { perSecond }),
    ...(key === undefined ? {} : { key }),
  };
}

function callerOf({ id, scopes, topics, expiresAt, perSecond, key }: Static<typeof Kept>): Caller {
  return {
    id,
    scopes: new Set(scopes.filter(isScope)),
    topics: new Set(topics),
    expiresAt: expiresAt ?? Number.POSITIVE_INFINITY,
    perSecond,
    ...(key === undefined ? {} : { key }),
  };
}
