// Messages that the engine itself reported as not delivered: their channel refused them, or their moment was over.
import type { PartitionIndex, Position, TrackingCode } from "../domain/ids.ts";
import { decodeLogEntry, ENGINE_SOURCE } from "../ingest/log-entry.ts";
import type { Journal } from "../journal/journal.ts";

export interface Reported {
  readonly codes: ReadonlySet<TrackingCode>;
  /** First entry that the input log still has: reports before it are gone. Undefined where the log is empty. */
  readonly oldest: Position | undefined;
}

const PAGE = 1_000;

/** Of the input log of one partition, up to its end; rejects as commands do. */
export async function readReported(
  journal: Pick<Journal, "entries">,
  partition: PartitionIndex,
  partitions: number,
): Promise<Reported> {
  const codes = new Set<TrackingCode>();
  let oldest: Position | undefined;
  for (let after = "0-0" as Position; ; ) {
    const page = await journal.entries(partition, after, undefined, PAGE);
    oldest ??= page[0]?.position;
    for (const { position, fields } of page) {
      const entry = decodeLogEntry(position, fields, { partition, partitions, skewMs: 0 });
      if (entry.kind !== "event" || entry.event.source !== ENGINE_SOURCE) continue;
      const { trackingCode, outcome } = entry.event.props;
      if (outcome === "not-delivered") codes.add(trackingCode as TrackingCode);
    }
    const last = page.at(-1);
    if (last === undefined) return { codes, oldest };
    after = last.position;
  }
}
