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

function admit(deps: AdmissionDeps, peer: Peer, verified: Verified, message: Connect | undefined): void {
  const { metrics } = deps;
  const { state } = peer;
  if (state.kind !== "greeting" && state.kind !== "live") return;
  const refusal = refusalOf(deps, state, verified);
  if (verified.kind !== "caller" || refusal !== undefined) {
    if (refusal !== undefined) closePeer(peer, refusal.code, refusal.why, refusal.drop, metrics);
    return;
  }
  const { caller } = verified;
  if (state.kind === "greeting") peer.state = liveAs(caller);
  else renew(deps, peer, state, caller);
  stayUntil(deps, peer, caller.expiresAt);
  const { id } = message ?? {};
  const until = Number.isFinite(caller.expiresAt) ? { expiresAt: caller.expiresAt } : {};
  const granted = { scopes: [...caller.scopes], topics: [...caller.topics], ...until };
  sendMessage(peer, { op: "ack", for: "connect", ...(id === undefined ? {} : { id }), ...granted }, metrics);
}

interface Refusal {
  readonly code: number;
  readonly why: string;
  readonly drop: WebsocketDrop;
}

function refusalOf({ guard }: AdmissionDeps, state: Greeting | Live, verified: Verified): Refusal | undefined {
  if (verified.kind === "unavailable") return { code: CLOSE.tryAgain, why: verified.why, drop: "unavailable" };
  if (verified.kind === "refused") return { code: CLOSE.unauthorized, why: verified.why, drop: "unauthorized" };
  const { caller } = verified;
  const forbidden = { code: CLOSE.forbidden, drop: "forbidden" } as const;
  if (!isLetIn(caller, ["agent"])) return { ...forbidden, why: "a socket needs the scope agent or admin" };
  if (state.kind === "live" && state.caller.id !== caller.id)
    return { ...forbidden, why: "the new token is somebody else's" };
  if (guard.mayTake(caller) === 0) return undefined;
  return { code: CLOSE.tooMuch, why: "too many messages of this caller", drop: "too-many-messages" };
}

/** What the new token does not name any more is left. */
function renew(deps: AdmissionDeps, peer: Peer, live: Live, caller: Caller): void {
  live.caller = caller;
  for (const topic of [...live.subscriptions.keys()]) {
    if (mayFollow(caller, topic)) continue;
    leaveTopic(deps, peer, live, topic);
    const detail = "the new token does not name this topic";
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
