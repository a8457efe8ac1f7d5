// Key sets as an identity provider would never send them: no token that is not signed by the one right key is let in, whatever is
// answered, and nothing is thrown.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTokenVerifier, type Verified } from "../../engine/deliver/auth/jwt.ts";
import { forged, type KeyPair, type KeySetServer, keyPair, keySetServer, token } from "../deliver/auth/tokens.ts";
import type { Chance } from "./chance.ts";
import { fuzzTarget } from "./fuzz-target.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateValue } from "./mutate-value.ts";

const AUDIENCE = "nba";
let server: KeySetServer;
let right: KeyPair;
let wrong: KeyPair;
let good: string;
let attacks: readonly string[];
/** Takes its time: begun first, looked at last. */
let never: { readonly server: KeySetServer; readonly verified: Promise<Verified["kind"]> };

beforeAll(async () => {
  right = await keyPair("ES256", "one");
  wrong = await keyPair("ES256", "one");
  server = await keySetServer([right.jwk]);
  good = await token({ aud: AUDIENCE }, right.sign);
  const hanging = await keySetServer([]);
  hanging.answer = "hang";
  never = { server: hanging, verified: verified(good, hanging) };
  const payload = { sub: "eve", aud: AUDIENCE, scope: "admin", exp: Math.floor(Date.now() / 1_000) + 600 };
  attacks = [
    await token({ aud: AUDIENCE, scope: "admin" }, wrong.sign),
    forged({ alg: "none", kid: "one" }, payload),
    forged({ alg: "HS256", kid: "one" }, payload, new Uint8Array(32)),
    forged({ alg: "ES256", kid: "one", jwk: wrong.jwk }, payload, new Uint8Array(64)),
  ];
});
afterAll(async () => await Promise.all([server?.close(), never?.server.close()]));

/** Without an error whatever the set: refused, or not to be known now. */
async function verified(one: string, by = server): Promise<Verified["kind"]> {
  const verify = createTokenVerifier({ from: { jwksUrl: by.url }, issuer: undefined, audience: AUDIENCE });
  return (await verify(one)).kind;
}

/** Sets to begin with; `KEY` stands for the right public key. */
const SETS = [
  `{"keys":[KEY]}`,
  `{"keys":[{"kty":"oct","kid":"one","alg":"HS256","k":"AAAA"},KEY]}`,
  `{"keys":[KEY,KEY,{"kty":"RSA","kid":"one","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`,
  `{"keys":[{"kty":"EC","crv":"P-256","kid":"one","x":"","y":"AA"},null,1,[],"KEY",{"__proto__":KEY}]}`,
];

describe("key sets", () => {
  fuzzTarget({
    name: "key sets",
    from: SETS,
    some: 150,
    many: 20_000,
    mutate: (seed, chance: Chance) => {
      const text = seed.toString("utf8");
      if (chance.below(2) === 0) return mutateBytes(seed, chance);
      return Buffer.from(mutateValue(JSON.parse(text.replaceAll(/(?<!")KEY(?!")/g, `"KEY"`)), chance));
    },
    judge: async (bytes, chance) => {
      const key = JSON.stringify(right.jwk);
      server.answer = { status: 200, body: bytes.toString("utf8").replaceAll(/"?KEY"?/g, () => key) };
      expect(["refused", "unavailable"]).toContain(await verified(chance.pick(attacks)));
      return await verified(good);
    },
    expect: ["caller", "refused", "unavailable"],
  });

  it.each<[string, () => KeySetServer["answer"]]>([
    ["a redirect to another set", () => ({ status: 302, body: JSON.stringify({ keys: [wrong.jwk] }) })],
    ["a status of no content", () => ({ status: 204, body: "" })],
    [
      "a set beyond the bound",
      () => ({ status: 200, body: `{"keys":[${JSON.stringify(right.jwk)}${" ".repeat(300_000)}]}` }),
    ],
    ["lists within lists", () => ({ status: 200, body: `{"keys":${"[".repeat(100_000)}${"]".repeat(100_000)}}` })],
    ["bytes that are no text", () => ({ status: 200, body: "\u0000\uffff\ud800" })],
  ])("%s lets nobody in", async (_, answer) => {
    server.answer = answer();
    for (const one of [good, ...attacks]) expect(["refused", "unavailable"]).toContain(await verified(one));
  });

  it("a set that never comes to its end is not waited for", async () => {
    expect(await never.verified).toBe("unavailable");
  });
});
