// The door of HTTP and WebSocket: who calls, whether this place is for them, and whether they call too often.
import type { Answer } from "../answer.ts";
import type { Log } from "../ports.ts";
import { problemAnswer, retryLater } from "../problem.ts";
import { type AuthOptions, createAuthenticator } from "./authenticate.ts";
import { ANYONE, type Caller, isLetIn } from "./caller.ts";
import type { Verified } from "./jwt.ts";
import { createRateLimit } from "./rate-limit.ts";
import type { Access } from "./scopes.ts";

export interface GuardOptions {
  /** `off`: everybody is ANYONE. */
  readonly auth: "off" | AuthOptions;
  /** Requests and messages a second of one caller, twice as many at once; undefined: no limit. */
  readonly perSecond: number | undefined;
}

export type LetIn =
  | { readonly kind: "let-in"; readonly caller: Caller }
  | { readonly kind: "refused"; readonly answer: Answer };

export interface Guard {
  readonly isOff: boolean;
  /** `authorization`: the header. `address`: of the peer, asked for only where it is needed. Never rejects. */
  readonly judge: (access: Access, authorization: string, address: () => string) => LetIn | Promise<LetIn>;
  /** Of a token alone, as a socket shows it. Never rejects. */
  readonly authenticate: (token: string) => Verified | Promise<Verified>;
  /** Of who was let in before: as it is by now, or undefined where its key is known no more. */
  readonly renewed: (caller: Caller) => Caller | undefined;
  /** Called whenever `renewed` may answer otherwise than before. */
  readonly onKeysRead: (listener: () => void) => void;
  /** A token from this address was refused: 0, or the milliseconds until one more may be. */
  readonly mayFail: (address: string) => number;
  /** One message more of this caller: 0, or the milliseconds until there is room again. */
  readonly mayTake: (caller: Caller) => number;
  readonly close: () => void;
}

const CALLERS_MAX = 20_000;
/** Refused tokens a second from one address: beyond it the answer is 429. */
const FAILURES_PER_SECOND = 10;
const BEARER = /^bearer +([^ ]+) *$/i;

/** Throws where the file of API keys is faulty. */
export function createGuard(options: GuardOptions, log: Pick<Log, "warn">): Guard {
  const { auth, perSecond } = options;
  const authenticator = auth === "off" ? undefined : createAuthenticator(auth, log);
  const rate = createRateLimit({ perSecond: perSecond ?? 1, callersMax: CALLERS_MAX });
  const failures = createRateLimit({ perSecond: FAILURES_PER_SECOND, callersMax: CALLERS_MAX });

  const take = (id: string, own: number | undefined): number =>
    own === undefined && perSecond === undefined ? 0 : rate.take(id, performance.now(), own);

  const mayFail = (address: string): number => failures.take(address, performance.now());

  const welcome = (caller: Caller, access: Access, id: string): LetIn => {
    const waitMs = take(id, caller.perSecond);
    if (waitMs > 0) return refused(tooMany(waitMs));
    return isLetIn(caller, access) ? { kind: "let-in", caller } : refused(forbidden(access));
  };

  const conclude = (verified: Verified, access: Access, address: () => string): LetIn => {
    if (verified.kind === "caller") return welcome(verified.caller, access, verified.caller.id);
    if (verified.kind === "unavailable") return refused(retryLater("unavailable", verified.why, 2_000));
    const waitMs = mayFail(address());
    return refused(waitMs > 0 ? tooMany(waitMs) : unauthenticated(verified.why, true));
  };

  return {
    isOff: authenticator === undefined,
    judge: (access, authorization, address) => {
      // Nobody asks who they are: probes have no tokens, pages are read before anybody signs in.
      if (access === "open") return LET_IN;
      if (access === "peers") return NO_PEER; // its route judges who is one
      if (access === "public") return perSecond === undefined ? LET_IN : welcome(ANYONE, access, `ip:${address()}`);
      if (authenticator === undefined)
        return perSecond === undefined ? LET_IN : welcome(ANYONE, access, `ip:${address()}`);
      if (authorization === "") return refused(unauthenticated("send a token: Authorization: Bearer ...", false));
      const token = BEARER.exec(authorization)?.[1];
      if (token === undefined) return refused(unauthenticated("the header Authorization must be: Bearer TOKEN", true));
      const verified = authenticator.authenticate(token);
      if (!(verified instanceof Promise)) return conclude(verified, access, address);
      // Asked for now: once the connection is gone nobody may ask it any more.
      const from = address();
      return verified.then((settled) => conclude(settled, access, () => from));
    },
    authenticate: (token) => authenticator?.authenticate(token) ?? { kind: "caller", caller: ANYONE },
    renewed: (caller) => (authenticator === undefined ? caller : authenticator.renewed(caller)),
    onKeysRead: (listener) => authenticator?.onKeysRead(listener),
    mayFail,
    mayTake: (caller) => (caller === ANYONE ? 0 : take(caller.id, caller.perSecond)),
    close: () => authenticator?.close(),
  };
}

const LET_IN: LetIn = { kind: "let-in", caller: ANYONE };
const NO_PEER = refused(problemAnswer("not-a-peer", "only another engine may ask this"));

/** For a route that let the caller in, but not for this customer. */
export function notYours(what: string): Answer {
  return problemAnswer("forbidden", `${what} is not among the topics of your token`, [], {
    "www-authenticate": `${REALM}, error="insufficient_scope"`,
  });
}

const REALM = 'Bearer realm="nba"';

function unauthenticated(why: string, hadToken: boolean): Answer {
  // RFC 6750: who sent no token is told no error code.
  const challenge = hadToken ? `${REALM}, error="invalid_token", error_description="${why}"` : REALM;
  return problemAnswer("unauthenticated", why, [], { "www-authenticate": challenge });
}

function forbidden(access: Access): Answer {
  const scopes = typeof access === "string" ? [] : access.filter((scope) => scope !== "admin");
  const detail = `this needs one of the scopes ${[...scopes, "admin"].join(", ")}`;
  return problemAnswer("forbidden", detail, [], {
    "www-authenticate": `${REALM}, error="insufficient_scope", scope="${[...scopes, "admin"].join(" ")}"`,
  });
}

function tooMany(waitMs: number): Answer {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return problemAnswer("rate-limited", "more requests than this caller may send; wait, then go on", [], {
    "retry-after": String(seconds),
  });
}

function refused(answer: Answer): LetIn {
  return { kind: "refused", answer };
}
