// Reads what Redis holds after the kills by another client; of the engine it takes the format of journal entries, and nothing else.
import { Redis } from "ioredis";
import { unpack } from "msgpackr";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { decodeCommit } from "../../engine/journal/commit-record.ts";

export interface FoundDecision {
  readonly id: string;
  readonly key: string;
  readonly trigger: string | undefined;
  readonly contacts: readonly { readonly trackingCode: string; readonly treatment: string }[];
}

export interface Found {
  readonly decisions: readonly FoundDecision[];
  /** Partitions whose journal has a gap or goes back. */
  readonly broken: readonly string[];
  /** Tracking codes in nba:channel:push, as often as they stand there. */
  readonly pushed: readonly string[];
  /** Tracking codes that the engine itself reported as not delivered. */
  readonly released: ReadonlySet<string>;
  readonly dead: number;
  /** By account of a quota: units that partitions may spend or have spent. */
  readonly granted: ReadonlyMap<string, number>;
}

export async function readEverything(redisUrl: string, partitions: number): Promise<Found> {
  const redis = new Redis(redisUrl);
  const decisions: FoundDecision[] = [];
  const broken: string[] = [];
  const released = new Set<string>();
  let dead = await redis.xlen("nba:dead");
  for (let partition = 0; partition < partitions; partition++) {
    const journal = await redis.xrangeBuffer(`nba:{${partition}}:journal`, "-", "+");
    let last = 0;
    for (const [id, fields] of journal) {
      const { decisions: found, after } = decodeCommit(fields[1] as Buffer);
      const seq = Number.parseInt(id.toString(), 10);
      if ((after ?? seq - 1) !== last) broken.push(`partition ${partition}: ${id} does not follow ${last}`);
      last = seq;
      decisions.push(...found.map(readDecision));
    }
    for (const [, fields] of await redis.xrangeBuffer(`nba:{${partition}}:events`, "-", "+")) {
      if (fields[1]?.toString() !== "engine") continue;
      const event = unpack(fields[3] as Buffer) as { props: { trackingCode: string; outcome: string } };
      if (event.props.outcome === "not-delivered") released.add(event.props.trackingCode);
    }
    dead += await redis.xlen(`nba:{${partition}}:dead`);
  }
  const pushed = (await redis.xrange("nba:channel:push", "-", "+")).map(
    ([, fields]) => (JSON.parse(fields[1] as string) as { trackingCode: string }).trackingCode,
  );
  const granted = new Map<string, number>();
  for (const account of await redis.keys("nba:{quota:*")) {
    granted.set(account, Number(await redis.hget(account, "sum")));
  }
  redis.disconnect();
  return { decisions, broken, pushed, released, dead, granted };
}

function readDecision({ id, key, trigger, slates, contacts }: DecisionRecord): FoundDecision {
  const treatments = new Map<string, string>(
    slates.flatMap(({ items }) => items.map((item) => [item.trackingCode, item.treatment])),
  );
  return {
    id,
    key,
    trigger: trigger?.event,
    contacts: contacts.map(({ trackingCode }) => ({ trackingCode, treatment: treatments.get(trackingCode) ?? "?" })),
  };
}
