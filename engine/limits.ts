// Every bound of the engine, with its unit in its name. What must fit its neighbour is asserted by `assertLimits`,
// which main and a test call: a bound that is changed alone fails at start, not under load.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "./domain/time.ts";

export const LIMITS = {
  // ---- one event, as it comes in
  eventBytesMax: 16_384,
  eventIdCharsMax: 128,
  eventTypeCharsMax: 64,
  customerCharsMax: 256,
  propsMax: 64,
  propStringCharsMax: 1_024,
  propListMax: 64,
  quotedCharsMax: 40,
  aheadMsMax: DAY_MS,
  behindMsMax: 90 * DAY_MS,
  deadLetterBytesMax: 1_024,

  // ---- front door and input log
  moverBatchMax: 1_000,
  seenEventsMax: 100_000,
  seenRingSlots: 131_072,

  // ---- profile
  windowMsMin: HOUR_MS,
  windowMsMax: 90 * DAY_MS,
  panesMax: 288,
  contactsMax: 128,
  openCasesMax: 16,
  tasksMax: 32,
  consentsMax: 64,
  attributeStringCharsMax: 256,
  attributeSetMax: 64,

  // ---- rulebook
  /** In memory, beside those that partitions run: a new one comes with each reload. */
  rulebooksHeldMax: 8,
  rulebookFilesMax: 2_000,
  rulebookFileBytesMax: 1_048_576,
  expressionCharsMax: 2_000,
  expressionDepthMax: 32,
  contactLimitMax: 100,
  contactMemoryMsMax: 90 * DAY_MS,
  reasonsShownMax: 4,

  // ---- models
  scoreRowsMax: 256,

  // ---- asks
  deadlineMs: 25,
  decisionBodyBytesMax: 65_536,
  batchBodyBytesMax: 1_048_576,
  /** Requests without an answer, and the bytes of their bodies: more are answered 503 at once. */
  requestsInFlightMax: 8_192,
  requestBytesInFlightMax: 67_108_864,
  /** A body that does not come with its headers: below the 10 s after which the library closes whoever says nothing. */
  bodyWithinMs: 8 * SECOND_MS,
  /** Of answers that their callers do not read: whoever would have more kept is cut off. */
  unsentBytesMax: 67_108_864,

  // ---- callers
  /** Requests and messages a second of one caller, where tokens are shown and nothing else is configured. */
  callerPerSecond: 1_000,

  // ---- live
  socketUnsentBytesMax: 262_144,
  socketMessageBytesMax: 16_384,
  socketSubscriptionsMax: 64,
  socketIdleMs: 32 * SECOND_MS,

  // ---- other engines
  /** How far apart their clocks may be. */
  peerSkewMs: 30 * SECOND_MS,
  /** Requests to one other engine that have no answer yet, and the connections that they share. */
  peerInFlightMax: 1_024,
  peerConnectionsMax: 32,
  peerRequestBytesMax: 4_194_304,
  peerAnswerBytesMax: 16_777_216,
  /** How long an answer without a deadline is waited for; and, after its deadline, the answer to an ask, to give back what it reserved. */
  peerPatienceMs: 2 * SECOND_MS,
  peerLateMs: 2 * SECOND_MS,

  // ---- dispatch
  channelStreamEntriesMax: 1_000_000,
  /** A partition that is given away waits so long for what its webhooks have under way. */
  giveMs: SECOND_MS,

  // ---- decision loop
  asksWaitingMax: 4_096,
  asksPerStepMax: 512,
  /** Looks at customers that have no answer yet, and how many of them one step takes: decisions come first. */
  looksWaitingMax: 256,
  looksPerStepMax: 32,
  /** The same of supposed decisions. */
  simulationsWaitingMax: 64,
  simulationsPerStepMax: 8,
  /** The same of messages that waited, and are looked at before they are sent. */
  sendablesWaitingMax: 256,
  sendablesPerStepMax: 64,
  /** So long one of these three waits to be told. */
  servedWithinMs: 4 * SECOND_MS,
  entriesPerReadMax: 256,
  entriesPerStepMax: 1_024,
  /** A step that answers somebody lets go of the thread after so long: others come meanwhile, or were answered by the step before. */
  holdMs: 4,
  /** Of entries that were read and not folded yet. */
  inboxBytesMax: 33_554_432,
  profilesPerCommitMax: 256,
  /** What changed is written back after about this long, busy or not. */
  writeBackAfterMs: 30 * SECOND_MS,
  /** A partition without entries and asks for this long writes its profiles back. */
  idleMs: 5 * SECOND_MS,
  /** Redis without an answer for this long: the connection is given up. */
  silenceMs: 2 * SECOND_MS,
  /** What so many replicas as DURABILITY asks for have not taken by then is in doubt. */
  replicaWaitMs: SECOND_MS,

  // ---- walks over the register of customers
  walkPageCustomers: 256,
  /** Customers a second, over all partitions, whose timers are armed when a rulebook begins to have daily triggers. */
  dailyArmedPerSecond: 5_000,
  // ---- quotas
  /** A partition that asked for units in vain asks again after this. */
  quotaAgainMs: 200,
  quotaPollMs: SECOND_MS,
  /** Units of which none was spent for this long are given back where somebody waits for some. */
  quotaIdleMs: 5 * SECOND_MS,

  // ---- erasure
  erasurePollMs: SECOND_MS,
  /** That an erasure is done is known for so long. */
  erasureKnownMs: 30 * DAY_MS,

  // ---- operation
  activationPollMs: 2 * SECOND_MS,
  unflushedEventsMax: 500_000,
  /** Of a clean stop, one after the other: partitions are given back, requests answered and sockets closed, dispatch ends. */
  leaveMs: 3 * SECOND_MS,
  /** Beside the first of them: those who watch /readyz have so long to notice. */
  lingerMs: 3 * SECOND_MS,
  drainMs: 3 * SECOND_MS,
  dispatchStopMs: SECOND_MS,
  /** A stop that has not come to its end by then is cut short. */
  stopMs: 9.5 * SECOND_MS,
  redisStartMs: MINUTE_MS,
  /** The engine's own Redis has so long to store what it holds. */
  redisStopMs: 10 * SECOND_MS,
  metricSeriesMax: 1_024,
} as const;

export type Limits = { readonly [Name in keyof typeof LIMITS]: number };

/** Throws with every neighbour that does not fit. */
export function assertLimits(limits: Limits = LIMITS): void {
  const broken = limitFaults(limits);
  if (broken.length > 0) throw new Error(`engine/limits.ts contradicts itself: ${broken.join("; ")}`);
}

/** Pure: the relations that do not hold, in words. */
export function limitFaults(limits: Limits): readonly string[] {
  const faults: string[] = [];
  const fits = (holds: boolean, words: string): void => {
    if (!holds) faults.push(words);
  };
  for (const [name, value] of Object.entries(limits)) {
    fits(Number.isSafeInteger(value) && value > 0, `${name} is no positive whole number`);
  }
  fits(
    limits.contactsMax > limits.contactLimitMax,
    "contactsMax must exceed contactLimitMax, or a cap cannot be counted",
  );
  fits(
    limits.windowMsMax <= limits.behindMsMax,
    "windowMsMax must not exceed behindMsMax, or late events miss their window",
  );
  fits(limits.replicaWaitMs < limits.silenceMs, "replicaWaitMs must be below silenceMs, or a wait looks like silence");
  fits(limits.windowMsMin < limits.windowMsMax, "windowMsMin must be below windowMsMax");
  fits(limits.contactMemoryMsMax <= limits.windowMsMax, "contactMemoryMsMax must not exceed windowMsMax");
  fits(
    limits.seenRingSlots > limits.seenEventsMax,
    "seenRingSlots must exceed seenEventsMax, or a snapshot is overwritten",
  );
  fits(isPowerOfTwo(limits.seenRingSlots), "seenRingSlots must be a power of two");
  fits(
    limits.decisionBodyBytesMax <= limits.batchBodyBytesMax,
    "decisionBodyBytesMax must not exceed batchBodyBytesMax",
  );
  fits(
    limits.batchBodyBytesMax < limits.peerRequestBytesMax,
    "peerRequestBytesMax must exceed batchBodyBytesMax, or a batch cannot be passed on",
  );
  fits(limits.lingerMs <= limits.leaveMs, "lingerMs must not exceed leaveMs, or a stop takes longer than its parts");
  fits(
    limits.leaveMs + limits.drainMs + limits.dispatchStopMs + limits.silenceMs < limits.stopMs,
    "leaveMs, drainMs, dispatchStopMs and silenceMs must together stay below stopMs, or a stop is cut short",
  );
  fits(
    limits.batchBodyBytesMax < limits.requestBytesInFlightMax,
    "requestBytesInFlightMax must exceed batchBodyBytesMax: no batch could come in",
  );
  fits(
    2 * limits.peerRequestBytesMax < limits.requestBytesInFlightMax,
    "requestBytesInFlightMax must exceed twice peerRequestBytesMax: other engines are counted in a half of their own",
  );
  fits(limits.asksWaitingMax < limits.requestsInFlightMax, "requestsInFlightMax must exceed asksWaitingMax");
  fits(limits.eventBytesMax < limits.batchBodyBytesMax, "eventBytesMax must be below batchBodyBytesMax");
  fits(limits.deadLetterBytesMax <= limits.eventBytesMax, "deadLetterBytesMax must not exceed eventBytesMax");
  fits(
    limits.socketMessageBytesMax < limits.socketUnsentBytesMax,
    "socketMessageBytesMax must be below socketUnsentBytesMax",
  );
  fits(limits.looksPerStepMax <= limits.looksWaitingMax, "looksPerStepMax must not exceed looksWaitingMax");
  fits(
    limits.simulationsPerStepMax <= limits.simulationsWaitingMax,
    "simulationsPerStepMax must not exceed simulationsWaitingMax",
  );
  fits(
    limits.silenceMs < limits.servedWithinMs,
    "servedWithinMs must exceed silenceMs, or a look is given up while Redis may still answer",
  );
  fits(
    limits.sendablesPerStepMax <= limits.sendablesWaitingMax,
    "sendablesPerStepMax must not exceed sendablesWaitingMax",
  );
  fits(
    limits.attributeSetMax <= limits.propListMax,
    "attributeSetMax must not exceed propListMax: no event could fill it",
  );
  fits(
    limits.attributeStringCharsMax <= limits.propStringCharsMax,
    "attributeStringCharsMax must not exceed propStringCharsMax: no event could fill it",
  );
  return faults;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && 2 ** Math.round(Math.log2(value)) === value;
}
