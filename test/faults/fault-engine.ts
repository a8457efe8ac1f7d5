// A real engine under faults: its rules, how it is started, and what must be true when it is well again.
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import type { Found } from "../kills/journal-reader.ts";
import { customerIn } from "../partition/harness.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

export const PARTITIONS = 4;

/** Larger than what a load reaches: what was granted is compared with what was spent. */
const QUOTAS = `quotas:
  - { id: pushes, max: 100000, per: total, channel: push }
  - { id: app, max: 90000, per: total, channel: app }
`;

export interface FaultRules {
  readonly dir: string;
  readonly remove: () => Promise<void>;
}

/** The small rules, with quotas. */
export async function writeFaultRules(): Promise<FaultRules> {
  const dir = await mkdtemp(join(tmpdir(), "nba-rules-"));
  await cp(`${repositoryRoot}/test/fixtures/rules-small`, dir, { recursive: true });
  await writeFile(join(dir, "quotas.yaml"), QUOTAS);
  return { dir, remove: () => rm(dir, { recursive: true }) };
}

export function startFaultEngine(
  redisUrl: string,
  rules: FaultRules,
  until: "listening" | "ready" = "ready",
): Promise<EngineProcess> {
  const env = {
    REDIS_URL: redisUrl,
    PARTITIONS: String(PARTITIONS),
    RULES_DIR: rules.dir,
    MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
    NBA_LEASE_MS: "400",
  };
  return startEngineProcess(env, until);
}

/** How one ask ends: decided, or the status with which it was refused, or the fallback of its placement. */
export async function askOnce(url: string, customer: string): Promise<"decided" | "fallback" | number> {
  const body = JSON.stringify({ customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 500 });
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(10_000);
  const response = await fetch(`${url}/v1/decisions`, { method: "POST", headers, body, signal });
  const answer = (await response.json()) as { decisionId?: string };
  if (!response.ok) return response.status;
  return answer.decisionId === undefined ? "fallback" : "decided";
}

/** Somebody who lives there. */
export function inhabitant(partition: number): string {
  return customerIn(partition, "asker-", PARTITIONS);
}

/** By itself, whatever was done to it: asks of every partition are decided again. Tells the milliseconds that it took. */
export async function untilWell(engine: EngineProcess, withinMs = 60_000): Promise<number> {
  const from = performance.now();
  for (let partition = 0; partition < PARTITIONS; ) {
    const how = await askOnce(engine.url, inhabitant(partition)).catch((error: Error) => error.message);
    if (how === "decided") partition++;
    else if (performance.now() - from > withinMs) {
      const readiness = await (await fetch(`${engine.url}/readyz`)).text();
      throw new Error(`not well within ${withinMs} ms: partition ${partition}: ${how}; ${readiness}; ${engine.log()}`);
    } else await sleep(10);
  }
  return performance.now() - from;
}

/** After a clean stop no partition holds units that were not spent. */
export function expectUnitsGivenBack(found: Found): void {
  const contacts = found.decisions.flatMap((decision) => decision.contacts);
  for (const [quota, channel] of [
    ["pushes", "push"],
    ["app", "app"],
  ] as const) {
    const spent = contacts.filter(({ treatment }) => treatment.endsWith(`:${channel}`)).length;
    expect(found.granted.get(`nba:{quota:${quota}}:contacts:total`), `what is granted of ${quota}`).toBe(spent);
  }
}
