// Walks over the register of all customers: campaigns, and the arming of daily timers when a rulebook begins to have some.
// A walk only asks, by entries in the input log, at its pace; the fold honours each once for every customer. So a walk may
// be killed anywhere: the next owner goes on with the page that was not done.
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { type EntryFields, encodeCampaign, encodeTimer } from "../ingest/log-entry.ts";
import { createRegister, type Register, type Walk } from "../journal/register.ts";
import { LIMITS } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import { hasDaily } from "./arm-timers.ts";
import { runOf } from "./fold-campaign.ts";
import type { Partition } from "./partition.ts";
import { nowOf } from "./recover.ts";
import { sayUnlessClosed } from "./say-unless-closed.ts";
import type { Session } from "./session.ts";
import { createWalker, type Walker } from "./walker.ts";

const TICK_MS = 50;
const REST_MS = 1_000;
/** The walk that arms the daily timers; a run of a campaign has a slash in its name. */
const DAILY_WALK = "$daily";

/** What is to be walked just now. */
interface Errand {
  readonly name: string;
  /** Over all partitions. */
  readonly perSecond: number;
  readonly entry: (key: CustomerKey) => EntryFields;
}

interface Place {
  readonly session: Session;
  readonly register: Register;
  readonly partition: Partition;
  readonly clock: () => number;
  /** As they were when this engine began to walk here. */
  stored: ReadonlyMap<string, Walk> | undefined;
  walkers: Map<string, Walker>;
  /** Clock of the process: after a failure it walks on from then. */
  restsUntil: number;
}

/** Starts what walks the partitions that are held; returns how to stop it. */
export function startWalks(session: Session, clock: () => number, log: Log): () => void {
  const register = createRegister(session.connection);
  const places = new WeakMap<Partition, Place>();
  const placeOf = (partition: Partition): Place => {
    const known = places.get(partition);
    if (known !== undefined) return known;
    const place: Place = { session, register, partition, clock, stored: undefined, walkers: new Map(), restsUntil: 0 };
    places.set(partition, place);
    return place;
  };
  let isWalking = false;
  const tick = async (): Promise<void> => {
    const walking = session.partitions.map(placeOf).filter(({ restsUntil }) => restsUntil <= clock());
    await Promise.all(
      walking.map(async (place) => {
        try {
          await walkPartition(place);
        } catch (error) {
          // Its walkers are made anew from what was written down: turns may be asked for twice, which the fold honours once.
          Object.assign(place, { stored: undefined, walkers: new Map(), restsUntil: clock() + REST_MS });
          sayUnlessClosed(session, log, "a walk over the customers was held up; going on", error);
        }
      }),
    );
  };
  const ticking = setInterval(() => {
    if (isWalking) return;
    isWalking = true;
    void tick().finally(() => {
      isWalking = false;
    });
  }, TICK_MS);
  return () => clearInterval(ticking);
}

async function walkPartition(place: Place): Promise<void> {
  const { partition, register, walkers } = place;
  place.stored ??= await register.walks(partition.index);
  const errands = errandsOf(place);
  // Where a rulebook has no daily triggers any more, a later one that has some must walk again.
  const isKnown = place.stored.has(DAILY_WALK) || walkers.has(DAILY_WALK);
  if (isKnown && !errands.some(({ name }) => name === DAILY_WALK)) {
    await register.forget(partition.index, DAILY_WALK);
    place.stored = new Map([...place.stored].filter(([name]) => name !== DAILY_WALK));
    walkers.delete(DAILY_WALK);
  }
  for (const errand of errands) await walkOn(place, errand);
}

function errandsOf({ partition, clock }: Place): readonly Errand[] {
  const now = nowOf(partition, clock);
  const { rulebook } = partition.active;
  const errands = rulebook.campaigns
    .filter(({ from, to }) => from <= now && now < to)
    .map(({ id, from, perSecond }): Errand => {
      return { name: runOf(id, from), perSecond, entry: (key) => encodeCampaign(key, id, from) };
    });
  if (!hasDaily(rulebook)) return errands;
  // A timer that goes off for nothing is armed anew, and then for the day too. Due long ago: it goes off when the log takes it,
  // not at a time of this engine's, which a replay may be about to drive back.
  const entry = (key: CustomerKey): EntryFields => encodeTimer(key, 0 as Instant);
  return [...errands, { name: DAILY_WALK, perSecond: LIMITS.dailyArmedPerSecond, entry }];
}

async function walkOn({ session, register, partition, clock, stored, walkers }: Place, errand: Errand): Promise<void> {
  const { partitions } = session.context;
  const { name, perSecond, entry } = errand;
  const nowMs = clock();
  let walker = walkers.get(name);
  if (walker === undefined) {
    walker = await createWalker({
      register,
      partition: partition.index,
      name,
      before: stored?.get(name),
      append: (customer, fields) => session.journal.appendKnown(partition.index, { customer }, fields),
      entry,
      nowMs,
      head: partition.index / partitions,
    });
    walkers.set(name, walker);
  }
  await walker.goOn(nowMs, perSecond / partitions, partition.campaigns.get(name) ?? NOTHING_COUNTED);
}

const NOTHING_COUNTED = { asked: 0, acted: 0 };
