// rules/channels.yaml and placements.yaml.
import type { ChannelIndex, PlacementIndex } from "../domain/ids.ts";
import { DAY_MS, parseDuration } from "../domain/time.ts";
import { compileWebhook } from "./compile-webhook.ts";
import type { FaultLog } from "./fault.ts";
import { createNameTable, type NameTable } from "./names.ts";
import type { Purposes } from "./purposes.ts";
import type { Channel, Placement } from "./rulebook.ts";
import type { ChannelsFile, PlacementsFile, WrittenChannel } from "./schema.ts";
import type { Path, Source } from "./source.ts";

/** How long a reservation lasts where a channel does not say. */
const RESERVE_FOR_DEFAULT = "30m";
const RESERVE_FOR_MAX_MS = 30 * DAY_MS;
const MAX_AGE_DEFAULT = "24h";
const MAX_AGE_MAX_MS = 7 * DAY_MS;

export interface CompiledChannels {
  readonly channels: readonly Channel[];
  readonly names: NameTable;
}

export function compileChannels(
  file: ChannelsFile,
  purposes: Purposes,
  source: Source,
  faults: FaultLog,
): CompiledChannels {
  const names = createNameTable("channel", faults);
  const channels = file.channels.map((written, index): Channel => {
    const path: Path = ["channels", index];
    const reserveForMs = parseDuration(written.reserveFor ?? RESERVE_FOR_DEFAULT) as number;
    if (written.countsAt !== "decided" && (reserveForMs === 0 || reserveForMs > RESERVE_FOR_MAX_MS)) {
      const message = `reserveFor ${JSON.stringify(written.reserveFor)} must be longer than 0 and at most 30d`;
      faults.add(source.placeOf([...path, "reserveFor"]), message);
    }
    const maxAgeMs = parseDuration(written.maxAge ?? MAX_AGE_DEFAULT) as number;
    if (maxAgeMs === 0 || maxAgeMs > MAX_AGE_MAX_MS) {
      const message = `maxAge ${JSON.stringify(written.maxAge)} must be longer than 0 and at most 7d`;
      faults.add(source.placeOf([...path, "maxAge"]), message);
    }
    return {
      index: index as ChannelIndex,
      name: written.name,
      hash: names.declare(written.name, source.placeOf([...path, "name"])),
      label: written.label,
      place: source.placeOf(path),
      kind: written.kind,
      countsAt: written.countsAt,
      reserveForMs,
      maxAgeMs,
      webhook: compileWebhook(written, path, source, faults),
      ...consentOf(written.consentDefault, purposes, [...path, "consentDefault"], source),
      format: written.format ?? "text",
    };
  });
  return { channels, names };
}

/** One answer for every purpose, or one for each, `*` for those that are not named. */
function consentOf(
  written: WrittenChannel["consentDefault"],
  purposes: Purposes,
  path: Path,
  source: Source,
): Pick<Channel, "consentDefault" | "consentDefaults"> {
  if (written === undefined || typeof written === "string") {
    return { consentDefault: written ?? "denied", consentDefaults: new Map() };
  }
  const { "*": otherwise = "denied", ...named } = written as Readonly<Record<string, "granted" | "denied">>;
  for (const purpose of Object.keys(named)) purposes.refer(purpose, source.placeOfKey(path, purpose));
  return { consentDefault: otherwise, consentDefaults: new Map(Object.entries(named)) };
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
      place: source.placeOf(path),
      direction: written.direction,
      channels,
      slots: written.slots,
      stickyMs,
      minPriority: written.minPriority ?? 0,
      fallback: { ...written.fallback },
    };
  });
  return { placements, names };
}
