// Plays a past under a rulebook: what would have been decided.
import type { CustomerEvent, OutcomeReport } from "../domain/event.ts";
import type { Instant } from "../domain/time.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Scorer } from "../score/scorer.ts";
import { activeRulebookOf } from "./active-rulebook-of.ts";
import type { Happened } from "./lab.ts";
import type { Past, PastItem } from "./past.ts";
import { createRunTally, type RunStats } from "./run-tally.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";

export interface RunPastInput {
  readonly past: Past;
  readonly rulebook: Rulebook;
  readonly scorer: Scorer;
  /** Counted is [from, to); what was before is played too, for it made the profiles. */
  readonly from: Instant;
  readonly to: Instant;
  readonly onItem: (count: number) => void;
}

export interface RunPastOutput {
  readonly stats: RunStats;
  /** Outcomes of offers that this rulebook did not make. */
  readonly outcomesLost: number;
  /** Events and asks that were refused. */
  readonly refused: number;
}

/** Items told at once to `onItem`. */
const TELL_EVERY = 500;

export async function runPast({ past, rulebook, scorer, from, to, onItem }: RunPastInput): Promise<RunPastOutput> {
  const active = activeRulebookOf(rulebook, scorer);
  const startsAt = past.items[0]?.at ?? from;
  const sandbox = await createSandbox({ rulebook: active, startsAt, partitions: past.partitions });
  const tally = createRunTally(active.decider, (record) => sandbox.rulebookOf(record).decider, from, to);
  const counts = { outcomesLost: 0, refused: 0 };
  const take = ({ decisions, withdrawals, dead }: Happened): void => {
    for (const record of decisions) tally.add(record);
    tally.addWithdrawn(withdrawals.length, sandbox.now());
    counts.refused += dead.length;
  };
  for (const [index, item] of past.items.entries()) {
    if (item.at >= to) break;
    if (index % TELL_EVERY === 0) onItem(index);
    // A replay may have driven the clock of one partition back: here there is one clock, and it stands still meanwhile.
    if (item.at > sandbox.now()) await sandbox.advance(item.at, take);
    tally.see(item.kind === "event" ? item.event.key : item.ask.key, item.at);
    if (item.kind === "event" && isLost(past, sandbox, item.event)) counts.outcomesLost++;
    else if (!(await play(sandbox, item, take))) counts.refused++;
  }
  if (to > sandbox.now() && Number.isFinite(to)) await sandbox.advance(to, take);
  onItem(past.items.length);
  return { stats: tally.stats(), ...counts };
}

/** False where an ask was refused. */
async function play(sandbox: Sandbox, item: PastItem, take: (happened: Happened) => void): Promise<boolean> {
  if (item.kind === "event") {
    take(await sandbox.send(item.event));
    return true;
  }
  const answer = await sandbox.ask(item.ask, item.id);
  if (answer.kind === "refused") return false;
  take(answer);
  return true;
}

/** An outcome of an offer that was not made here, or whose code stands for another treatment here. */
function isLost(past: Past, sandbox: Sandbox, event: CustomerEvent): boolean {
  if (event.type !== "outcome") return false;
  const { trackingCode } = event.props as unknown as OutcomeReport; // checked where the event was decoded
  const contact = sandbox.state(event.key)?.contacts.find((one) => one.trackingCode === trackingCode);
  const recorded = past.treatments.get(trackingCode);
  return contact === undefined || (recorded !== undefined && recorded !== contact.treatment);
}
