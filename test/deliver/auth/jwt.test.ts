import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTokenVerifier, type Verified } from "../../../engine/deliver/auth/jwt.ts";
import {
  type Claims,
  forged,
  hs256,
  type KeyPair,
  type KeySetServer,
  keyPair,
  keySetServer,
  SECRET,
  token,
} from "./tokens.ts";

const bySecret = createTokenVerifier({
  from: { secret: Buffer.from(SECRET) },
  issuer: undefined,
  audience: "nba",
});
const why = (verified: Verified): string =>
  verified.kind === "caller" ? "taken" : `${verified.kind}: ${verified.why}`;

describe("ACC-6 a token under JWT_SECRET", () => {
  it("tells who calls, what they may do and reach, and until when", async () => {
    const verified = await bySecret(await token({ sub: "mia", scope: "agent openid", topics: ["customer/c-1"] }));
    expect(verified).toMatchObject({
      kind: "caller",
      caller: { id: "jwt:mia", scopes: new Set(["agent"]), topics: new Set(["customer/c-1"]) },
    });
    const { caller } = verified as Extract<Verified, { kind: "caller" }>;
    expect(Math.abs(caller.expiresAt - Date.now() - 600_000)).toBeLessThan(5_000);
  });

  it("takes scopes as a text, as a list, and as roles", async () => {
    for (const claims of [
      { scope: "decide events" },
      { scope: ["decide", "events"] },
      { roles: ["events", "decide"] },
    ]) {
      const verified = await bySecret(await token(claims));
      expect(verified).toMatchObject({ caller: { scopes: new Set(["decide", "events"]) } });
    }
  });

  it.each<[string, Claims, RegExp]>([
    ["no exp", { exp: null }, /^refused: a claim of the token is missing/],
    ["an exp past the tolerance", { exp: -35 }, /^refused: the token has expired$/],
    ["an exp within the tolerance", { exp: -20 }, /^taken$/],
    ["an nbf ahead of the tolerance", { nbf: 60 }, /^refused: a claim/],
    ["an nbf within the tolerance", { nbf: 20 }, /^taken$/],
    ["another aud", { aud: "other" }, /^refused: the claim aud does not name this engine$/],
    ["this aud among others", { aud: ["other", "nba"] }, /^taken$/],
    ["no sub", { sub: undefined as unknown as string }, /^refused: a claim/],
    ["an empty sub", { sub: "" }, /^refused: the claim sub/],
    ["topics that are no list", { topics: "customer/*" }, /^refused: the claim topics/],
    ["topics that are no texts", { topics: [{ a: 1 }] }, /^refused: the claim topics/],
    [
      "too many topics",
      { topics: Array.from({ length: 257 }, (_, n) => `customer/${n}`) },
      /^refused: the claim topics/,
    ],
  ])("with %s", async (_, claims, expected) => {
    expect(why(await bySecret(await token(claims)))).toMatch(expected);
  });

  it("with another secret, another algorithm or none", async () => {
    const payload = { sub: "eve", scope: "admin", exp: Math.floor(Date.now() / 1_000) + 600 };
    const hs512 = createHmac("sha512", SECRET);
    const [head, body] = forged({ alg: "HS512" }, payload).split(".") as [string, string];
    const attacks = [
      await token({}, hs256(`${SECRET}.`)),
      forged({ alg: "none" }, payload),
      forged({ alg: "None" }, payload),
      forged({ alg: "HS256" }, payload, new Uint8Array(32)),
      `${head}.${body}.${hs512.update(`${head}.${body}`).digest("base64url")}`,
      forged({ alg: "HS256", crit: ["b64"], b64: false }, payload),
      "a.b.c",
      "..",
    ];
    for (const attack of attacks) expect(why(await bySecret(attack))).toMatch(/^refused: /);
  });

  it("quotes nothing of what it refuses", async () => {
    const canary = "canary-4711";
    const told = [forged({ alg: canary, kid: canary }, { sub: canary, exp: canary }), await token({ aud: canary })];
    for (const one of told) expect(why(await bySecret(one))).not.toContain(canary);
  });
});

describe("ACC-6 a token under JWKS_URL", () => {
  let server: KeySetServer;
  let pairs: Record<"ES256" | "RS256" | "EdDSA", KeyPair>;
  const verifier = (issuer?: string) => createTokenVerifier({ from: { jwksUrl: server.url }, issuer, audience: "nba" });

  beforeAll(async () => {
    pairs = {
      ES256: await keyPair("ES256", "es"),
      RS256: await keyPair("RS256", "rs"),
      EdDSA: await keyPair("EdDSA", "ed"),
    };
    server = await keySetServer(Object.values(pairs).map(({ jwk }) => jwk));
  });
  afterAll(() => server.close());

  it.each(["ES256", "RS256", "EdDSA"] as const)("is taken when signed with %s", async (alg) => {
    expect(why(await verifier()(await token({ aud: "nba" }, pairs[alg].sign)))).toBe("taken");
  });

  it("must have the audience, and the issuer where one is configured", async () => {
    const { sign } = pairs.ES256;
    expect(why(await verifier()(await token({}, sign)))).toMatch(/^refused: a claim/);
    expect(why(await verifier("https://idp")(await token({ aud: "nba" }, sign)))).toMatch(/^refused: a claim/);
    expect(why(await verifier("https://idp")(await token({ aud: "nba", iss: "https://idp" }, sign)))).toBe("taken");
  });

  it("is not taken under a public key used as a secret, a key that it brings, or one of the same name", async () => {
    const payload = { sub: "eve", aud: "nba", exp: Math.floor(Date.now() / 1_000) + 600 };
    const text = JSON.stringify(pairs.RS256.jwk);
    const [head, body] = forged({ alg: "HS256", kid: "rs" }, payload).split(".") as [string, string];
    const confused = `${head}.${body}.${createHmac("sha256", text).update(`${head}.${body}`).digest("base64url")}`;
    const own = await keyPair("ES256", "es");
    const brought = await token({ aud: "nba" }, own.sign);
    const unknown = await token({ aud: "nba" }, (await keyPair("ES256", "other")).sign);
    for (const attack of [confused, brought, unknown]) expect(why(await verifier()(attack))).toMatch(/^refused: /);
  });

  it("is not known to be good or bad while the set cannot be read: not refused, and not asked for again at once", async () => {
    const { sign } = pairs.ES256;
    const good = server.answer;
    const tokens = [await token({ aud: "nba" }, sign), await token({ aud: "nba", sub: "b" }, sign)];
    for (const answer of [
      { status: 500, body: "{}" },
      { status: 302, body: "" },
      { status: 200, body: "no JSON" },
      { status: 200, body: `{"keys":[],"more":"${"x".repeat(300_000)}"}` },
    ]) {
      server.answer = answer;
      const verify = verifier();
      const before = server.requests;
      for (const one of tokens) expect(why(await verify(one))).toMatch(/^unavailable: the key set/);
      // What cannot be parsed is known to the library alone, which asks again.
      if (answer.body !== "no JSON") expect(server.requests - before).toBe(1);
    }
    server.answer = good;
  });
});
