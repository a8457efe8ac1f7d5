// A file of recorded events as a past, with asks put in where a visitor would have asked.
import type { Instant } from "../domain/time.ts";
import { decodeEvent } from "../ingest/decode-event.ts";
import { isRefused } from "../ingest/refused.ts";
import type { Past, PastItem } from "../sandbox/past.ts";
import type { Mapping } from "./mappings.ts";
import { readRecorded } from "./replay-file.ts";

/** Ask this placement on this channel right after each event of these types. */
export interface AskAfter {
  readonly placement: string;
  readonly channel: string;
  readonly types: ReadonlySet<string>;
}

/** Rejects where the file cannot be read. */
export async function pastOfFile(path: string, mapping: Mapping | undefined, asks: readonly AskAfter[]): Promise<Past> {
  const file = await readRecorded(path, mapping);
  const items: PastItem[] = [];
  const refused = new Map<string, number>([...file.refused].map(([why, { count }]) => [why, count]));
  for (const { body, stream } of file.events) {
    const event = decodeEvent(body, stream);
    if (isRefused(event)) {
      const why = `${event.pointer} ${event.detail}`.trimStart();
      refused.set(why, (refused.get(why) ?? 0) + 1);
      continue;
    }
    const at = event.ts as Instant;
    items.push({ kind: "event", at, event });
    for (const { placement, channel, types } of asks) {
      if (!types.has(event.type)) continue;
      const ask = { key: event.key, channel, placements: [{ name: placement }], context: event.props };
      items.push({ kind: "ask", at, id: undefined, ask });
    }
  }
  const notes = [...refused].map(([why, count]) => `${count} rows refused: ${why}`);
  return { partitions: 1, items, treatments: new Map(), notes };
}
