// JSON Web Tokens: signed with the one secret (HS256) or by a key of the one key set (ES256, RS256, EdDSA). What a token says of
// algorithms, keys and addresses chooses among these, and nothing else.
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import type { Caller } from "./caller.ts";
import { TOPIC_LENGTH_MAX, TOPICS_MAX } from "./caller.ts";
import { fetchKeySet } from "./key-set.ts";
import { isScope } from "./scopes.ts";

export interface TokenSource {
  /** HS256, at least 32 bytes; or the address of a JSON Web Key Set. */
  readonly from: { readonly secret: Uint8Array } | { readonly jwksUrl: string };
  /** `iss` that every token must have; undefined: any. */
  readonly issuer: string | undefined;
  /**
   * `aud` must name it where a token has one. Under a key set it must have one, for those keys sign tokens of other programs, too.
   */
  readonly audience: string;
}

export type Verified =
  | { readonly kind: "caller"; readonly caller: Caller }
  /** `why` quotes nothing of the token. */
  | { readonly kind: "refused"; readonly why: string }
  /** The key set could not be read: nothing is known of the token. */
  | { readonly kind: "unavailable"; readonly why: string };

/** Seconds by which clocks may differ. */
const TOLERANCE_SECONDS = 30;
const SUBJECT_LENGTH_MAX = 256;

/** Never rejects. */
export function createTokenVerifier(source: TokenSource): (token: string) => Promise<Verified> {
  const verify = verifierOf(source);
  return async (token) => {
    try {
      return callerOf(await verify(token), source, Date.now());
    } catch (error) {
      return failure(error);
    }
  };
}

function verifierOf({ from, issuer, audience }: TokenSource): (token: string) => Promise<JWTPayload> {
  const options: JWTVerifyOptions = {
    clockTolerance: TOLERANCE_SECONDS,
    requiredClaims: ["exp", "sub"],
    ...(issuer === undefined ? {} : { issuer }),
  };
  if ("secret" in from) {
    return async (token) => (await jwtVerify(token, from.secret, { ...options, algorithms: ["HS256"] })).payload;
  }
  const keys = createRemoteJWKSet(new URL(from.jwksUrl), { [customFetch]: fetchKeySet() });
  const asymmetric = { ...options, audience, algorithms: ["ES256", "RS256", "EdDSA", "Ed25519"] };
  return async (token) => (await jwtVerify(token, keys, asymmetric)).payload;
}

function callerOf(payload: JWTPayload, { audience }: TokenSource, nowMs: number): Verified {
  const { sub, exp, aud } = payload;
  if (typeof sub !== "string" || sub === "" || sub.length > SUBJECT_LENGTH_MAX)
    return refused(`the claim sub must be a text of 1 to ${SUBJECT_LENGTH_MAX} characters`);
  if (aud !== undefined && aud !== audience && !(Array.isArray(aud) && aud.includes(audience)))
    return refused("the claim aud does not name this engine");
  const named = [...namesOf(payload["scope"]), ...namesOf(payload["roles"])];
  const topics = payload["topics"] ?? [];
  if (!isTopics(topics)) return refused(`the claim topics must be a list of at most ${TOPICS_MAX} names of topics`);
  // Within the tolerance an expired token is taken, and then lasts as long as the tolerance does.
  const expiresAt = (exp as number) * 1_000 + ((exp as number) * 1_000 > nowMs ? 0 : TOLERANCE_SECONDS * 1_000);
  // Other programs' scopes (openid, profile ...) mean nothing here.
  const caller: Caller = {
    id: `jwt:${sub}`,
    scopes: new Set(named.filter(isScope)),
    topics: new Set(topics),
    expiresAt,
    perSecond: undefined,
  };
  return { kind: "caller", caller };
}

/** `decide events` as RFC 8693 writes it, or a list. */
function namesOf(claim: unknown): readonly unknown[] {
  if (typeof claim === "string") return claim.split(" ");
  return Array.isArray(claim) ? claim : [];
}

export function isTopics(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > TOPICS_MAX) return false;
  return value.every((topic) => typeof topic === "string" && topic !== "" && topic.length <= TOPIC_LENGTH_MAX);
}

const REFUSALS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: "the token has expired",
  ERR_JWT_CLAIM_VALIDATION_FAILED: "a claim of the token is missing or not as it must be (exp, nbf, sub, aud, iss)",
  ERR_JWT_INVALID: "the token is no JSON Web Token",
  ERR_JWS_INVALID: "the token is no JSON Web Token",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "the signature of the token is wrong",
  ERR_JOSE_ALG_NOT_ALLOWED: "the token is signed with an algorithm that is not taken",
  ERR_JOSE_NOT_SUPPORTED: "the token is signed in a way that is not taken",
  ERR_JWKS_NO_MATCHING_KEY: "the token is signed by a key that is not in the key set",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "the token must say by its kid which key of the key set signed it",
};

function failure(error: unknown): Verified {
  const why = error instanceof errors.JOSEError ? REFUSALS[error.code] : undefined;
  if (why !== undefined) return refused(why);
  return { kind: "unavailable", why: "the key set (JWKS_URL) cannot be read: tokens cannot be checked now" };
}

function refused(why: string): Verified {
  return { kind: "refused", why };
}
