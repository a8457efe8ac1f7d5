// Folds events into the profiles of many customers, in a process of its own, and says what that took.
// Arguments: `packed` (the engine's store) or `objects`, number of customers, and what they did: `demo`, with 20 contacts for
// everybody, or a number of events for each, without contacts.
import type { Contact } from "../../engine/domain/contact.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, type Instant } from "../../engine/domain/time.ts";
import { createProfileStore, type ProfileStore } from "../../engine/profile/store.ts";
import { type Activity, demoActivity, spreadActivity } from "../load/activity.ts";
import { pastContacts } from "../load/contacts.ts";
import { nsOfDecision } from "../load/decide-held.ts";
import { compileRules, deliveredFiles, type Rules } from "../load/delivered-rules.ts";
import { rawBytes } from "../load/raw-bytes.ts";
import { createObjectProfiles } from "./object-profiles.ts";

export interface Held {
  /** Growth of the resident set, garbage collected before and after. */
  readonly rssBytes: number;
  /** The resident set itself. */
  readonly wholeRssBytes: number;
  /** CPU time of one fold. */
  readonly foldNs: number;
  /** CPU time of one decision of customers drawn at random, features and state read from their profiles. 0 of objects. */
  readonly decideNs: number;
  /** Events folded for each customer. */
  readonly events: number;
  /** What is stored for each, as bare bytes: bench/load/raw-bytes.ts. 0 of objects. */
  readonly rawBytes: number;
}

const STORES = 64;
const CONTACTS = 20;
/** Contacts come on their days, so many days' at a time: a record grows by events and contacts in turn. */
const CONTACTS_AT_ONCE = 10;
/** Customers who share the objects of all contacts but the last portion: they are packed at once, and dear to make. */
const ALIKE = 500;
const shared: (readonly Contact[])[] = [];
const WEIGHED = 5_000;
/** Folded before anything is measured: a few thousand customers alone would be over before V8 has compiled the fold. */
const WARM = { customers: 10_000, events: 20 };

interface Holder {
  readonly fold: (index: number, key: CustomerKey, event: CustomerEvent) => void;
  /** The first so many of the contacts of everybody. */
  readonly setContacts: (count: number) => void;
  readonly size: () => number;
  readonly rawBytes: () => number;
  readonly decideNs: () => number;
}

const [kind, customers, did] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const rules = compileRules(await deliveredFiles());
const activity = did === "demo" ? demoActivity(customers) : spreadActivity(customers, Number(did));
if (kind === "packed") warmUp(rules);
const before = settledRss();
const keys = Array.from({ length: customers }, (_, index) => customerKey(`customer-${100_000 + index}`));
const held = kind === "packed" ? holdPacked(rules, activity, keys) : holdObjects(rules, activity, keys);
const cpuUs = foldAll(held, activity, keys, did === "demo" ? CONTACTS : 0);
const wholeRssBytes = settledRss();
const answer: Held = {
  rssBytes: wholeRssBytes - before,
  wholeRssBytes,
  foldNs: (cpuUs / activity.events) * 1_000,
  events: activity.events / customers,
  rawBytes: held.rawBytes(),
  decideNs: held.decideNs(),
};
process.stdout.write(`${JSON.stringify({ ...answer, held: held.size() })}\n`);

function warmUp(own: Rules): void {
  const past = spreadActivity(WARM.customers, WARM.events);
  const others = Array.from({ length: WARM.customers }, (_, index) => customerKey(`warm-${index}`));
  foldAll(holdPacked(own, past, others), past, others, 0);
}

/** As the engine has them: one store for each partition. */
function holdPacked(own: Rules, { end }: Activity, all: readonly CustomerKey[]): Holder {
  const { layout } = own;
  const stores = Array.from({ length: STORES }, () => createProfileStore({ layout }));
  const storeOf = (index: number): ProfileStore => stores[index % STORES] as ProfileStore;
  for (const [index, key] of all.entries()) storeOf(index).load(key, undefined);
  return {
    fold: (index, key, event) => storeOf(index).fold(key, event, event.ts),
    setContacts: (count) => {
      for (const [index, key] of all.entries()) {
        const store = storeOf(index);
        store.setState(key, { ...store.state(key), contacts: contactsOf(own, index, count, end) });
      }
    },
    size: () => stores.reduce((sum, store) => sum + store.size, 0),
    rawBytes: () => {
      const step = Math.max(1, Math.floor(all.length / WEIGHED));
      let [weighed, bytes] = [0, 0];
      for (let index = 0; index < all.length; index += step) {
        const [store, key] = [storeOf(index), all[index] as CustomerKey];
        bytes += rawBytes(store.pack(key), layout, store.state(key).contacts.length);
        weighed++;
      }
      return bytes / weighed;
    },
    decideNs: () => nsOfDecision(own, all, storeOf, end),
  };
}

function holdObjects(own: Rules, { end }: Activity, all: readonly CustomerKey[]): Holder {
  const profiles = createObjectProfiles(own.rulebook.features);
  return {
    fold: (_index, key, event) => profiles.fold(key, event),
    setContacts: (count) => {
      for (const [index, key] of all.entries()) {
        profiles.setContacts(key, contactsOf(own, index, count, end));
      }
    },
    size: profiles.size,
    rawBytes: () => 0,
    decideNs: () => 0,
  };
}

/** The first so many of a customer's contacts. */
function contactsOf({ decider }: Rules, index: number, count: number, end: Instant): readonly Contact[] {
  const made = (of: number) => pastContacts(decider.prepared.treatments, CONTACTS, of, end);
  if (count === CONTACTS) return made(index);
  shared[index % ALIKE] ??= made(index % ALIKE);
  return (shared[index % ALIKE] as readonly Contact[]).slice(0, count);
}

/** CPU time of the folds alone, in us. */
function foldAll(
  { fold, setContacts }: Holder,
  { play, end }: Activity,
  all: readonly CustomerKey[],
  contacts: number,
) {
  let had = 0;
  let elsewhere = 0;
  const usage = process.cpuUsage();
  const contactsUpTo = (ts: number): void => {
    for (; had < contacts && ts >= end - (contacts - had) * DAY_MS; ) {
      const since = process.cpuUsage();
      had += CONTACTS_AT_ONCE;
      setContacts(had);
      elsewhere += microseconds(process.cpuUsage(since));
    }
  };
  play((index, event) => {
    contactsUpTo(event.ts);
    fold(index, all[index] as CustomerKey, event);
  });
  contactsUpTo(end);
  return microseconds(process.cpuUsage(usage)) - elsewhere;
}

function microseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}

function settledRss(): number {
  if (globalThis.gc === undefined) throw new Error("run it with --expose-gc");
  for (let n = 0; n < 3; n++) globalThis.gc();
  return process.memoryUsage.rss();
}
