import type { Explanation } from "../decide/explain.ts";
import { isAnonymous } from "../domain/ids.ts";
import type { Simulation } from "../engine.ts";
import { tokenHeaders } from "./token-headers.ts";

const TIMEOUT_MS = 2_000;

/** What the engine at this address would decide now; undefined where none answers, or not with a decision. */
export async function simulateThere(
  url: string,
  { key, direction, channel, placements, context }: Simulation,
): Promise<Extract<Explanation, { kind: "explained" }> | undefined> {
  const whose = isAnonymous(key) ? { anonymousId: key.slice("anon:".length) } : { customer: key };
  const body = JSON.stringify({ ...whose, direction, channel, placements, context });
  try {
    const answer = await fetch(`${url}/v1/decisions:simulate`, {
      method: "POST",
      headers: { "content-type": "application/json", ...tokenHeaders(process.env) },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) return undefined;
    const { explanation } = (await answer.json()) as { readonly explanation?: Explanation };
    return explanation?.kind === "explained" ? explanation : undefined;
  } catch {
    return undefined; // nobody there: Redis tells as well
  }
}
