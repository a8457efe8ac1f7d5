// The engine as the outside of this process sees it: what is owned here is done here, what is owned there is asked for one
// hop away, and what nobody owns just now is to be asked for again.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Instant } from "../domain/time.ts";
import type { Appended, Ask, AskAnswer, Engine, Ownership } from "../engine.ts";
import { Unavailable } from "../partition/trouble.ts";
import type { PeerClient } from "./peer-client.ts";
import type { PeerCall, PeerCalls } from "./peer-wire.ts";

export interface RoutedEngineOptions {
  readonly local: Engine;
  readonly peers: Pick<PeerClient, "call">;
  /** Gives back what a decision reserved that nobody waits for any more. Rejects where something is wrong with this process. */
  readonly release: (record: DecisionRecord) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: { readonly error: (message: string, fields: { readonly why: string }) => void };
  /** How long one waits for what has no deadline of its own. */
  readonly patienceMs: number;
  /** How long after its deadline the answer to an ask is still listened for, to give back what it reserved. */
  readonly lateMs: number;
}

const RETRY_AFTER_MS = 1_000;
/** The way back: the owner gives up so much earlier than who asked it. */
const WAY_BACK_MS = 2;
const NOBODY = "no engine looks after this customer's partition just now";

export function createRoutedEngine(options: RoutedEngineOptions): Engine {
  const { local, peers, patienceMs } = options;
  const ownerOf = (key: CustomerKey): Ownership => local.ownership(partitionOf(key, local.partitions));
  /** Here, or there, or Unavailable. */
  const anywhere = async <Name extends PeerCall>(
    key: CustomerKey,
    name: Name,
    sent: PeerCalls[Name]["sent"],
    here: () => Promise<PeerCalls[Name]["told"]>,
  ): Promise<PeerCalls[Name]["told"]> => {
    const owner = ownerOf(key);
    switch (owner.kind) {
      case "here":
        return await here();
      case "there":
        return await peers.call(owner.address, name, sent, patienceMs);
      case "nobody":
        throw new Unavailable(NOBODY);
    }
  };
  return {
    ...local,
    ask: async (ask) => {
      const owner = ownerOf(ask.key);
      switch (owner.kind) {
        case "here":
          return await local.ask(ask);
        case "there":
          return await askThere(options, owner.address, ask);
        case "nobody":
          return { kind: "unavailable", why: NOBODY, retryAfterMs: owner.retryAfterMs };
      }
    },
    look: (key) => anywhere(key, "look", { key }, () => local.look(key)),
    simulate: (simulation) => anywhere(simulation.key, "simulate", simulation, () => local.simulate(simulation)),
    now: (keys) => nowOf(options, ownerOf, keys),
    append: (events) => append(options, ownerOf, events),
  };
}

/**
 * The deadline holds over the hop. The owner answers in time or with the fallback; should its decision come after the
 * deadline all the same, what it reserved is given back from here.
 */
async function askThere(options: RoutedEngineOptions, address: string, ask: Ask): Promise<AskAnswer> {
  const { peers, lateMs } = options;
  const sent = { ...ask, deadlineMs: Math.max(1, ask.deadlineMs - WAY_BACK_MS) };
  const asking = peers.call(address, "ask", sent, ask.deadlineMs + lateMs).catch(refusalOf);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ask.deadlineMs);
  });
  const answer = await Promise.race([asking, deadline]);
  clearTimeout(timer);
  if (answer !== undefined) return answer;
  void giveBack(options, asking);
  return { kind: "fallback", why: "deadline" };
}

async function giveBack({ release, log }: RoutedEngineOptions, asking: Promise<AskAnswer>): Promise<void> {
  try {
    const answer = await asking;
    if (answer.kind === "decided") await release(answer.record);
  } catch (error) {
    // Its timers release what it had reserved, later.
    log.error("a late decision was not given back", { why: error instanceof Error ? error.message : String(error) });
  }
}

function refusalOf(error: unknown): AskAnswer {
  const why = error instanceof Error ? error.message : String(error);
  const isOverloaded = error instanceof Error && error.name === "Overloaded";
  if (isOverloaded) return { kind: "overloaded", retryAfterMs: RETRY_AFTER_MS };
  return { kind: "unavailable", why, retryAfterMs: RETRY_AFTER_MS };
}

/** By the owner's clock, which a replay may drive; where it cannot be asked, by this one's. */
async function nowOf(
  { local, peers, clock, patienceMs }: RoutedEngineOptions,
  ownerOf: (key: CustomerKey) => Ownership,
  keys: readonly CustomerKey[],
): Promise<readonly Instant[]> {
  const told: Instant[] = new Array(keys.length);
  const ask = async (owner: Ownership, places: readonly number[]): Promise<readonly Instant[]> => {
    const wanted = places.map((at) => keys[at] as CustomerKey);
    if (owner.kind !== "there") return await local.now(wanted);
    return await peers.call(owner.address, "now", { keys: wanted }, patienceMs).catch(() => []);
  };
  await Promise.all(
    byOwner(keys.map(ownerOf)).map(async ({ owner, places }) => {
      const instants = await ask(owner, places);
      for (const [nth, at] of places.entries()) told[at] = instants[nth] ?? (clock() as Instant);
    }),
  );
  return told;
}

/**
 * Input logs take entries from anyone. Reports of outcomes alone go by their owner, for while a replay drives the clock
 * they belong to its time; where it does not answer they are appended here: under the same id they count once.
 */
async function append(
  { local, peers, patienceMs }: RoutedEngineOptions,
  ownerOf: (key: CustomerKey) => Ownership,
  events: readonly CustomerEvent[],
): Promise<readonly Appended[]> {
  if (events.some(({ type }) => type !== "outcome")) return await local.append(events);
  const appended: Appended[] = new Array(events.length);
  await Promise.all(
    byOwner(events.map(({ key }) => ownerOf(key))).map(async ({ owner, places }) => {
      const own = places.map((at) => events[at] as CustomerEvent);
      const results = await appendAt(owner, own);
      for (const [nth, at] of places.entries()) appended[at] = results[nth] ?? { kind: "failed", why: "no answer" };
    }),
  );
  return appended;

  async function appendAt(owner: Ownership, own: readonly CustomerEvent[]): Promise<readonly Appended[]> {
    if (owner.kind !== "there") return await local.append(own);
    const results = await peers.call(owner.address, "append", { events: own }, patienceMs).catch(() => []);
    const isDone = results.length === own.length && results.every(({ kind }) => kind === "appended");
    return isDone ? results : await local.append(own);
  }
}

/** Places in the list, by who owns them; all that is not there is for this process. */
function byOwner(
  owners: readonly Ownership[],
): readonly { readonly owner: Ownership; readonly places: readonly number[] }[] {
  const groups = new Map<string, { readonly owner: Ownership; readonly places: number[] }>();
  for (const [at, owner] of owners.entries()) {
    const name = owner.kind === "there" ? owner.address : "";
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { owner, places: [at] });
    else group.places.push(at);
  }
  return [...groups.values()];
}
