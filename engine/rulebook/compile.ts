// From the files under rules/ to a Rulebook, or to every fault at once.
import type { ModelIndex, RulebookHash } from "../domain/ids.ts";
import { type CompiledActions, compileActions } from "./compile-actions.ts";
import { compileExperiments } from "./compile-experiments.ts";
import { compileFeatures } from "./compile-features.ts";
import { type CompiledChannels, compileChannels, compilePlacements } from "./compile-places.ts";
import { compilePolicy, NO_POLICY, type PolicyNames } from "./compile-policy.ts";
import { compileBoosts, compileFatigue } from "./compile-pressure.ts";
import { compileZones, NO_ZONES } from "./compile-quiet-hours.ts";
import { compileQuotas } from "./compile-quotas.ts";
import { compileSegments } from "./compile-segments.ts";
import { compileSlates } from "./compile-slates.ts";
import { compileCampaigns, compileTriggers, triggersByType } from "./compile-triggers.ts";
import { contactMemory } from "./contact-memory.ts";
import type { ExpressionTable } from "./expressions.ts";
import { createFaultLog, type FaultLog } from "./fault.ts";
import { compilePurposes } from "./purposes.ts";
import { type Parts, readParts } from "./read-parts.ts";
import type { CompiledRulebook, Fault, KnownModel, Rulebook, RulebookFiles } from "./rulebook.ts";
import { isCompilable, isReadable } from "./rulebook-size.ts";
import type { ReadText } from "./source.ts";
import { finish, type Steps } from "./steps.ts";
import {
  checkVariantFiles,
  filesOfVariant,
  isRulebookFile,
  readVariant,
  variantNames,
  variantPath,
} from "./variants.ts";

export interface CompileInput {
  readonly files: RulebookFiles;
  /** In the order of ModelIndex. */
  readonly models: readonly KnownModel[];
  /** Hex sha256 of a text's UTF-8 bytes. */
  readonly sha256: (text: string) => string;
  /** What the text of a file says, where somebody has read it before; left out: it is read now. */
  readonly read?: ReadText;
}

/** Compiles a rulebook with its variants. Never throws for what is in the files. */
export function compileRulebook(input: CompileInput): CompiledRulebook {
  return finish(compileInSteps(input));
}

/** The same in pieces of about an action each. */
export function* compileInSteps(input: CompileInput): Steps<CompiledRulebook> {
  const faults = createFaultLog();
  const base = isReadable(input.files, faults) ? yield* compileFiles(input, faults) : undefined;
  const variants = base === undefined ? [] : yield* compileVariants(input, faults);
  if (base === undefined || faults.count() > 0) return { kind: "faulty", faults: faults.sorted() };
  const built: (Built & { readonly name: string })[] = [];
  for (const { name, build } of variants) {
    built.push({ name, ...(yield* build()) });
  }
  const rulebooks = new Map(built.map((variant) => [variant.name, variant.rulebook]));
  const { rulebook, reads } = yield* base();
  const memories = [...rulebooks.values()].map((variant) => variant.contactMemoryMs);
  return {
    kind: "compiled",
    rulebook: {
      ...rulebook,
      variants: rulebooks,
      contactMemoryMs: Math.max(rulebook.contactMemoryMs, ...memories),
    },
    reads: new Set([...reads, ...built.flatMap((variant) => [...variant.reads])]),
  };
}

/** The faults alone, for `nba validate`. */
export function validateRulebook(input: CompileInput): readonly Fault[] {
  const compiled = compileRulebook(input);
  return compiled.kind === "faulty" ? compiled.faults : [];
}

/** Same files, same hash: by path, whatever the order in which they were read. Tests of rules are left out. */
export function rulebookHash(files: RulebookFiles, sha256: (text: string) => string): RulebookHash {
  const sorted = Object.entries(files)
    .filter(([path]) => isRulebookFile(path))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sha256(JSON.stringify(sorted)) as RulebookHash;
}

type Built = Pick<Extract<CompiledRulebook, { kind: "compiled" }>, "rulebook" | "reads">;
type Build = () => Steps<Built>;

/** Each variant as a rulebook of its own. What is wrong with the base too is not said again. */
function* compileVariants(
  input: CompileInput,
  faults: FaultLog,
): Steps<{ readonly name: string; readonly build: Build }[]> {
  const told = new Set(faults.sorted().map((fault) => JSON.stringify(fault)));
  const variants: { readonly name: string; readonly build: Build }[] = [];
  for (const name of variantNames(input.files)) {
    const own = createFaultLog();
    const build = yield* compileFiles({ ...input, files: filesOfVariant(input.files, name) }, own);
    for (const fault of own.sorted()) {
      if (told.has(JSON.stringify(fault))) continue;
      const isOwn = variantPath(fault.file)?.variant === name;
      faults.add(fault, isOwn ? fault.message : `${fault.message} (as variant ${JSON.stringify(name)} has it)`);
    }
    if (build !== undefined) variants.push({ name, build });
  }
  return variants;
}

/** Undefined where nothing can be checked before something else is put right. */
function* compileFiles(input: CompileInput, faults: FaultLog): Steps<Build | undefined> {
  const { files, read } = input;
  const shownAs = readVariant(files, read, faults);
  const parts = yield* readParts(files, shownAs ?? ((path) => path), read, faults);
  if (shownAs === undefined) {
    const experiments = parts?.experiments;
    const isUnread = parts === undefined || (experiments === undefined && Object.hasOwn(files, "experiments.yaml"));
    const arms = experiments?.file.experiments?.flatMap((experiment) => experiment.arms) ?? [];
    const used = new Set(arms.flatMap((arm) => arm.variant ?? []));
    checkVariantFiles(files, isUnread ? undefined : used, faults);
  }
  if (parts === undefined || !isCompilable(parts.actions, faults)) return undefined;
  return yield* assemble(input, parts, shownAs !== undefined, faults);
}

/** Everything is checked at once; the function that is returned builds the rulebook, if there was no fault. */
function* assemble(input: CompileInput, parts: Parts, isVariant: boolean, faults: FaultLog): Steps<Build> {
  const { file: head, source } = parts.rulebook;
  const { attributes, features } = compileFeatures(parts.features.file, parts.features.source, faults);
  const models = input.models.map((model, index) => ({ index: index as ModelIndex, name: model.name }));
  const names = {
    features: features.map((feature) => feature.name),
    attributes,
    models: models.map((model) => model.name),
  };
  const { segments, expressions } = compileSegments(parts.segments, names, faults);
  const purposes = compilePurposes(head.purposes, source, faults);
  const channels = compileChannels(parts.channels.file, purposes, parts.channels.source, faults);
  const placements = compilePlacements(parts.placements.file, channels, parts.placements.source, faults);
  const triggers =
    parts.triggers === undefined
      ? []
      : compileTriggers(parts.triggers.file, placements, expressions, parts.triggers.source, faults);
  const campaigns =
    parts.campaigns === undefined
      ? []
      : compileCampaigns(parts.campaigns.file, placements, expressions, parts.campaigns.source, faults);
  const defaultLocale = head.defaultLocale ?? "en";
  const acts = yield* compileActions({
    files: parts.actions,
    names,
    defaultLocale,
    channels,
    placements,
    purposes,
    expressions,
    faults,
  });
  const zones = head.timeZone === undefined ? NO_ZONES : compileZones(head.timeZone, attributes, source, faults);
  yield;
  const named = compileNamed({ parts, channels, acts, expressions, zones, input, isVariant, faults });
  const { propensity = 1, context = 1, value = 1, lever = 1, boost = 1, fatigue = 1 } = head.arbitration ?? {};
  return function* build(): Steps<Built> {
    const hash = rulebookHash(input.files, input.sha256);
    yield;
    const evaluators = yield* expressions.buildInSteps();
    yield;
    const rulebook = {
      hash,
      version: head.version,
      defaultLocale,
      features,
      attributes,
      models,
      actions: acts.actions,
      treatments: acts.treatments,
      channels: channels.channels,
      placements: placements.placements,
      triggers,
      triggersByType: triggersByType(triggers),
      campaigns,
      segments,
      zones,
      variants: new Map(),
      arbitration: { propensity, context, value, lever, boost, fatigue },
      ...named,
      contactMemoryMs: contactMemory(named),
      ...evaluators,
    };
    return { rulebook, reads: expressions.reads() };
  };
}

interface NamedInput {
  readonly parts: Parts;
  readonly channels: CompiledChannels;
  readonly acts: CompiledActions;
  readonly expressions: ExpressionTable;
  readonly zones: Rulebook["zones"];
  readonly input: CompileInput;
  readonly isVariant: boolean;
  readonly faults: FaultLog;
}

type Named = Pick<
  Rulebook,
  | "contactLimits"
  | "coolDowns"
  | "related"
  | "caseRules"
  | "quietHours"
  | "quotas"
  | "fatigue"
  | "boosts"
  | "slateLimits"
  | "bundles"
  | "holdout"
  | "experiments"
>;

/** What refers to actions by name: left out where a file of actions could not be read, whose names it may refer to. */
function compileNamed({ parts, channels, acts, expressions, zones, input, isVariant, faults }: NamedInput): Named {
  const { policy, quotas, experiments } = parts;
  const { file: head, source } = parts.rulebook;
  const names: PolicyNames = { channel: channels.names, ...acts.taxonomy };
  const fatigue = head.fatigue === undefined ? undefined : compileFatigue(head.fatigue, channels, source, faults);
  if (parts.incomplete) {
    const none = { quotas: [], boosts: [], slateLimits: [], bundles: [], holdout: undefined, experiments: [] };
    return { ...NO_POLICY, ...none, fatigue };
  }
  return {
    ...(policy === undefined ? NO_POLICY : compilePolicy(policy.file, names, policy.source, faults)),
    quotas:
      quotas === undefined ? [] : compileQuotas(quotas.file, names, zones.fallback ?? "UTC", quotas.source, faults),
    fatigue,
    boosts: compileBoosts(head.boosts ?? [], names, source, faults),
    ...compileSlates(head, acts.actions, names, source, faults),
    ...(experiments === undefined
      ? { holdout: undefined, experiments: [] }
      : compileExperiments(experiments.file, {
          actions: acts.actions,
          treatments: acts.treatments,
          names: acts.taxonomy,
          expressions,
          source: experiments.source,
          faults,
          variants: isVariant ? undefined : variantNames(input.files),
        })),
  };
}
