// What the outside may ask of the loop (engine.ts): asks and looks go through the loop, the past is read from the journal.

import { explain } from "../decide/explain.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, PartitionIndex, Position, RulebookHash } from "../domain/ids.ts";
import { comparePositions, isAnonymous, parseTrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Instant } from "../domain/time.ts";
import type { Activated, Appended, Committed, Engine } from "../engine.ts";
import { encodeEvent } from "../ingest/log-entry.ts";
import { decodeCommit, follows } from "../journal/commit-record.ts";
import { activate, activations, previousOf } from "./activations.ts";
import { answerAsk } from "./answer-ask.ts";
import { campaignProgress } from "./campaign-progress.ts";
import { decisionsOf, eventsOf } from "./customer-past.ts";
import type { LoopState } from "./decision-loop.ts";
import { erase } from "./erasures.ts";
import { findDecision } from "./find-decision.ts";
import { activeOf } from "./present.ts";
import { partitionOfDecision } from "./questions.ts";
import { quotaUse } from "./quota-use.ts";
import { nowOf } from "./recover.ts";
import { routesOf } from "./routes.ts";
import type { Session } from "./session.ts";
import { Unavailable, whyNotHere } from "./trouble.ts";

const SINCE_COMMITS_MAX = 1_000;
const ACTIVATION_MS_MAX = 10_000;

export function createEngine(state: LoopState): Engine {
  const { options } = state;
  let loadedAt = options.clock() as Instant;
  const activateHere = async (session: Session, hash: RulebookHash, by: string): Promise<Activated> => {
    const { rulebook } = await session.library.get(hash); // compiled before the log asks for it: no partition waits
    const at = options.clock() as Instant;
    const { connection, journal } = session;
    const told = await activate(connection, journal, options.partitions, { hash, version: rulebook.version, by, at });
    await untilActive(state, session, hash, told);
    loadedAt = options.clock() as Instant;
    return { kind: "activated", hash };
  };
  const owner = (key: CustomerKey): PartitionIndex => partitionOf(key, options.partitions);
  /** The partition of this key; throws Unavailable where it may not be asked here. */
  const openHere = (key: CustomerKey): PartitionIndex => {
    const partition = owner(key);
    if (!sessionOf(state).isOpen(partition)) throw new Unavailable(whyNotHere(partition));
    return partition;
  };
  const look: Engine["look"] = async (key) => await state.looks.add({ partition: openHere(key), key });
  /** As an ask under an anonymous key that is joined is decided for its customer, so is one that is only supposed. */
  const joinedTo = async (key: CustomerKey): Promise<CustomerKey | undefined> =>
    isAnonymous(key) ? (await look(key))?.joinedTo : undefined;
  const engine: Engine = {
    partitions: options.partitions,
    ownership: (partition) => state.tenure?.ownership(partition) ?? { kind: "nobody", retryAfterMs: 1_000 },
    now: async (keys) =>
      keys.map((key) => {
        const partition = state.session?.owned(owner(key));
        return partition === undefined ? (options.clock() as Instant) : nowOf(partition, options.clock);
      }),
    ask: (ask) => answerAsk(state, ask),
    isOver: () => state.asks.isOver(),
    look,
    simulate: async (simulation) => {
      const customer = await joinedTo(simulation.key);
      if (customer !== undefined) return await routesOf(state).simulate({ ...simulation, key: customer });
      const { key } = simulation;
      return await state.simulations.add({ partition: openHere(key), key, simulation });
    },
    decisionsOf: async (key, countMax) => {
      const partition = owner(key);
      const { journal } = sessionOf(state);
      const found = await routesOf(state).look(key);
      const made = (found?.contacts ?? []).map(({ decision }) => decision).reverse();
      return await decisionsOf(journal, partition, options.partitions, key, made, countMax);
    },
    eventsOf: async (key, countMax) =>
      await eventsOf(sessionOf(state).journal, owner(key), options.partitions, key, countMax),
    decision: async (id) => {
      const partition = partitionOfDecision(id, options.partitions);
      return partition === undefined ? undefined : await findDecision(sessionOf(state).journal, partition, id);
    },
    explain: async (record) => explain((await sessionOf(state).library.get(record.rulebook)).decider, record),
    customerOf: async (code) => {
      const parsed = parseTrackingCode(code);
      const partition = parsed === undefined ? undefined : partitionOfDecision(parsed.decision, options.partitions);
      if (parsed === undefined || partition === undefined) return undefined;
      const found = await sessionOf(state).journal.findDecision(partition, parsed.decision);
      return found !== undefined && parsed.ordinal < found.items ? found.key : undefined;
    },
    append: (events) => Promise.all(events.map((event) => append(state, owner(event.key), event))),
    since: (key, seq) => since(sessionOf(state), owner(key), key, seq),
    rulebook: () => (state.session === undefined ? options.local.rulebook : activeOf(state.session).rulebook),
    loadedAt: () => loadedAt,
    reload: async (by) => {
      const local = await options.readLocal();
      if (local.kind === "faulty") return local;
      const session = sessionOf(state);
      const hash = await session.library.store(local);
      return await activateHere(session, hash, by);
    },
    campaigns: async () => await campaignProgress(sessionOf(state), options.clock),
    rollback: async (by, wanted) => {
      const session = sessionOf(state);
      const hash = wanted ?? previousOf(await activations(session.connection))?.hash;
      if (hash === undefined) return { kind: "unknown", why: "no other rulebook was active before" };
      const found = await session.library.find(hash);
      if (found === undefined) return { kind: "unknown", why: `Redis holds no rulebook "${hash}"` };
      if (found.isVariant) return { kind: "unknown", why: `"${hash}" is a variant: it decides for an arm only` };
      return await activateHere(session, hash, by);
    },
    erase: async (key) =>
      await erase(sessionOf(state), key, options.clock, async () => (await routesOf(state).look(key)) !== undefined),
    quotas: async () => await quotaUse(sessionOf(state), options.clock),
    onCommitted: (listener) => void state.listeners.push(listener),
    ready: () => readiness(state),
  };
  state.routes = engine;
  return engine;
}

export function sessionOf(state: LoopState): Session {
  if (state.session === undefined) throw new Unavailable(state.why);
  return state.session;
}

async function append(state: LoopState, partition: PartitionIndex, event: CustomerEvent): Promise<Appended> {
  try {
    const session = sessionOf(state);
    const skewMs = session.owned(partition)?.skewMs ?? 0;
    // A report about a decision belongs to the time of that decision: while a replay drives the clock it follows it.
    const at = event.type === "outcome" && skewMs < 0 ? ((state.options.clock() + skewMs) as Instant) : undefined;
    return { kind: "appended", position: await session.journal.append(partition, encodeEvent(event, at)) };
  } catch (error) {
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}

async function since(
  session: Session,
  partition: PartitionIndex,
  key: CustomerKey,
  seq: CommitSeq,
): Promise<readonly Committed[] | undefined> {
  const page = await session.journal.commits(partition, (seq + 1) as CommitSeq, SINCE_COMMITS_MAX);
  const [first] = page;
  const isGapless =
    first === undefined || first.seq === seq + 1 || follows(seq, first.seq, decodeCommit(first.payload));
  if (!isGapless || page.length === SINCE_COMMITS_MAX) return undefined;
  // A number that is ahead of the journal is not one of its own: that Redis lost what the asker saw.
  if (page.length === 0 && (await session.journal.head(partition)).seq < seq) return undefined;
  const found: Committed[] = [];
  for (const commit of page) {
    const record = decodeCommit(commit.payload);
    const decisions = record.decisions.filter((decision) => decision.key === key);
    const withdrawals = record.withdrawals.filter((withdrawal) => withdrawal.key === key);
    if (decisions.length + withdrawals.length > 0) found.push({ partition, seq: commit.seq, decisions, withdrawals });
  }
  return found;
}

/** Of a partition elsewhere its checkpoint tells: an activation is committed as soon as it is folded. */
async function untilActive(
  state: LoopState,
  session: Session,
  hash: RulebookHash,
  told: readonly (Position | undefined)[],
): Promise<void> {
  const giveUpAt = performance.now() + ACTIVATION_MS_MAX;
  let behind = told.map((_, index) => index as PartitionIndex);
  for (;;) {
    const stillBehind = await Promise.all(behind.map((index) => isBehind(session, hash, index, told[index])));
    behind = behind.filter((_, at) => stillBehind[at]);
    if (behind.length === 0) return;
    if (state.session !== session || performance.now() > giveUpAt) {
      const named = behind.join(", ");
      throw new Unavailable(
        `rulebook ${hash} is activated, but of ${told.length} partitions ${behind.length} do not run it yet (${named}): they` +
          " will as soon as their logs are folded; nba_rulebook_info tells what runs",
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function isBehind(
  session: Session,
  hash: RulebookHash,
  index: PartitionIndex,
  told: Position | undefined,
): Promise<boolean> {
  const partition = session.owned(index);
  if (partition !== undefined) return partition.active.hash !== hash;
  return told === undefined || comparePositions((await session.journal.head(index)).position, told) < 0;
}

function readiness(state: LoopState): ReturnType<Engine["ready"]> {
  const { session } = state;
  if (session === undefined) return { ok: false, why: state.why };
  if (state.isLeaving) return { ok: false, why: "stopping" };
  const broken = [...session.rests.broken()]
    .map(([index, why]) => `; partition ${index} cannot be taken: ${why}`)
    .join("");
  const held = `${session.partitions.length} of ${state.options.partitions} partitions are here`;
  const refusal = session.rests.refusal();
  const isRefused = refusal !== undefined && session.partitions.length === 0;
  const ok = state.isReady && !isRefused;
  const said = refusal === undefined ? "" : `; a partition could not be taken just now: ${refusal}`;
  return { ok, why: `${ok ? "ready" : "taking partitions"}: ${held}${broken}${said}` };
}
