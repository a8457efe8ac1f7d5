// From what a caller shows to who it is: a JSON Web Token or the key of a server.
import { createHash } from "node:crypto";
import type { Log } from "../ports.ts";
import { createApiKeys } from "./api-keys.ts";
import type { Caller } from "./caller.ts";
import { createTokenVerifier, type TokenSource, type Verified } from "./jwt.ts";

export interface AuthOptions {
  /** Undefined: no JSON Web Tokens are taken, only keys of servers. */
  readonly tokens: TokenSource | undefined;
  /** Undefined: no keys of servers. */
  readonly apiKeysFile: string | undefined;
}

export interface Authenticator {
  /** At once where it is known already; never rejects. */
  readonly authenticate: (token: string) => Verified | Promise<Verified>;
  /** Of a server, by its key as the file has it now: undefined where it has it no more. Whoever showed a token is the same. */
  readonly renewed: (caller: Caller) => Caller | undefined;
  /** Called whenever the keys of servers were read anew. */
  readonly onKeysRead: (listener: () => void) => void;
  readonly close: () => void;
}

const TOKEN_LENGTH_MAX = 8 * 1024;
const TOKEN = /^[A-Za-z0-9._~+/=-]+$/;
const KNOWN_MAX = 10_000;
/** A token is checked again after this, so that a key that left the key set does not live on. */
const KNOWN_FOR_MS = 60_000;

/** Throws where the file of API keys is faulty. */
export function createAuthenticator({ tokens, apiKeysFile }: AuthOptions, log: Pick<Log, "warn">): Authenticator {
  const keys = apiKeysFile === undefined ? undefined : createApiKeys(apiKeysFile, log);
  const verify = tokens === undefined ? undefined : createTokenVerifier(tokens);
  /** By sha256: tokens themselves are not kept. */
  const known = new Map<string, { readonly caller: Caller; readonly until: number }>();

  const remember = (hash: string, caller: Caller): void => {
    if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value as string);
    known.set(hash, { caller, until: Math.min(caller.expiresAt, Date.now() + KNOWN_FOR_MS) });
  };

  return {
    authenticate: (token) => {
      if (token.length > TOKEN_LENGTH_MAX || !TOKEN.test(token)) return NO_TOKEN;
      if (token.split(".").length !== 3 || verify === undefined) {
        const caller = keys?.callerOf(token);
        return caller === undefined ? UNKNOWN : { kind: "caller", caller };
      }
      const hash = createHash("sha256").update(token).digest("base64");
      const before = known.get(hash);
      if (before !== undefined && before.until > Date.now()) return { kind: "caller", caller: before.caller };
      known.delete(hash);
      return verify(token).then((verified) => {
        if (verified.kind === "caller") remember(hash, verified.caller);
        return verified;
      });
    },
    renewed: (caller) => (caller.key === undefined ? caller : keys?.renewed(caller)),
    onKeysRead: (listener) => keys?.onRead(listener),
    close: () => keys?.close(),
  };
}

const NO_TOKEN: Verified = { kind: "refused", why: "this is no token" };
const UNKNOWN: Verified = { kind: "refused", why: "neither a JSON Web Token nor a key that is known here" };
