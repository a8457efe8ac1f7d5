import type { Person } from "./population.ts";
import type { Props, Step, VisitChannel } from "./sessions.ts";

/** An event as contract.md has it, to be added to a named stream. */
export interface SentEvent {
  readonly id: string;
  readonly type: string;
  readonly customer: string;
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly props: Props;
  readonly session?: string;
  readonly channel?: string;
}

export interface TrafficEvent {
  readonly stream: "clickstream" | "transactions";
  readonly event: SentEvent;
  /** The customer's app or website asks for its slot now. */
  readonly asks?: VisitChannel;
  /** Who may pick this call up: the person at the console, or a simulated colleague. */
  readonly callFor?: "desk" | "colleague";
}

/** Where ids come from: unique for one start, the same for the same seed and start. */
export interface Numbering {
  readonly prefix: string;
  next: number;
}

export function numberedId(kind: string, numbering: Numbering): string {
  return `${kind}-${numbering.prefix}-${(numbering.next++).toString(36)}`;
}

/** A step of a person as an event at `at`. */
export function eventOf(
  numbering: Numbering,
  at: number,
  person: Person,
  step: Step,
  extra: { readonly session?: string; readonly channel?: string },
): TrafficEvent {
  const id = numberedId("e", numbering);
  const event = { id, type: step.type, customer: person.id, ts: Math.round(at), props: step.props, ...extra };
  const { channel } = extra;
  return step.asks && (channel === "app" || channel === "web")
    ? { stream: step.stream, event, asks: channel }
    : { stream: step.stream, event };
}

/** A step outside a visit. */
export function bareStep(type: string, props: Props): Step {
  return { afterMs: 0, stream: "clickstream", type, props };
}
