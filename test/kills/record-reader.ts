// Reads decisions out of the journals by another client than the engine's, and the rulebooks that they name by the hash of what
// Redis holds.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { unpack } from "msgpackr";
import { createDecider, type Decider } from "../../engine/decide/decide.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { decodeCommit } from "../../engine/journal/commit-record.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";

export interface FoundRecords {
  /** Of one partition in the order of its commits. */
  readonly records: readonly DecisionRecord[];
  /** Journal entries with decisions, as they stand in Redis. */
  readonly payloads: readonly Buffer[];
  /** By hash, of every rulebook that Redis holds; with the name of its variant. */
  readonly deciders: ReadonlyMap<string, { readonly decider: Decider; readonly variant: string | undefined }>;
  /** What stands in nba:channel:NAME. */
  readonly sent: readonly { readonly customer: string; readonly treatment: string }[];
  /** Tracking codes that the engine itself reported as not delivered. */
  readonly notDelivered: ReadonlySet<string>;
  /** Tracking codes of what was withdrawn. */
  readonly withdrawn: ReadonlySet<string>;
  /** By account of a quota: units that partitions may spend or have spent. */
  readonly granted: ReadonlyMap<string, number>;
}

/** Journal entries with decisions, of one partition in the order of its commits. */
export async function readPayloads(redis: Redis, partitions: number): Promise<readonly Buffer[]> {
  const payloads: Buffer[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (const [, fields] of await redis.xrangeBuffer(`nba:{${partition}}:journal`, "-", "+")) {
      const payload = fields[1] as Buffer;
      if (recordsIn(payload).length > 0) payloads.push(payload);
    }
  }
  return payloads;
}

export async function readRecords(redis: Redis, partitions: number): Promise<FoundRecords> {
  const payloads = await readPayloads(redis, partitions);
  const notDelivered = new Set<string>();
  const withdrawn = new Set<string>();
  for (let partition = 0; partition < partitions; partition++) {
    for (const [, fields] of await redis.xrangeBuffer(`nba:{${partition}}:journal`, "-", "+")) {
      const payload = fields[1] as Buffer;
      const withdrawals = payload.length === 0 ? [] : decodeCommit(payload).withdrawals;
      for (const { trackingCode } of withdrawals) withdrawn.add(trackingCode);
    }
    for (const [, fields] of await redis.xrangeBuffer(`nba:{${partition}}:events`, "-", "+")) {
      if (fields[1]?.toString() !== "engine") continue;
      const { props } = unpack(fields[3] as Buffer) as { props: { trackingCode: string; outcome: string } };
      if (props.outcome === "not-delivered") notDelivered.add(props.trackingCode);
    }
  }
  const sent = [];
  for (const channel of ["push", "email"]) {
    for (const [, fields] of await redis.xrange(`nba:channel:${channel}`, "-", "+")) {
      sent.push(JSON.parse(fields[1] as string) as { customer: string; treatment: string });
    }
  }
  const granted = new Map<string, number>();
  for (const account of await redis.keys("nba:{quota:*")) {
    granted.set(account, Number(await redis.hget(account, "sum")));
  }
  const deciders = await readDeciders(redis);
  return { records: payloads.flatMap(recordsIn), payloads, deciders, sent, notDelivered, withdrawn, granted };
}

/** The decisions of one journal entry. Throws where it cannot be decoded. */
export function recordsIn(payload: Buffer): readonly DecisionRecord[] {
  return decodeCommit(payload).decisions;
}

async function readDeciders(redis: Redis): Promise<FoundRecords["deciders"]> {
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const found = new Map<string, { decider: Decider; variant: string | undefined }>();
  for (const key of await redis.keys("nba:rulebook:*")) {
    const stored = JSON.parse((await redis.get(key)) as string) as { files: RulebookFiles; models: string[] };
    const models = [];
    for (const hash of stored.models) {
      models.push({ name: (await redis.hget(`nba:model:${hash}`, "name")) as string, sha256: hash });
    }
    const compiled = compileRulebook({ files: stored.files, models, sha256 });
    if (compiled.kind === "faulty") throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
    const marker = stored.files["variant.yaml"];
    const variant = marker === undefined ? undefined : (JSON.parse(marker) as { name: string }).name;
    const { hash } = compiled.rulebook;
    if (key !== `nba:rulebook:${hash}`) throw new Error(`${key} holds rules whose hash is ${hash}`);
    found.set(hash, { decider: createDecider(compiled.rulebook), variant });
  }
  return found;
}
