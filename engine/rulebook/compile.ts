// From the files under rules/ to a Rulebook, or to every fault at once.
import type { TSchema } from "typebox";
import type { ModelIndex, RulebookHash } from "../domain/ids.ts";
import { type DeclaredNames, ruleNames } from "./cel-names.ts";
import { checkShape } from "./check-shape.ts";
import { compileActions } from "./compile-actions.ts";
import { compileFeatures } from "./compile-features.ts";
import { compileChannels, compilePlacements, compileTriggers, triggersByType } from "./compile-places.ts";
import { compilePolicy } from "./compile-policy.ts";
import { createExpressionTable } from "./expressions.ts";
import { createFaultLog, type FaultLog } from "./fault.ts";
import type { CompiledRulebook, Fault, KnownModel, Rulebook, RulebookFiles } from "./rulebook.ts";
import {
  type ActionsFile,
  type ChannelsFile,
  type ContactPolicyFile,
  type FeaturesFile,
  FILE_SCHEMAS,
  type PlacementsFile,
  type RulebookFile,
  type TriggersFile,
} from "./schema.ts";
import { readSource, type Source } from "./source.ts";
import { suggest } from "./suggest.ts";

export interface CompileInput {
  readonly files: RulebookFiles;
  /** In the order of ModelIndex. */
  readonly models: readonly KnownModel[];
  /** Hex sha256 of a text's UTF-8 bytes. */
  readonly sha256: (text: string) => string;
}

/** Compiles a rulebook. Never throws for what is in the files. */
export function compileRulebook(input: CompileInput): CompiledRulebook {
  const faults = createFaultLog();
  const parts = readParts(input.files, faults);
  const rulebook = parts === undefined ? undefined : assemble(input, parts, faults);
  if (rulebook === undefined || faults.count() > 0) return { kind: "faulty", faults: faults.sorted() };
  return { kind: "compiled", rulebook: rulebook() };
}

/** The faults alone, for `nba validate`. */
export function validateRulebook(input: CompileInput): readonly Fault[] {
  const compiled = compileRulebook(input);
  return compiled.kind === "faulty" ? compiled.faults : [];
}

/** Same files, same hash: by path, whatever the order in which they were read. */
export function rulebookHash(files: RulebookFiles, sha256: (text: string) => string): RulebookHash {
  const sorted = Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sha256(JSON.stringify(sorted)) as RulebookHash;
}

interface Part<File> {
  readonly source: Source;
  readonly file: File;
}

interface Parts {
  readonly rulebook: Part<RulebookFile>;
  readonly features: Part<FeaturesFile>;
  readonly channels: Part<ChannelsFile>;
  readonly placements: Part<PlacementsFile>;
  readonly triggers: Part<TriggersFile> | undefined;
  readonly policy: Part<ContactPolicyFile> | undefined;
  readonly actions: readonly Part<ActionsFile>[];
  /** A file of actions could not be read: names that others refer to may be missing. */
  readonly incomplete: boolean;
}

const REQUIRED = ["rulebook.yaml", "features.yaml", "channels.yaml", "placements.yaml"] as const;
const ACTIONS = /^actions\/[^/]+\.yaml$/;

function readParts(files: RulebookFiles, faults: FaultLog): Parts | undefined {
  const part = <File>(path: string, schema: TSchema): Part<File> | undefined => {
    const text = Object.hasOwn(files, path) ? files[path] : undefined;
    if (text === undefined) return undefined;
    const source = readSource(path, text, faults);
    if (source === undefined || !checkShape(schema, source, faults)) return undefined;
    return { source, file: source.value as File };
  };
  for (const path of REQUIRED) {
    if (!Object.hasOwn(files, path)) faults.add({ file: path, line: 1, column: 1 }, "this file is missing: add it");
  }
  const actionPaths = Object.keys(files)
    .filter((path) => ACTIONS.test(path))
    .toSorted();
  if (actionPaths.length === 0) {
    faults.add(
      { file: "actions", line: 1, column: 1 },
      "there are no actions: add a file such as actions/retention.yaml",
    );
  }
  for (const path of Object.keys(files)) {
    if (Object.hasOwn(FILE_SCHEMAS, path) || ACTIONS.test(path)) continue;
    const hint = suggest(
      path,
      Object.keys(FILE_SCHEMAS).filter((name) => !name.includes("*")),
    );
    faults.add({ file: path, line: 1, column: 1 }, `not a file of a rulebook${hint}`);
  }
  const rulebook = part<RulebookFile>("rulebook.yaml", FILE_SCHEMAS["rulebook.yaml"]);
  const features = part<FeaturesFile>("features.yaml", FILE_SCHEMAS["features.yaml"]);
  const channels = part<ChannelsFile>("channels.yaml", FILE_SCHEMAS["channels.yaml"]);
  const placements = part<PlacementsFile>("placements.yaml", FILE_SCHEMAS["placements.yaml"]);
  const triggers = part<TriggersFile>("triggers.yaml", FILE_SCHEMAS["triggers.yaml"]);
  const policy = part<ContactPolicyFile>("contact-policy.yaml", FILE_SCHEMAS["contact-policy.yaml"]);
  const actions = actionPaths.flatMap((path) => part<ActionsFile>(path, FILE_SCHEMAS["actions/*.yaml"]) ?? []);
  if (rulebook === undefined || features === undefined || channels === undefined || placements === undefined) {
    return undefined;
  }
  return {
    rulebook,
    features,
    channels,
    placements,
    triggers,
    policy,
    actions,
    incomplete: actions.length < actionPaths.length,
  };
}

/** Everything is checked at once; the function that is returned builds the rulebook, if there was no fault. */
function assemble(input: CompileInput, parts: Parts, faults: FaultLog): () => Rulebook {
  const { attributes, features } = compileFeatures(parts.features.file, parts.features.source, faults);
  const names: DeclaredNames = {
    features: features.map((feature) => feature.name),
    attributes,
    models: input.models.map((model) => model.name),
  };
  const expressions = createExpressionTable(ruleNames(names), faults);
  const channels = compileChannels(parts.channels.file, parts.channels.source, faults);
  const placements = compilePlacements(parts.placements.file, channels, parts.placements.source, faults);
  const { triggers: triggersPart, policy: policyPart, rulebook: head } = parts;
  const triggers =
    triggersPart === undefined
      ? []
      : compileTriggers(triggersPart.file, placements, expressions, triggersPart.source, faults);
  const defaultLocale = head.file.defaultLocale ?? "en";
  const { actions, treatments, ...taxonomy } = compileActions({
    files: parts.actions,
    names,
    defaultLocale,
    channels,
    placements,
    expressions,
    faults,
  });
  const policy =
    policyPart === undefined || parts.incomplete
      ? { contactLimits: [], coolDowns: [], contactMemoryMs: 0 }
      : compilePolicy(policyPart.file, { channel: channels.names, ...taxonomy }, policyPart.source, faults);
  const { propensity = 1, context = 1, value = 1, lever = 1 } = head.file.arbitration ?? {};
  return () => ({
    hash: rulebookHash(input.files, input.sha256),
    version: head.file.version,
    defaultLocale,
    features,
    attributes,
    models: input.models.map((model, index) => ({ index: index as ModelIndex, name: model.name })),
    actions,
    treatments,
    channels: channels.channels,
    placements: placements.placements,
    triggers,
    triggersByType: triggersByType(triggers),
    ...policy,
    related: [],
    caseRules: [],
    quietHours: [],
    zones: { zoneAttribute: undefined, countryAttribute: undefined, countries: new Map(), fallback: undefined },
    fatigue: undefined,
    boosts: [],
    quotas: [],
    slateLimits: [],
    bundles: [],
    segments: [],
    campaigns: [],
    holdout: undefined,
    experiments: [],
    variants: new Map(),
    arbitration: { propensity, context, value, lever, boost: 1, fatigue: 1 },
    ...expressions.build(),
  });
}
