// rules/triggers.yaml and campaigns.yaml: what asks for a decision without being asked.
import { nameHash } from "../domain/hash.ts";
import type { PlacementIndex } from "../domain/ids.ts";
import { DAY_MS } from "../domain/time.ts";
import type { CompiledPlacements } from "./compile-places.ts";
import { compileEventFilter } from "./event-filter.ts";
import { type ExpressionTable, expressionAt } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";
import { addFreeRule } from "./free-rule.ts";
import { createNameTable } from "./names.ts";
import type { CampaignsFile, TriggersFile, WrittenStep, WrittenTrigger } from "./schema-timing.ts";
import { TRIGGER_KINDS } from "./schema-timing.ts";
import type { Path, Source } from "./source.ts";
import type { Campaign, Pattern, PatternStep, Trigger } from "./triggers.ts";
import { boundedDuration, readPeriod } from "./written-times.ts";

const PATTERN_MAX_MS = 90 * DAY_MS;
const LATE = "an event that is later than that is refused";
const HOLD_MAX_MS = 30 * DAY_MS;

interface Context {
  readonly placements: CompiledPlacements;
  readonly expressions: ExpressionTable;
  readonly source: Source;
  readonly faults: FaultLog;
}

export function compileTriggers(
  file: TriggersFile,
  placements: CompiledPlacements,
  expressions: ExpressionTable,
  source: Source,
  faults: FaultLog,
): readonly Trigger[] {
  const context: Context = { placements, expressions, source, faults };
  const names = createNameTable("trigger", faults);
  return file.triggers.map((written, index): Trigger => {
    const path: Path = ["triggers", index];
    names.declare(written.id, source.placeOf([...path, "id"]));
    const kinds = TRIGGER_KINDS.filter((kind) => written[kind] !== undefined);
    if (kinds.length !== 1) {
      const found = kinds.length === 0 ? "for nothing" : `for ${kinds.join(" and ")}`;
      const message = `a trigger waits for exactly one of ${TRIGGER_KINDS.join(", ")}; this one waits ${found}`;
      faults.add(kinds.length === 0 ? source.placeOf(path) : source.placeOfKey(path, kinds[1] as string), message);
    }
    if (written.daily === false) {
      faults.add(source.placeOf([...path, "daily"]), "a daily trigger is written daily: true");
    }
    const pattern = patternOf(written, path, context);
    return {
      id: written.id,
      hash: nameHash("trigger", written.id),
      kind: kindOf(written, pattern),
      on: written.on ?? [],
      pattern,
      keptAs: nameHash("pattern", lookedFor(written)),
      outcomes: written.rejected ?? [],
      when:
        written.when === undefined
          ? undefined
          : addFreeRule(
              expressions,
              `trigger/${written.id}`,
              "a trigger",
              written.when,
              [...path, "when"],
              source,
              faults,
            ),
      ...aimOf(written, path, context),
      place: source.placeOf(path),
    };
  });
}

/** Marks of what was looked for before mean nothing to another pattern, though it has the same name. */
function lookedFor({ id, sequence, absence, count, inactivity }: WrittenTrigger): string {
  const kinds = { sequence: sequence?.steps, absence, count: count?.of, inactivity: inactivity?.of };
  return JSON.stringify([id, inactivity !== undefined, kinds], (name, value) =>
    name === "within" ? undefined : value,
  );
}

function kindOf(written: WrittenTrigger, pattern: Pattern | undefined): Trigger["kind"] {
  if (pattern !== undefined) return "pattern";
  if (written.daily !== undefined) return "daily";
  return written.rejected === undefined ? "event" : "rejection";
}

/** Where it asks, and how long a held message is worth it. */
function aimOf(
  { placement, holdFor }: { readonly placement: string; readonly holdFor?: string },
  path: Path,
  { placements: { names, placements }, source, faults }: Context,
): { readonly placement: PlacementIndex; readonly holdForMs: number } {
  names.refer(placement, source.placeOf([...path, "placement"]));
  const aim = placements.find(({ name }) => name === placement);
  if (holdFor === undefined) return { placement: (aim?.index ?? 0) as PlacementIndex, holdForMs: 0 };
  if (aim?.direction === "inbound") {
    const message = `placement ${JSON.stringify(placement)} is inbound, and quiet hours hold back outbound messages only: take holdFor out`;
    faults.add(source.placeOfKey(path, "holdFor"), message);
  }
  const holdForMs = boundedDuration(holdFor, [...path, "holdFor"], source, faults, HOLD_MAX_MS);
  return { placement: (aim?.index ?? 0) as PlacementIndex, holdForMs };
}

function patternOf(written: WrittenTrigger, path: Path, context: Context): Pattern | undefined {
  const time = (text: string, at: Path): number =>
    boundedDuration(text, at, context.source, context.faults, PATTERN_MAX_MS, LATE);
  const { sequence, absence, count, inactivity } = written;
  if (sequence !== undefined) {
    const at = [...path, "sequence"];
    const steps = sequence.steps.map((step, index) => stepOf(step, [...at, "steps", index], context));
    return { kind: "sequence", steps, withinMs: time(sequence.within, [...at, "within"]) };
  }
  if (absence !== undefined) {
    const at = [...path, "absence"];
    const after = stepOf(absence.after, [...at, "after"], context);
    const of = stepOf(absence.of, [...at, "of"], context);
    return { kind: "absence", after, of, withinMs: time(absence.within, [...at, "within"]) };
  }
  if (count !== undefined) {
    const at = [...path, "count"];
    const of = stepOf(count.of, [...at, "of"], context);
    return { kind: "count", of, times: count.times, withinMs: time(count.within, [...at, "within"]) };
  }
  if (inactivity === undefined) return undefined;
  const at = [...path, "inactivity"];
  const of = stepOf(inactivity.of ?? {}, [...at, "of"], context);
  return { kind: "inactivity", of, forMs: time(inactivity.for, [...at, "for"]) };
}

function stepOf({ on = [], where }: WrittenStep, path: Path, { source, faults }: Context): PatternStep {
  const types = new Set(on);
  const isOfType: PatternStep["matches"] = (event) => types.size === 0 || types.has(event.type);
  if (where === undefined) return { types: on, matches: isOfType };
  const filter = compileEventFilter(expressionAt(source, where, [...path, "where"]), faults);
  return { types: on, matches: filter === undefined ? isOfType : (event) => isOfType(event) && filter(event) };
}

/** Triggers of kind `event` by the event type that they wait for. */
export function triggersByType(triggers: readonly Trigger[]): ReadonlyMap<string, readonly Trigger[]> {
  const byType = new Map<string, Trigger[]>();
  for (const trigger of triggers) {
    for (const type of new Set(trigger.on)) byType.set(type, [...(byType.get(type) ?? []), trigger]);
  }
  return byType;
}

export function compileCampaigns(
  file: CampaignsFile,
  placements: CompiledPlacements,
  expressions: ExpressionTable,
  source: Source,
  faults: FaultLog,
): readonly Campaign[] {
  const names = createNameTable("campaign", faults);
  return file.campaigns.map((written, index): Campaign => {
    const path: Path = ["campaigns", index];
    const { id, when, perSecond } = written;
    return {
      id,
      hash: names.declare(id, source.placeOf([...path, "id"])),
      place: source.placeOf(path),
      when:
        when === undefined
          ? undefined
          : addFreeRule(expressions, `campaign/${id}`, "a campaign", when, [...path, "when"], source, faults),
      ...readPeriod(written, path, source, faults),
      perSecond,
      ...aimOf(written, path, { placements, expressions, source, faults }),
    };
  });
}
