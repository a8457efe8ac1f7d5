// Entries that cannot be folded: each becomes a dead letter, as if it had been refused, and its partition goes on without it. The
// fold changes memory as it goes, so where it throws the partition is dropped and recovered once, and this book tells the next fold
// to leave the entry out. The commit that passes it says so too: whoever folds the log again, with whatever code, leaves it out.
import type { LogEntry } from "../domain/event.ts";
import { comparePositions, type PartitionIndex, type Position } from "../domain/ids.ts";
import { NEVER } from "../domain/time.ts";
import { eventJson } from "../ingest/encode-event.ts";
import { encodeAgain, encodeCampaign, encodeDelivered, encodeTimer } from "../ingest/log-entry.ts";
import type { Partition } from "./partition.ts";

/** `poison`: its fold fails; `damaged-profile`: the stored profile of its customer cannot be read. */
export interface Isolated {
  readonly reason: "poison" | "damaged-profile";
  /** Holds nothing of any customer. */
  readonly why: string;
}

export interface PoisonBook {
  readonly add: (partition: PartitionIndex, position: Position, why: string) => void;
  readonly of: (partition: PartitionIndex, position: Position) => string | undefined;
  /** Where one entry fails others may: for a while each is tried on a copy first, or every one would cost a recovery. */
  readonly isCareful: (partition: PartitionIndex) => boolean;
  /** What a commit has passed is told by the journal. */
  readonly forget: (partition: PartitionIndex, upTo: Position) => void;
}

const CAREFUL_ENTRIES = 10_000;

export function createPoisonBook(): PoisonBook {
  const known = new Map<PartitionIndex, Map<Position, string>>();
  const careful = new Map<PartitionIndex, number>();
  return {
    add: (partition, position, why) => {
      const own = known.get(partition) ?? new Map<Position, string>();
      known.set(partition, own.set(position, why));
      careful.set(partition, CAREFUL_ENTRIES);
    },
    of: (partition, position) => known.get(partition)?.get(position),
    isCareful: (partition) => {
      const left = careful.get(partition) ?? 0;
      if (left > 0) careful.set(partition, left - 1);
      return left > 0;
    },
    forget: (partition, upTo) => {
      const own = known.get(partition) ?? new Map<Position, string>();
      for (const position of own.keys()) if (comparePositions(position, upTo) <= 0) own.delete(position);
    },
  };
}

/** In the place of the fold. A timer is disarmed, or it would go off again and again. */
export function isolate(partition: Partition, entry: LogEntry, { reason, why }: Isolated): void {
  const { draft } = partition;
  draft.isolated.push(entry.position);
  draft.dead.push({ position: entry.position, reason, detail: why, ...sentAs(entry) });
  if (entry.kind !== "timer") return;
  draft.armed.set(entry.key, NEVER);
  partition.armed.delete(entry.key);
}

/** Kind and place of an error: its message may hold what a customer has sent. */
export function placeOfError(error: unknown): string {
  if (!(error instanceof Error)) return "something that is no error was thrown";
  const frame = /\/engine\/([\w./-]+\.[jt]s:\d+)/.exec(error.stack ?? "")?.[1];
  return `${error.name} at ${frame ?? "an unknown place"}`;
}

/** As it was in the log, so that it can be appended again; empty for what only an engine can make. */
function sentAs(entry: LogEntry): { readonly source: string; readonly bytes: Buffer } {
  switch (entry.kind) {
    case "event":
      return { source: entry.event.source, bytes: eventJson(entry.event) };
    case "timer":
      return fieldsOf(encodeTimer(entry.key, entry.due));
    case "campaign":
      return fieldsOf(encodeCampaign(entry.key, entry.campaign, entry.from));
    case "again":
      return fieldsOf(encodeAgain(entry.key, entry.trigger, entry.again, entry.context));
    case "delivered":
      return fieldsOf(encodeDelivered(entry.key, entry.trackingCode));
    case "dead":
      return { source: entry.source, bytes: Buffer.from(entry.bytes) };
    default:
      return { source: `$${entry.kind}`, bytes: Buffer.alloc(0) };
  }
}

function fieldsOf([, source, , payload]: readonly (string | Buffer)[]): { source: string; bytes: Buffer } {
  return { source: String(source), bytes: payload as Buffer };
}
