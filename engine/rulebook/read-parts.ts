// The files of a rulebook, parsed and of the right shape.
import type { TSchema } from "typebox";
import { checkShape } from "./check-shape.ts";
import type { FaultLog } from "./fault.ts";
import type { RulebookFiles } from "./rulebook.ts";
import {
  type ChannelsFile,
  type FeaturesFile,
  FILE_SCHEMAS,
  type PlacementsFile,
  type RulebookFile,
  type SegmentsFile,
} from "./schema.ts";
import type { ActionsFile } from "./schema-actions.ts";
import type { ContactPolicyFile, QuotasFile } from "./schema-policy.ts";
import type { CampaignsFile, ExperimentsFile, TriggersFile } from "./schema-timing.ts";
import { type ReadText, readSource, type Source } from "./source.ts";
import type { Steps } from "./steps.ts";
import { suggest } from "./suggest.ts";
import { isRulebookFile, VARIANT_FILE } from "./variants.ts";

export interface Part<File> {
  readonly source: Source;
  readonly file: File;
}

export interface Parts {
  readonly rulebook: Part<RulebookFile>;
  readonly features: Part<FeaturesFile>;
  readonly channels: Part<ChannelsFile>;
  readonly placements: Part<PlacementsFile>;
  readonly segments: Part<SegmentsFile> | undefined;
  readonly triggers: Part<TriggersFile> | undefined;
  readonly campaigns: Part<CampaignsFile> | undefined;
  readonly policy: Part<ContactPolicyFile> | undefined;
  readonly quotas: Part<QuotasFile> | undefined;
  readonly experiments: Part<ExperimentsFile> | undefined;
  readonly actions: readonly Part<ActionsFile>[];
  /** A file of actions could not be read: names that others refer to may be missing. */
  readonly incomplete: boolean;
}

const REQUIRED = ["rulebook.yaml", "features.yaml", "channels.yaml", "placements.yaml"] as const;
const ACTIONS = /^actions\/[^/]+\.yaml$/;

/**
 * Undefined where a file is missing or faulty without which nothing else can be checked.
 * @param shownAs what to call a file in faults: that of a variant has another path than it stands in for
 */
export function* readParts(
  files: RulebookFiles,
  shownAs: (path: string) => string,
  read: ReadText | undefined,
  faults: FaultLog,
): Steps<Parts | undefined> {
  checkPaths(files, faults);
  const part = <File>(path: string, schema: TSchema): Part<File> | undefined => {
    const text = Object.hasOwn(files, path) ? files[path] : undefined;
    if (text === undefined) return undefined;
    const source = readSource(shownAs(path), text, faults, read);
    if (source === undefined || !checkShape(schema, source, faults)) return undefined;
    return { source, file: source.value as File };
  };
  const single = <File>(path: Exclude<keyof typeof FILE_SCHEMAS, "actions/*.yaml">) =>
    part<File>(path, FILE_SCHEMAS[path]);
  const actionPaths = actionPathsOf(files);
  const actions: Part<ActionsFile>[] = [];
  for (const path of actionPaths) {
    const one = part<ActionsFile>(path, FILE_SCHEMAS["actions/*.yaml"]);
    if (one !== undefined) actions.push(one);
    yield;
  }
  const segments = single<SegmentsFile>("segments.yaml");
  const rest = {
    segments,
    triggers: single<TriggersFile>("triggers.yaml"),
    campaigns: single<CampaignsFile>("campaigns.yaml"),
    policy: single<ContactPolicyFile>("contact-policy.yaml"),
    quotas: single<QuotasFile>("quotas.yaml"),
    experiments: single<ExperimentsFile>("experiments.yaml"),
    actions,
    incomplete: actions.length < actionPaths.length,
  };
  const rulebook = single<RulebookFile>("rulebook.yaml");
  const features = single<FeaturesFile>("features.yaml");
  const channels = single<ChannelsFile>("channels.yaml");
  const placements = single<PlacementsFile>("placements.yaml");
  const noSegments = segments === undefined && Object.hasOwn(files, "segments.yaml");
  if (rulebook === undefined || features === undefined || channels === undefined || placements === undefined) {
    return undefined;
  }
  return noSegments ? undefined : { rulebook, features, channels, placements, ...rest };
}

function actionPathsOf(files: RulebookFiles): readonly string[] {
  return Object.keys(files)
    .filter((path) => ACTIONS.test(path))
    .toSorted();
}

function checkPaths(files: RulebookFiles, faults: FaultLog): void {
  for (const path of REQUIRED) {
    if (!Object.hasOwn(files, path)) faults.add({ file: path, line: 1, column: 1 }, "this file is missing: add it");
  }
  if (actionPathsOf(files).length === 0) {
    const place = { file: "actions", line: 1, column: 1 };
    faults.add(place, "there are no actions: add a file such as actions/retention.yaml");
  }
  const names = Object.keys(FILE_SCHEMAS).filter((name) => !name.includes("*"));
  for (const path of Object.keys(files)) {
    const isKnown = Object.hasOwn(FILE_SCHEMAS, path) || ACTIONS.test(path) || path === VARIANT_FILE;
    if (isKnown || path.startsWith("variants/") || !isRulebookFile(path)) continue;
    faults.add({ file: path, line: 1, column: 1 }, `not a file of a rulebook${suggest(path, names) || ": remove it"}`);
  }
}
