// Tokens and key sets for tests, made with the same library that checks them; the signatures of attacks are made by hand.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

export const SECRET = "a secret of this test, 32 bytes or more";

export interface Claims {
  readonly sub?: string;
  readonly scope?: string | readonly string[];
  readonly roles?: readonly string[];
  readonly topics?: unknown;
  readonly aud?: string | string[];
  readonly iss?: string;
  /** Seconds from now; 600 where not given. */
  readonly exp?: number | null;
  readonly nbf?: number;
}

export async function token(claims: Claims, sign: Signer = hs256()): Promise<string> {
  const { exp = 600, nbf, ...rest } = { sub: "tester", ...claims };
  const now = Math.floor(Date.now() / 1_000);
  const times = { ...(exp === null ? {} : { exp: now + exp }), ...(nbf === undefined ? {} : { nbf: now + nbf }) };
  return await sign({ ...rest, ...times });
}

export type Signer = (payload: Record<string, unknown>) => Promise<string>;

export function hs256(secret = SECRET): Signer {
  return async (payload) =>
    new SignJWT(payload).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
}

export function signedBy(key: CryptoKey, alg: string, kid?: string): Signer {
  return async (payload) =>
    new SignJWT(payload).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) }).sign(key);
}

/** Header and payload as given, whatever they say, and these bytes as the signature. */
export function forged(header: object, payload: object, signature: Uint8Array = new Uint8Array()): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(payload)}.${Buffer.from(signature).toString("base64url")}`;
}

export interface KeyPair {
  readonly sign: Signer;
  readonly jwk: JWK;
}

export async function keyPair(alg: string, kid: string): Promise<KeyPair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { sign: signedBy(privateKey, alg, kid), jwk: { ...(await exportJWK(publicKey)), alg, kid, use: "sig" } };
}

export interface KeySetServer {
  readonly url: string;
  /** What it answers from now on: keys, or any body and status; `hang` begins a body and never ends it. */
  answer: { readonly status: number; readonly body: string } | "hang";
  requests: number;
  readonly close: () => Promise<void>;
}

export async function keySetServer(keys: readonly JWK[]): Promise<KeySetServer> {
  const state: Pick<KeySetServer, "answer" | "requests"> = {
    answer: { status: 200, body: JSON.stringify({ keys }) },
    requests: 0,
  };
  const server: Server = createServer((_request, response) => {
    state.requests++;
    if (state.answer === "hang") return void response.writeHead(200).write("{");
    response.writeHead(state.answer.status, { "content-type": "application/json", location: "/elsewhere" });
    response.end(state.answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/keys`,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}
