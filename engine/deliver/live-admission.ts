// How a socket gets in and how long it stays: by a token in its first message or a ticket in its URL, within 5 s; a new token on
// the same socket prolongs it; when the token ends, so does the socket.
import type { Caller } from "./auth/caller.ts";
import { ANYONE, isLetIn, mayFollow } from "./auth/caller.ts";
import type { Guard } from "./auth/guard.ts";
import type { Verified } from "./auth/jwt.ts";
import type { Tickets } from "./auth/tickets.ts";
import { leaveTopic } from "./live-commands.ts";
import type { Connect } from "./live-messages.ts";
import type { Greeting, Live, Peer } from "./live-peer.ts";
import { CLOSE, closePeer, sendMessage } from "./live-peer.ts";
import type { Topics } from "./live-topics.ts";
import type { DeliverMetrics, WebsocketDrop } from "./ports.ts";
import { addressOf } from "./write-answer.ts";

export interface AdmissionDeps {
  readonly guard: Guard;
  readonly tickets: Tickets;
  readonly topics: Topics;
  readonly metrics: DeliverMetrics;
}

const CONNECT_WITHIN_MS = 5_000;
/** Timers hold 31 bits; a token may last longer. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A socket was opened. Without AUTH it is live at once. */
export function greet(deps: AdmissionDeps, peer: Peer, ticket: string | undefined): void {
  const { guard, tickets, metrics } = deps;
  if (guard.isOff) {
    peer.state = liveAs(ANYONE);
    return;
  }
  peer.timer = setTimeout(() => {
    const why = "no connect with a token within 5 s";
    if (peer.state.kind === "greeting") closePeer(peer, CLOSE.noConnect, why, "no-connect", metrics);
  }, CONNECT_WITHIN_MS);
  if (ticket !== undefined) admitInTurn(peer, async () => admit(deps, peer, await tickets.redeem(ticket), undefined));
}

/** A connect came: messages behind it wait until it is judged (`peer.admission`). */
export function connect(deps: AdmissionDeps, peer: Peer, message: Connect): void {
  const { guard, metrics } = deps;
  if (guard.isOff) {
    sendMessage(peer, { op: "ack", for: "connect", ...(message.id === undefined ? {} : { id: message.id }) }, metrics);
    return;
  }
  const { token } = message;
  admitInTurn(peer, async () => {
    const verified: Verified =
      token === undefined ? { kind: "refused", why: "connect needs a token" } : await guard.authenticate(token);
    admit(deps, peer, verified, message);
  });
}

/** The keys of servers were read anew: a socket of one that is gone is closed, topics that one does not name any more are left. */
export function recheck(deps: AdmissionDeps, peer: Peer): void {
  const { state } = peer;
  if (state.kind !== "live") return;
  const verified = asOfNow(deps, { kind: "caller", caller: state.caller });
  if (verified.kind === "caller" && verified.caller === state.caller) return;
  const refusal = refusalOf(verified);
  if (refusal !== undefined) closePeer(peer, refusal.code, refusal.why, refusal.drop, deps.metrics);
  if (refusal !== undefined || verified.kind !== "caller") return;
  renew(deps, peer, state, verified.caller, "the key does not name this topic any more");
  stayUntil(deps, peer, verified.caller.expiresAt);
}

/** The socket is gone, or about to be. */
export function dismiss(peer: Peer): void {
  clearTimeout(peer.timer);
  peer.timer = undefined;
}

function admitInTurn(peer: Peer, judge: () => Promise<void>): void {
  const admission = (peer.admission ?? Promise.resolve()).then(judge).finally(() => {
    if (peer.admission === admission) peer.admission = undefined;
  });
  peer.admission = admission;
}

function admit(deps: AdmissionDeps, peer: Peer, shown: Verified, message: Connect | undefined): void {
  const { guard, metrics } = deps;
  const { state } = peer;
  if (state.kind !== "greeting" && state.kind !== "live") return;
  const verified = asOfNow(deps, shown);
  const isRefused = verified.kind === "refused";
  const isGuessing = isRefused && guard.mayFail(addressOf(peer.socket)) > 0;
  const refusal = isGuessing ? GUESSING : (refusalOf(verified) ?? overdoing(deps, state, verified));
  if (refusal !== undefined) closePeer(peer, refusal.code, refusal.why, refusal.drop, metrics);
  if (refusal !== undefined || verified.kind !== "caller") return;
  const { caller } = verified;
  if (state.kind === "greeting") peer.state = liveAs(caller);
  else renew(deps, peer, state, caller, "the new token does not name this topic");
  stayUntil(deps, peer, caller.expiresAt);
  const { id } = message ?? {};
  const until = Number.isFinite(caller.expiresAt) ? { expiresAt: caller.expiresAt } : {};
  const granted = { scopes: [...caller.scopes], topics: [...caller.topics], ...until };
  sendMessage(peer, { op: "ack", for: "connect", ...(id === undefined ? {} : { id }), ...granted }, metrics);
}

/** A ticket, and a socket, may outlive the key that they were opened with. */
function asOfNow({ guard }: AdmissionDeps, verified: Verified): Verified {
  if (verified.kind !== "caller") return verified;
  const caller = guard.renewed(verified.caller);
  return caller === undefined ? { kind: "refused", why: "the key is known no more" } : { kind: "caller", caller };
}

interface Refusal {
  readonly code: number;
  readonly why: string;
  readonly drop: WebsocketDrop;
}

const GUESSING: Refusal = { code: CLOSE.tooMuch, why: "too many refused tokens of this address", drop: "unauthorized" };

function refusalOf(verified: Verified): Refusal | undefined {
  if (verified.kind === "unavailable") return { code: CLOSE.tryAgain, why: verified.why, drop: "unavailable" };
  if (verified.kind === "refused") return { code: CLOSE.unauthorized, why: verified.why, drop: "unauthorized" };
  if (isLetIn(verified.caller, ["agent"])) return undefined;
  return { code: CLOSE.forbidden, why: "a socket needs the scope agent or admin", drop: "forbidden" };
}

function overdoing({ guard }: AdmissionDeps, state: Greeting | Live, verified: Verified): Refusal | undefined {
  if (verified.kind !== "caller") return undefined;
  const { caller } = verified;
  if (state.kind === "live" && state.caller.id !== caller.id)
    return { code: CLOSE.forbidden, why: "the new token is somebody else's", drop: "forbidden" };
  if (guard.mayTake(caller) === 0) return undefined;
  return { code: CLOSE.tooMuch, why: "too many messages of this caller", drop: "too-many-messages" };
}

/** What the caller may not follow any more is left. */
function renew(deps: AdmissionDeps, peer: Peer, live: Live, caller: Caller, detail: string): void {
  live.caller = caller;
  for (const topic of [...live.subscriptions.keys()]) {
    if (mayFollow(caller, topic)) continue;
    leaveTopic(deps, peer, live, topic);
    sendMessage(peer, { op: "error", code: "forbidden", detail, topic }, deps.metrics);
  }
}

function stayUntil(deps: AdmissionDeps, peer: Peer, expiresAt: number): void {
  dismiss(peer);
  if (!Number.isFinite(expiresAt)) return;
  const leftMs = expiresAt - Date.now();
  peer.timer = setTimeout(
    () => {
      if (expiresAt > Date.now()) stayUntil(deps, peer, expiresAt);
      else closePeer(peer, CLOSE.unauthorized, "the token has expired", "unauthorized", deps.metrics);
    },
    Math.max(0, Math.min(TIMER_MS_MAX, leftMs)),
  );
}

function liveAs(caller: Caller): Live {
  return { kind: "live", caller, subscriptions: new Map() };
}
