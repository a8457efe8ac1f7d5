// rules/channels.yaml, placements.yaml and triggers.yaml.
import { nameHash } from "../domain/hash.ts";
import type { ChannelIndex, PlacementIndex } from "../domain/ids.ts";
import { DAY_MS, parseDuration } from "../domain/time.ts";
import type { ExpressionTable } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";
import { createNameTable, type NameTable } from "./names.ts";
import type { Channel, Placement } from "./rulebook.ts";
import type { ChannelsFile, PlacementsFile, TriggersFile } from "./schema.ts";
import type { Path, Source } from "./source.ts";
import type { Trigger } from "./triggers.ts";

/** How long a reservation lasts where a channel does not say. */
const RESERVE_FOR_DEFAULT = "30m";
const RESERVE_FOR_MAX_MS = 30 * DAY_MS;

export interface CompiledChannels {
  readonly channels: readonly Channel[];
  readonly names: NameTable;
}

export function compileChannels(file: ChannelsFile, source: Source, faults: FaultLog): CompiledChannels {
  const names = createNameTable("channel", faults);
  const channels = file.channels.map((written, index): Channel => {
    const path: Path = ["channels", index];
    const reserveForMs = parseDuration(written.reserveFor ?? RESERVE_FOR_DEFAULT) as number;
    if (written.countsAt !== "decided" && (reserveForMs === 0 || reserveForMs > RESERVE_FOR_MAX_MS)) {
      const message = `reserveFor ${JSON.stringify(written.reserveFor)} must be longer than 0 and at most 30d`;
      faults.add(source.placeOf([...path, "reserveFor"]), message);
    }
    return {
      index: index as ChannelIndex,
      name: written.name,
      hash: names.declare(written.name, source.placeOf([...path, "name"])),
      label: written.label,
      kind: written.kind,
      countsAt: written.countsAt,
      reserveForMs,
      consentDefault: written.consentDefault ?? "denied",
      consentDefaults: new Map(),
      format: "text",
    };
  });
  return { channels, names };
}

export interface CompiledPlacements {
  readonly placements: readonly Placement[];
  readonly names: NameTable;
}

export function compilePlacements(
  file: PlacementsFile,
  { names: channelNames }: CompiledChannels,
  source: Source,
  faults: FaultLog,
): CompiledPlacements {
  const names = createNameTable("placement", faults);
  const placements = file.placements.map((written, index): Placement => {
    const path: Path = ["placements", index];
    const channels = written.channels.flatMap((channel, at): ChannelIndex[] => {
      const known = channelNames.refer(channel, source.placeOf([...path, "channels", at]));
      return known === undefined ? [] : [channelNames.all().indexOf(channel) as ChannelIndex];
    });
    if (new Set(channels).size < channels.length) {
      faults.add(source.placeOf([...path, "channels"]), "a channel is named twice: keep one");
    }
    const stickyMs = parseDuration(written.sticky ?? "0s") as number;
    if (stickyMs > 30 * DAY_MS) faults.add(source.placeOf([...path, "sticky"]), "sticky must be at most 30d");
    return {
      index: index as PlacementIndex,
      name: written.name,
      hash: names.declare(written.name, source.placeOf([...path, "name"])),
      label: written.label,
      direction: written.direction,
      channels,
      slots: written.slots,
      stickyMs,
      minPriority: 0,
      fallback: { ...written.fallback },
    };
  });
  return { placements, names };
}

export function compileTriggers(
  file: TriggersFile,
  { names }: CompiledPlacements,
  expressions: ExpressionTable,
  source: Source,
  faults: FaultLog,
): readonly Trigger[] {
  const ids = new Set<string>();
  return file.triggers.map((written, index): Trigger => {
    const path: Path = ["triggers", index];
    if (ids.has(written.id)) {
      faults.add(source.placeOf([...path, "id"]), `trigger ${JSON.stringify(written.id)} is declared twice: keep one`);
    }
    ids.add(written.id);
    names.refer(written.placement, source.placeOf([...path, "placement"]));
    const placement = names.all().indexOf(written.placement) as PlacementIndex;
    const trigger = {
      id: written.id,
      hash: nameHash("trigger", written.id),
      kind: "event" as const,
      on: written.on,
      pattern: undefined,
      outcomes: [],
      placement,
      holdForMs: 0,
      place: source.placeOf(path),
    };
    if (written.when === undefined) return { ...trigger, when: undefined };
    const wherePath = [...path, "when"];
    const placeAt = (offset: number) => source.placeInText(wherePath, offset);
    const when = expressions.addRule(`trigger/${written.id}`, { text: written.when, placeAt });
    const read = expressions.rule(when).reads.find((name) => name.startsWith("model."));
    if (read !== undefined) {
      faults.add(
        placeAt(0),
        `a trigger may not read ${read}: no model has run yet; put it in the rules of the actions`,
      );
    }
    return { ...trigger, when };
  });
}

/** Triggers by the event type that they wait for. */
export function triggersByType(triggers: readonly Trigger[]): ReadonlyMap<string, readonly Trigger[]> {
  const byType = new Map<string, Trigger[]>();
  for (const trigger of triggers) {
    for (const type of new Set(trigger.on)) byType.set(type, [...(byType.get(type) ?? []), trigger]);
  }
  return byType;
}
