// All metrics of the engine, declared once. Labels are names of the rulebook, partitions and closed sets: never a customer.
import type { ContactState } from "../domain/contact.ts";
import type { Direction } from "../domain/decision.ts";
import type { Stage } from "../domain/drop.ts";
import { LIMITS } from "../limits.ts";
import { createScrape, type Scrape } from "./scrape.ts";
import { createHistogram, createSeries, type Histogram, type Reading, type Series } from "./series.ts";

/** What became of one entry of an input log. */
export type EventResult = "folded" | "duplicate" | "dead";
/** Who waited for a decision: a caller over HTTP, an agent's screen, or nobody (a trigger). */
export type DecisionPath = "http" | "live" | "trigger";
/** What became of a customer's turn in a campaign. */
export type CampaignTurn = "asked" | "not-in-segment" | "repeated" | "over" | "joined";
/** What retention trims. */
export type TrimmedStream = "events" | "journal" | "decisions" | "dead";
/** Where the time of a wave goes. */
export type WaveStage = "fold" | "qualify" | "score" | "choose" | "commit";

/** Upper bounds in seconds, 50 us to 1 s; 25 ms is the deadline of an ask, so the share within it is exact. */
export const DURATION_BOUNDS_S = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;

export interface Metrics {
  readonly events: Series<[source: string, result: EventResult]>;
  readonly eventLagSeconds: Series<[partition: string]>;
  readonly streamPending: Series<[partition: string, stream: string]>;
  readonly decisionSeconds: Histogram<[path: DecisionPath]>;
  readonly stageSeconds: Series<[stage: WaveStage]>;
  readonly decisions: Series<[kind: "act" | "none", direction: Direction, placement: string]>;
  readonly candidatesDropped: Series<[stage: Stage]>;
  readonly ruleErrors: Series<[stage: Stage]>;
  readonly actionsSelected: Series<[action: string]>;
  readonly contacts: Series<[channel: string, state: ContactState]>;
  readonly modelSeconds: Histogram<[model: string]>;
  readonly modelFallbacks: Series<[model: string]>;
  readonly commitSeconds: Histogram<[]>;
  readonly profiles: Series<[partition: string]>;
  readonly profileBytes: Series<[]>;
  readonly partitionOwner: Series<[partition: string]>;
  readonly partitionBroken: Series<[partition: string]>;
  readonly epoch: Series<[]>;
  readonly websocketConnections: Series<[]>;
  readonly websocketDropped: Series<[reason: string]>;
  readonly deliveries: Series<[channel: string, result: string]>;
  readonly deadLetters: Series<[reason: string]>;
  readonly campaignCustomers: Series<[campaign: string, result: CampaignTurn]>;
  readonly quotaUnits: Series<[quota: string, state: "granted" | "spent"]>;
  readonly experimentDecisions: Series<[experiment: string, arm: string]>;
  readonly rulebook: Series<[hash: string, version: string]>;
  readonly entriesLost: Series<[partition: string, stream: string]>;
  readonly trimmed: Series<[stream: TrimmedStream]>;
  readonly archiveBytes: Series<[]>;
  readonly archiveFailures: Series<[]>;
  readonly retentionLateSeconds: Series<[]>;
  /** What there is, in the order of declaration, for the table of the README. */
  readonly declared: readonly Pick<Reading, "name" | "labels" | "type" | "help">[];
  /** Called before each scrape: where gauges are set that nobody needs in between. */
  readonly onScrape: (listener: () => void) => void;
  /** `accept`: the header of the request; OpenMetrics where it is asked for, else Prometheus text. */
  readonly scrape: (accept: string | undefined) => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** `version`: of the engine, for nba_build_info. */
export function createMetrics(options: { readonly version: string; readonly node: string }): Metrics {
  const readings: Reading[] = [];
  const listeners: (() => void)[] = [];
  const kept = <T extends { readonly reading: Reading }>(made: T): T => {
    readings.push(made.reading);
    return made;
  };
  const counter = <L extends readonly string[]>(name: string, labels: readonly string[], help: string): Series<L> =>
    kept(createSeries<L>("counter", { name, help, labels, seriesMax: LIMITS.metricSeriesMax }));
  const gauge = <L extends readonly string[]>(name: string, labels: readonly string[], help: string): Series<L> =>
    kept(createSeries<L>("gauge", { name, help, labels, seriesMax: LIMITS.metricSeriesMax * 16 }));
  const seconds = <L extends readonly string[]>(name: string, labels: readonly string[], help: string): Histogram<L> =>
    kept(createHistogram<L>({ name, help, labels, seriesMax: LIMITS.metricSeriesMax, bounds: DURATION_BOUNDS_S }));
  const build = gauge<[string, string]>("nba_build_info", ["version", "node"], "Always 1; what is running.");
  build.set(build.slot(options.version, options.node), 1);
  const metrics = {
    ...flowMetrics(counter, gauge, seconds),
    ...stateMetrics(counter, gauge, seconds),
    ...retentionMetrics(counter, gauge),
  };
  const scrape: Scrape = createScrape(readings);
  return {
    ...metrics,
    declared: readings,
    onScrape: (listener) => void listeners.push(listener),
    scrape: (accept) => {
      for (const listener of listeners) listener();
      return scrape(accept);
    },
  };
}

type MakeSeries = <L extends readonly string[]>(name: string, labels: readonly string[], help: string) => Series<L>;
type MakeHistogram = <L extends readonly string[]>(
  name: string,
  labels: readonly string[],
  help: string,
) => Histogram<L>;

function flowMetrics(counter: MakeSeries, gauge: MakeSeries, seconds: MakeHistogram) {
  return {
    events: counter<[string, EventResult]>(
      "nba_events_total",
      ["source", "result"],
      "Entries of the input logs by what became of them.",
    ),
    eventLagSeconds: gauge<[string]>(
      "nba_event_lag_seconds",
      ["partition"],
      "Age of the newest entry that is folded, when it was folded.",
    ),
    streamPending: gauge<[string, string]>(
      "nba_stream_pending",
      ["partition", "stream"],
      "Entries of a stream that are not yet moved, folded or dispatched.",
    ),
    decisionSeconds: seconds<[DecisionPath]>(
      "nba_decision_duration_seconds",
      ["path"],
      "From the ask, or from the arrival of the event that triggered, to the durable decision.",
    ),
    stageSeconds: counter<[WaveStage]>(
      "nba_stage_seconds_total",
      ["stage"],
      "Time spent by stage of a wave. `commit`: until fewer than two steps have commits under way, and closing those of this one.",
    ),
    decisions: counter<["act" | "none", Direction, string]>(
      "nba_decisions_total",
      ["kind", "direction", "placement"],
      "Decisions journalled, once for each placement that was asked for.",
    ),
    candidatesDropped: counter<[Stage]>("nba_candidates_dropped_total", ["stage"], "Candidates by where they fell."),
    ruleErrors: counter<[Stage]>(
      "nba_rule_errors_total",
      ["stage"],
      "Candidates dropped because a rule, weight or value failed with an error, by where they fell.",
    ),
    actionsSelected: counter<[string]>("nba_actions_selected_total", ["action"], "Items placed on slates, by action."),
    contacts: counter<[string, ContactState]>(
      "nba_contacts_total",
      ["channel", "state"],
      "Contacts that took a state.",
    ),
    experimentDecisions: counter<[string, string]>(
      "nba_experiment_decisions_total",
      ["experiment", "arm"],
      "Decisions journalled, by the arms of their customers.",
    ),
    commitSeconds: seconds<[]>("nba_commit_duration_seconds", [], "Round trip of one commit."),
    deliveries: counter<[string, string]>(
      "nba_delivery_total",
      ["channel", "result"],
      "Outbound items handed to a channel.",
    ),
    deadLetters: counter<[string]>(
      "nba_dead_letters_total",
      ["reason"],
      "Dead letters of the partitions, by their reason.",
    ),
    campaignCustomers: counter<[string, CampaignTurn]>(
      "nba_campaign_customers_total",
      ["campaign", "result"],
      "Customers to whom a campaign came, by what became of their turn.",
    ),
  };
}

function stateMetrics(counter: MakeSeries, gauge: MakeSeries, seconds: MakeHistogram) {
  return {
    modelSeconds: seconds<[string]>("nba_model_duration_seconds", ["model"], "One call of a model, whole batch."),
    modelFallbacks: counter<[string]>(
      "nba_model_fallbacks_total",
      ["model"],
      "Rows that got the declared default, because the model failed or was too slow.",
    ),
    profiles: gauge<[string]>("nba_profiles", ["partition"], "Profiles in memory."),
    profileBytes: gauge<[]>(
      "nba_profile_bytes",
      [],
      "Packed records of all profiles; keys and what is decoded come on top.",
    ),
    partitionOwner: gauge<[string]>("nba_partition_owner", ["partition"], "1 where this process owns the partition."),
    partitionBroken: gauge<[string]>(
      "nba_partition_broken",
      ["partition"],
      "1 where this process tried in vain to take the partition: what Redis holds of it cannot be put together.",
    ),
    epoch: gauge<[]>("nba_epoch", [], "Highest epoch among the partitions owned: grows with each take-over."),
    websocketConnections: gauge<[]>("nba_websocket_connections", [], "Open sockets."),
    websocketDropped: counter<[string]>(
      "nba_websocket_dropped_total",
      ["reason"],
      "Sockets that the engine closed; as `feed-rate`, decisions left out of the feed.",
    ),
    quotaUnits: gauge<[string, "granted" | "spent"]>(
      "nba_quota_units",
      ["quota", "state"],
      "Contacts, or costs, of the present period in the partitions of this process.",
    ),
    rulebook: gauge<[string, string]>("nba_rulebook_info", ["hash", "version"], "Always 1; the active rulebook."),
  };
}

function retentionMetrics(counter: MakeSeries, gauge: MakeSeries) {
  return {
    entriesLost: counter<[string, string]>(
      "nba_entries_lost_total",
      ["partition", "stream"],
      "Entries that somebody else trimmed or deleted before they were folded, or moved from a named stream.",
    ),
    trimmed: counter<[TrimmedStream]>(
      "nba_trimmed_total",
      ["stream"],
      "Entries of input logs, commits, decisions and dead letters that retention has let go.",
    ),
    archiveBytes: counter<[]>("nba_archive_bytes_total", [], "Bytes of the segments written to the archive."),
    archiveFailures: counter<[]>(
      "nba_archive_failures_total",
      [],
      "Times that the archive did not take a segment: nothing is trimmed meanwhile.",
    ),
    retentionLateSeconds: gauge<[]>(
      "nba_retention_lag_seconds",
      [],
      "How much longer than RETENTION the oldest entry or commit is kept, because something needs it still.",
    ),
  };
}

/** The Markdown table of the README. */
export function metricTable(declared: Metrics["declared"]): string {
  const rows = declared.map(({ name, labels, type, help }) => {
    const braces = labels.length === 0 ? "" : `{${labels.join(",")}}`;
    return `| \`${name}${braces}\` | ${type} | ${help} |`;
  });
  return ["| metric | type | meaning |", "|---|---|---|", ...rows].join("\n");
}
