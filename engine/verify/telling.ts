// A partition as its streams tell of it, entry by entry and commit by commit, and what the next commit has to say about that.
import type { Contact } from "../domain/contact.ts";
import type { Withdrawal } from "../domain/decision.ts";
import type { Props } from "../domain/event.ts";
import type {
  ChannelIndex,
  CommitSeq,
  CustomerKey,
  DecisionId,
  NameHash,
  PartitionIndex,
  PlacementIndex,
  Position,
} from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import type { EntryCounts } from "../journal/base.ts";
import type { Learned } from "../journal/commit-record.ts";
import type { Book } from "./book-shelf.ts";
import { learnedBetween, withdrawnBecause } from "./contact-steps.ts";
import type { FeatureValue } from "./feature-by-definition.ts";
import { moveTo } from "./kept-events.ts";
import { forgetUndeclared, type Known, newKnown } from "./known.ts";
import type { RecentIdentities } from "./recent-identities.ts";

/** A decision that was asked for without anybody asking. */
export interface Asked {
  readonly decision: DecisionId;
  readonly trigger: string;
  readonly key: CustomerKey;
  readonly source: string;
  readonly event: string;
  readonly at: Instant;
  readonly context: Props;
  readonly placement: PlacementIndex;
  readonly channel: ChannelIndex | undefined;
  readonly dropAfter: Instant | undefined;
  readonly heldUntil: Instant | undefined;
  /** By FeatureIndex, as of the moment. */
  readonly features: readonly FeatureValue[];
  /** Whether its `when` held cannot be told. */
  readonly isUnsure: boolean;
}

/** An entry for the log of another partition; `packed`: whose profile it brings along. */
export interface ToldRelay {
  readonly to: PartitionIndex;
  readonly fields: readonly (string | Buffer)[];
  readonly packed: Known | undefined;
}

/** What entries since the last commit bring about. */
export interface Brought {
  readonly asks: Asked[];
  readonly withdrawals: Withdrawal[];
  readonly learned: Learned[];
  readonly relays: ToldRelay[];
  /** False where entries of customers were passed over of whom nothing can be told yet. */
  isWhole: boolean;
}

export interface Telling {
  readonly index: PartitionIndex;
  readonly partitions: number;
  readonly known: Map<CustomerKey, Known>;
  readonly recent: RecentIdentities;
  readonly counts: { -readonly [Kind in keyof EntryCounts]: number };
  /** By treatment: trials, positives. */
  readonly evidence: Map<NameHash, readonly [number, number]>;
  /** By line of a quota. */
  readonly ledger: Map<string, { granted: number; spent: number }>;
  /** By run: customers asked for, and offered something. */
  readonly campaigns: Map<string, readonly [number, number]>;
  /** Customers whose timer went off in vain, because its entry was isolated: it may be armed for nothing. */
  readonly disarmed: Set<CustomerKey>;
  /** Entries that are dead letters. */
  readonly dead: Set<Position>;
  /** Undefined: all. */
  readonly only: CustomerKey | undefined;
  /** Who is being erased just now: of them the streams may hold everything still, nothing any more, or a part. */
  readonly untold: ReadonlySet<CustomerKey>;
  book: Book;
  /** The commit since which the rulebook has daily triggers, and before which nobody's timer was armed for the day. */
  dailySince: CommitSeq | undefined;
  /** Of the commit whose entries are being told. */
  seq: CommitSeq;
  position: Position;
  skewMs: number;
  lastNow: Instant;
  /** The latest time of any entry so far. */
  clock: number;
  brought: Brought;
}

export function nothingBrought(): Brought {
  return { asks: [], withdrawals: [], learned: [], relays: [], isWhole: true };
}

/** From this entry on the partition decides by it. */
export function activate(telling: Telling, book: Book): void {
  telling.book = book;
  telling.dailySince = hasDaily(book) ? (telling.dailySince ?? telling.seq) : undefined;
}

function hasDaily({ rulebook }: Book): boolean {
  return rulebook.triggers.some(({ kind }) => kind === "daily");
}

/** Undefined where nothing is to be told of this customer: nobody asked for it, or what is known says more already. */
export function toldOf(telling: Telling, key: CustomerKey): Known | undefined {
  const { only, untold, known, seq } = telling;
  if ((only !== undefined && key !== only) || untold.has(key)) return undefined;
  const found = known.get(key) ?? newKnown(key);
  known.set(key, found);
  return found.reflected >= seq ? undefined : found;
}

export function passOver(telling: Telling): void {
  telling.brought.isWhole = false;
}

/** Something was written of this customer; `isState`: not only an event that features read. */
export function noteWritten(telling: Telling, known: Known, isState: boolean): void {
  moveTo(known.kept, telling.book, telling.clock);
  if (known.since === 0) known.since = telling.seq;
  known.changed = telling.seq;
  if (isState) forgetUndeclared(known, telling.book);
}

/**
 * Changes contacts; what left a screen or taught something is brought about. Tells those that changed, as they are then.
 * @param because why those leave that `change` took off the screens itself
 */
export function changeContacts(
  telling: Telling,
  known: Known,
  change: (contact: Contact) => Contact,
  because?: string,
): readonly Contact[] {
  const changed: Contact[] = [];
  known.contacts = known.contacts.map((before) => {
    const after = change(before);
    if (after === before) return before;
    changed.push(after);
    const why = withdrawnBecause(before, after);
    if (why !== undefined) withdraw(telling, known.key, after, because ?? why);
    const [trials, positives] = learnedBetween(before, after);
    if (trials !== 0 || positives !== 0) {
      telling.brought.learned.push({ treatment: after.treatment, trials, positives });
    }
    return after;
  });
  if (changed.length > 0) noteWritten(telling, known, true);
  return changed;
}

/** A shadow contact was never on a screen, so it leaves none (HLD-4). */
export function withdraw(telling: Telling, key: CustomerKey, contact: Contact, because: string): void {
  if (contact.shadow) return;
  telling.brought.withdrawals.push({ key, trackingCode: contact.trackingCode, because });
}

export function startTelling(
  place: Pick<Telling, "index" | "partitions" | "only" | "untold" | "book" | "recent">,
): Telling {
  return {
    ...place,
    known: new Map(),
    counts: { folded: 0, duplicate: 0, dead: 0, internal: 0 },
    evidence: new Map(),
    ledger: new Map(),
    campaigns: new Map(),
    disarmed: new Set(),
    dead: new Set(),
    dailySince: hasDaily(place.book) ? (0 as CommitSeq) : undefined,
    seq: 1 as CommitSeq,
    position: "0-0" as Position,
    skewMs: 0,
    lastNow: LONG_AGO,
    clock: LONG_AGO,
    brought: nothingBrought(),
  };
}
