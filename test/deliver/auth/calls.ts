// HTTP with a token, at an engine that asks for one.
import type { Outside } from "../outside.ts";
import { startOutside } from "../outside.ts";
import { SECRET } from "./tokens.ts";

export const startGuarded = (redisUrl: string): Promise<Outside> => {
  const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
  return startOutside(redisUrl, { guard: { auth: { tokens, apiKeysFile: undefined }, perSecond: 10_000 } });
};

interface Answered {
  readonly status: number;
  readonly isReplayed: boolean;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely here
  readonly body: any;
}

export async function callAs(
  url: string,
  method: string,
  path: string,
  bearer: string,
  body?: unknown,
  idempotencyKey?: string,
): Promise<Answered> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${bearer}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    isReplayed: answer.headers.get("idempotency-replayed") === "true",
    text,
    body: JSON.parse(text),
  };
}

/** The body of an ask. */
export const askFor = (whose: object, changes: object = {}) => ({
  ...whose,
  channel: "app",
  placements: [{ name: "app-home" }],
  deadlineMs: 1_000,
  ...changes,
});
