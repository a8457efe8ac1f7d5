// Stored profiles, each compared at the commit that it reflects. One that is written anew meanwhile is compared at that one.
import type { CommitSeq, CustomerKey } from "../domain/ids.ts";
import type { BookShelf } from "./book-shelf.ts";
import { compareKnown } from "./compare-known.ts";
import type { Differ } from "./difference.ts";
import { newKnown } from "./known.ts";
import type { PartitionSource } from "./partition-source.ts";
import { readStored, type StoredProfile } from "./stored-profile.ts";
import type { Telling } from "./telling.ts";

export interface StoredCheck {
  /** Compares what reflects exactly the commit that was told last. */
  readonly at: (seq: CommitSeq) => Promise<void>;
  /** The last commit that some profile reflects which was not compared yet; 0: none is left. */
  readonly lastDue: () => CommitSeq;
  /** The commit that the stored profile of this customer reflects, as far as is known; 0: none is stored. */
  readonly reflectedBy: (key: CustomerKey) => CommitSeq;
  readonly tally: () => StoredTally;
}

export interface StoredTally {
  /** Profiles that were compared. */
  readonly compared: number;
  /** Of those, features that cannot be told, because panes were forgotten under other rules. */
  readonly featuresUntold: number;
  /** Customers of whom the stored profile is all that is known: what it says cannot be told from the streams. */
  readonly uncovered: number;
}

const PROFILES_PER_READ = 200;

export async function openStored(
  source: PartitionSource,
  shelf: BookShelf,
  telling: Telling,
  after: CommitSeq,
  differ: Differ,
): Promise<StoredCheck> {
  const due = new Map<CommitSeq, CustomerKey[]>();
  const reflected = new Map<CustomerKey, CommitSeq>();
  const tally = { compared: 0, featuresUntold: 0, uncovered: 0 };
  const note = (key: CustomerKey, stored: StoredProfile | string | undefined): void => {
    if (typeof stored === "string") differ("S5", key, "stored profile", stored, "a packed profile");
    if (typeof stored !== "object") return;
    reflected.set(key, stored.seq);
    if (stored.seq <= after) tally.uncovered++;
    else due.set(stored.seq, [...(due.get(stored.seq) ?? []), key]);
  };
  const read = async (keys: readonly CustomerKey[]): Promise<readonly (StoredProfile | string | undefined)[]> => {
    const found = await source.journal.profiles(source.index, keys);
    return Promise.all(found.map((bytes) => (bytes === undefined ? undefined : readStored(bytes, shelf))));
  };
  for await (const page of source.registered()) {
    const keys = page.filter((key) => !reflected.has(key) && (telling.only ?? key) === key && !telling.untold.has(key));
    for (const [nth, stored] of (await read(keys)).entries()) {
      const key = keys[nth] as CustomerKey;
      if (!reflected.has(key)) note(key, stored);
    }
  }
  const compare = (key: CustomerKey, stored: StoredProfile): void => {
    const known = telling.known.get(key) ?? newKnown(key);
    // What was taken from this very record cannot be told from the streams.
    if (known.reflected >= stored.seq) {
      tally.uncovered++;
      return;
    }
    const book = shelf.ofLayout(stored.descriptor.hash);
    const clock = Math.max(telling.clock, telling.lastNow);
    tally.compared++;
    tally.featuresUntold += compareKnown(known, stored, book, clock, (field, found, expected) =>
      differ("S5", key, field, found, expected),
    );
  };
  const at = async (seq: CommitSeq): Promise<void> => {
    const keys = due.get(seq) ?? [];
    due.delete(seq);
    for (let from = 0; from < keys.length; from += PROFILES_PER_READ) {
      const some = keys.slice(from, from + PROFILES_PER_READ);
      for (const [nth, stored] of (await read(some)).entries()) {
        const key = some[nth] as CustomerKey;
        if (typeof stored === "object" && stored.seq === seq) compare(key, stored);
        else if (typeof stored === "object" && stored.seq > seq) note(key, stored);
        else
          differ("S5", key, "stored profile", stored === undefined ? "gone" : "written back in time", `commit ${seq}`);
      }
    }
  };
  return {
    at,
    lastDue: () => Math.max(0, ...due.keys()) as CommitSeq,
    reflectedBy: (key) => reflected.get(key) ?? (0 as CommitSeq),
    tally: () => tally,
  };
}
