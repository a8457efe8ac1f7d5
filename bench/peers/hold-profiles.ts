// Folds events into the profiles of many customers, in a process of its own, and says what that took.
// Arguments: `packed` (the engine's store) or `objects`, number of customers, events for each.
import { createRandom } from "../../engine/cli/traffic/random.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, type Instant } from "../../engine/domain/time.ts";
import { createProfileStore, type ProfileStore } from "../../engine/profile/store.ts";
import { pastContacts } from "../load/contacts.ts";
import { compileRules, deliveredFiles, type Rules } from "../load/delivered-rules.ts";
import { createObjectProfiles } from "./object-profiles.ts";

export interface Held {
  /** Growth of the resident set, garbage collected before and after. */
  readonly rssBytes: number;
  /** CPU time of one fold. */
  readonly foldNs: number;
}

const STORES = 64;
const KINDS_DRAWN = 20_000;
const CONTACTS = 20;
const START = Date.UTC(2025, 0, 1);

const [kind, customers, each] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const rules = compileRules(await deliveredFiles());
const events = drawEvents(KINDS_DRAWN);
const before = settledRss();
const keys = Array.from({ length: customers }, (_, index) => customerKey(`customer-${100_000 + index}`));
const held = kind === "packed" ? holdPacked(rules, keys) : holdObjects(rules);
const usage = process.cpuUsage();
foldAll(held.fold, keys);
const { user, system } = process.cpuUsage(usage);
held.addContacts(keys.filter((_, index) => index % 10 === 0));
const rssBytes = settledRss() - before;
const answer: Held = { rssBytes, foldNs: ((user + system) / (customers * each)) * 1_000 };
process.stdout.write(`${JSON.stringify({ ...answer, held: held.size() })}\n`);

interface Holder {
  readonly fold: (index: number, key: CustomerKey, event: CustomerEvent) => void;
  readonly addContacts: (keys: readonly CustomerKey[]) => void;
  readonly size: () => number;
}

/** As the engine has them: one store for each partition. */
function holdPacked({ layout, decider }: Rules, all: readonly CustomerKey[]): Holder {
  const stores = Array.from({ length: STORES }, () => createProfileStore({ layout }));
  const storeOf = (index: number): ProfileStore => stores[index % STORES] as ProfileStore;
  for (const [index, key] of all.entries()) storeOf(index).load(key, undefined);
  return {
    fold: (index, key, event) => storeOf(index).fold(key, event, event.ts),
    addContacts: (chosen) => {
      const indexes = new Map(all.map((key, index) => [key, index]));
      for (const key of chosen) {
        const index = indexes.get(key) as number;
        const store = storeOf(index);
        const now = (START + 90 * DAY_MS) as Instant;
        const contacts = pastContacts(decider.prepared.treatments, CONTACTS, index, now);
        store.setState(key, { ...store.state(key), contacts });
      }
    },
    size: () => stores.reduce((sum, store) => sum + store.size, 0),
  };
}

function holdObjects({ rulebook, decider }: Rules): Holder {
  const profiles = createObjectProfiles(rulebook.features);
  const now = (START + 90 * DAY_MS) as Instant;
  return {
    fold: (_index, key, event) => profiles.fold(key, event),
    addContacts: (chosen) => {
      for (const [index, key] of chosen.entries()) {
        profiles.setContacts(key, pastContacts(decider.prepared.treatments, CONTACTS, index, now));
      }
    },
    size: profiles.size,
  };
}

/** Every customer gets `each` events, in the order of time, customers mixed. */
function foldAll(fold: Holder["fold"], all: readonly CustomerKey[]): void {
  const random = createRandom(7);
  const total = all.length * each;
  for (let n = 0; n < total; n++) {
    const index = Math.floor(random.next() * all.length);
    fold(index, all[index] as CustomerKey, events[Math.floor((n / total) * events.length)] as CustomerEvent);
  }
}

function drawEvents(count: number): CustomerEvent[] {
  const random = createRandom(3);
  const types = [
    "page_view",
    "page_view",
    "page_view",
    "page_view",
    "purchase",
    "login",
    "add_to_cart",
    "add_to_favourites",
  ];
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    type: types[Math.floor(random.next() * types.length)] as string,
    key: customerKey(""),
    ts: (START + Math.floor((index / count) * 90 * DAY_MS)) as Instant,
    source: "clickstream",
    props: {
      section: random.chance(0.3) ? "travel" : "shop",
      item: `i-${Math.floor(random.next() * 9_000)}`,
      amount: 20,
    },
  }));
}

function settledRss(): number {
  if (globalThis.gc === undefined) throw new Error("run it with --expose-gc");
  for (let n = 0; n < 3; n++) globalThis.gc();
  return process.memoryUsage.rss();
}
