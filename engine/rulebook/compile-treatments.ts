import type { ChannelIndex, PlacementIndex } from "../domain/ids.ts";
import { compileContent, type TextContext } from "./compile-content.ts";
import type { CompiledChannels, CompiledPlacements } from "./compile-places.ts";
import { compileContext, compileEngagement, NO_ENGAGEMENT, rulesOf } from "./engagement.ts";
import type { ExpressionTable } from "./expressions.ts";
import type { NameTable } from "./names.ts";
import type { Treatment } from "./rulebook.ts";
import type { WrittenAction, WrittenTreatment } from "./schema-actions.ts";
import type { Path } from "./source.ts";
import { readPeriod } from "./written-times.ts";

/** A treatment whose index and action's index are not known yet. */
export type DraftTreatment = Omit<Treatment, "index" | "action">;

interface TreatmentContext {
  readonly channels: CompiledChannels;
  readonly placements: CompiledPlacements;
  readonly expressions: ExpressionTable;
}

/** @param owner of its rules: issue, group and action, e.g. `retention/save/fee-free-year` */
export function compileTreatment(
  { channels, placements, expressions }: TreatmentContext,
  names: NameTable,
  action: WrittenAction,
  written: WrittenTreatment,
  path: Path,
  owner: string,
  texts: TextContext,
): DraftTreatment {
  const { source, faults, models } = texts;
  const id = written.id ?? `${action.id}:${written.channel}`;
  const idPlace = source.placeOf(written.id === undefined ? path : [...path, "id"]);
  channels.names.refer(written.channel, source.placeOf([...path, "channel"]));
  const channel = channels.names.all().indexOf(written.channel) as ChannelIndex;
  const { mean, weight } = written.prior ?? action.propensity.prior;
  const { tiers, lever } = compileEngagement(expressions, source, written, path, `${owner}/${id}`, NO_ENGAGEMENT);
  const context = compileContext(expressions, source, written.context, path, `${owner}/${id}`);
  for (const rule of rulesOf(tiers, context)) {
    for (const model of expressions.rule(rule).needsModels) models.add(model);
  }
  return {
    id,
    hash: names.declare(id, idPlace),
    channel,
    placements: channel < 0 ? [] : placementsOf(placements, written, channel, path, texts),
    place: source.placeOf(path),
    enabled: written.enabled ?? true,
    ...readPeriod(written, path, source, faults),
    ...tiers,
    context,
    lever,
    cost: written.cost ?? action.cost ?? 0,
    prior: { alpha: mean * weight, beta: (1 - mean) * weight },
    content: compileContent(written.content, [...path, "content"], texts),
  };
}

/** The placements named, else all that show the channel. */
function placementsOf(
  { placements, names }: CompiledPlacements,
  written: WrittenTreatment,
  channel: ChannelIndex,
  path: Path,
  { source, faults }: TextContext,
): readonly PlacementIndex[] {
  const showing = placements.filter((placement) => placement.channels.includes(channel));
  if (showing.length === 0) {
    const message = `no placement shows channel ${JSON.stringify(written.channel)}: add it to one in placements.yaml`;
    faults.add(source.placeOf([...path, "channel"]), message);
  }
  if (written.placements === undefined) return showing.map((placement) => placement.index);
  return written.placements.flatMap((name, index) => {
    const place = source.placeOf([...path, "placements", index]);
    if (names.refer(name, place) === undefined) return [];
    const placement = showing.find((candidate) => candidate.name === name);
    if (placement !== undefined) return [placement.index];
    const fits = showing.map((candidate) => JSON.stringify(candidate.name)).join(", ");
    faults.add(
      place,
      `placement ${JSON.stringify(name)} does not show channel ${JSON.stringify(written.channel)}: use ${fits}`,
    );
    return [];
  });
}
