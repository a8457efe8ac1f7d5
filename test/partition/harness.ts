// What the tests of the loop share: events, asks, and ways to hurt its session.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Redis } from "ioredis";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import type { CustomerEvent, Props } from "../../engine/domain/event.ts";
import { customerKey, type PartitionIndex } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { Ask, AskAnswer, CustomerLook } from "../../engine/engine.ts";
import { type CommitRecord, decodeCommit } from "../../engine/journal/commit-record.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import type { TestRedis } from "../redis.ts";
import type { RunningLoop } from "../start-loop.ts";

export const PARTITIONS = 4;

export function event(
  id: string,
  type: string,
  customer: string,
  props: Props = {},
  ts: number = Date.now(),
): CustomerEvent {
  return { id, type, key: customerKey(customer), ts: ts as Instant, source: "http", props };
}

export function askFor(customer: string, changes: Partial<Ask> = {}): Ask {
  return {
    key: customerKey(customer),
    channel: "app",
    placements: [{ name: "app-home" }],
    context: {},
    deadlineMs: 2_000,
    ...changes,
  };
}

export function decided(answer: AskAnswer): DecisionRecord {
  if (answer.kind !== "decided") throw new Error(`not decided: ${JSON.stringify(answer)}`);
  return answer.record;
}

export async function lookAt({ loop }: RunningLoop, customer: string): Promise<CustomerLook> {
  const look = await loop.engine.look(customerKey(customer));
  if (look === undefined) throw new Unknown(`nothing is known of ${customer}`);
  return look;
}

export function home(customer: string, partitions: number = PARTITIONS): PartitionIndex {
  return partitionOf(customerKey(customer), partitions);
}

/** A name that lives in this partition. */
export function customerIn(partition: number, prefix: string, partitions: number = PARTITIONS): string {
  for (let n = 0; ; n++) if (home(`${prefix}${n}`, partitions) === partition) return `${prefix}${n}`;
}

export function outcomeOf(
  customer: string,
  trackingCode: string,
  outcome: string,
  ts: number = Date.now(),
): CustomerEvent {
  return event(`${outcome}:${trackingCode}:${ts}`, "outcome", customer, { trackingCode, outcome }, ts);
}

/** Everything that the journal of a partition says, in order. */
export async function journalOf(client: Redis, partition: number): Promise<readonly CommitRecord[]> {
  const entries = await client.xrangeBuffer(`nba:{${partition}}:journal`, "-", "+");
  return entries.map(([, fields]) => decodeCommit(fields[1] as Buffer));
}

export async function journalledOf(client: Redis, customer: string): Promise<readonly DecisionRecord[]> {
  const commits = await journalOf(client, home(customer));
  return commits.flatMap(({ decisions }) => decisions).filter(({ key }) => key === customer);
}

/** Cuts every connection but the client's own; resolves when the loop has noticed and recovered. */
export async function cutConnections(client: Redis, { loop }: RunningLoop): Promise<void> {
  await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await until(() => !loop.engine.ready().ok);
  await until(() => loop.engine.ready().ok);
}

/** Nobody is known before a first event was folded. */
class Unknown extends Error {}

/** Asked again while it does not hold, or looks at somebody who is not known yet. */
export async function until(holds: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const giveUpAt = performance.now() + ms;
  const isSo = async (): Promise<boolean> => {
    try {
      return await holds();
    } catch (error) {
      if (error instanceof Unknown) return false;
      throw error;
    }
  };
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${ms} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function connect(redis: TestRedis): Redis {
  return new Redis(redis.socket, { autoResendUnfulfilledCommands: false });
}

/** A copy of the small rulebook that a test may edit. */
export async function editableRules(): Promise<{
  readonly dir: string;
  readonly edit: (file: string, change: (text: string) => string) => Promise<void>;
  /** A new file, and its folder where need be. */
  readonly write: (file: string, text: string) => Promise<void>;
  readonly read: (file: string) => Promise<string>;
  /** A file, or a folder with what is in it. */
  readonly remove: (path: string) => Promise<void>;
}> {
  const dir = await mkdtemp(join(tmpdir(), "nba-rules-"));
  await cp(`${repositoryRoot}/test/fixtures/rules-small`, dir, { recursive: true });
  return {
    dir,
    edit: async (file, change) => {
      const path = join(dir, file);
      await writeFile(path, change(await readFile(path, "utf8")));
    },
    write: async (file, text) => {
      await mkdir(dirname(join(dir, file)), { recursive: true });
      await writeFile(join(dir, file), text);
    },
    read: (file) => readFile(join(dir, file), "utf8"),
    remove: (path) => rm(join(dir, path), { recursive: true }),
  };
}
