// Rulebooks and models as they are kept in Redis, by hash: an engine runs what its log has activated, whatever its own
// folders hold.
import { createHash } from "node:crypto";
import { createDeciderInSteps } from "../decide/decide.ts";
import type { RulebookHash } from "../domain/ids.ts";
import { LAYOUTS_KEY, modelKey, rulebookKey } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { createEvidenceTotals } from "../learn/evidence.ts";
import { LIMITS } from "../limits.ts";
import { compileLayout, type LayoutDescriptor, parseLayout } from "../profile/layout.ts";
import type { Fault, KnownModel, Rulebook, RulebookFiles } from "../rulebook/rulebook.ts";
import { filesOfVariant, VARIANT_FILE } from "../rulebook/variants.ts";
import { loadModels, type ModelFile, openModel } from "../score/load-models.ts";
import { createScorer, type ScorerOptions } from "../score/scorer.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { AT_ONCE, type Compiler } from "./compiler.ts";
import { warmUp } from "./warm-up.ts";

interface SoundRulebook {
  readonly kind: "sound";
  readonly files: RulebookFiles;
  readonly models: readonly ModelFile[];
  readonly rulebook: Rulebook;
}

/** What RULES_DIR and MODELS_DIR hold, checked as a whole. */
export type LocalRulebook = SoundRulebook | { readonly kind: "faulty"; readonly faults: readonly Fault[] };

export interface RulebookLibrary {
  /** Keeps the files under their hash, and those of each variant under its own. Doing it again changes nothing. */
  readonly store: (local: SoundRulebook) => Promise<RulebookHash>;
  /**
   * Compiled, once; rejects where Redis does not hold it whole. What was stored from here is not read again.
   * @param compiler in place of the library's own
   */
  readonly get: (hash: RulebookHash, compiler?: Compiler) => Promise<ActiveRulebook>;
  /** The same, but undefined where Redis holds no rulebook of this hash. */
  readonly find: (hash: RulebookHash) => Promise<ActiveRulebook | undefined>;
  /** Those that anybody holds, with their variants; and some that nobody does. */
  readonly all: () => readonly ActiveRulebook[];
  readonly layout: (layoutHash: number) => Promise<LayoutDescriptor>;
}

export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

export async function readLocalRulebook(
  files: RulebookFiles,
  modelsDir: string,
  compiler: Compiler = AT_ONCE,
): Promise<LocalRulebook> {
  const loaded = await loadModels(modelsDir);
  if (loaded.kind === "faulty") return loaded;
  const { models } = loaded;
  const compiled = await compiler.compile({ files, models: knownModels(models), sha256 });
  if (compiled.kind === "faulty") return compiled;
  const scorer = createScorer(models, featureNames(compiled.rulebook));
  if (scorer.kind === "faulty") return scorer;
  return { kind: "sound", files, models, rulebook: compiled.rulebook };
}

export function createRulebookLibrary(
  connection: RedisConnection,
  scorerOptions: Partial<ScorerOptions>,
  own: Compiler = AT_ONCE,
): RulebookLibrary {
  /** Asked for last, oldest first: so many stay, though nobody else holds them. */
  const held = new Map<RulebookHash, Promise<ActiveRulebook>>();
  /** There is one of a hash at a time, whoever holds it: what it has learned is counted in it. */
  const known = new Map<RulebookHash, WeakRef<ActiveRulebook>>();
  /** What was stored last: as a rule it is asked for next. */
  let stored: SoundRulebook | undefined;
  const all = (): readonly ActiveRulebook[] => {
    const living: ActiveRulebook[] = [];
    for (const [hash, reference] of known) {
      const active = reference.deref();
      if (active === undefined) known.delete(hash);
      else living.push(active);
    }
    return living;
  };
  const open = async (hash: RulebookHash, compiler: Compiler): Promise<ActiveRulebook> => {
    const sound = stored?.rulebook.hash === hash ? stored : await loadRulebook(connection, hash, compiler);
    stored = undefined;
    const active = await activeOf(sound, scorerOptions, compiler);
    await connection.command(["HSET", LAYOUTS_KEY, String(active.layout.hash), active.layout.describe()]);
    const opened = [active, ...active.variants.values()];
    for (const one of opened) await warmUp(one, compiler);
    // A variant that was asked for by itself before decides nothing: this one does.
    for (const one of opened) known.set(one.hash, new WeakRef(one));
    return active;
  };
  const isOpen = (hash: RulebookHash): boolean => known.get(hash)?.deref() !== undefined;
  const hold = (hash: RulebookHash, active: Promise<ActiveRulebook>): void => {
    held.delete(hash);
    held.set(hash, active);
    // One that is still being opened is held by nobody else yet.
    for (const oldest of [...held.keys()].filter(isOpen)) {
      if (held.size <= LIMITS.rulebooksHeldMax) return;
      held.delete(oldest);
    }
  };
  const get = (hash: RulebookHash, compiler = own): Promise<ActiveRulebook> => {
    const living = known.get(hash)?.deref();
    const there = living === undefined ? held.get(hash) : Promise.resolve(living);
    const active = there ?? open(hash, compiler);
    hold(hash, active);
    if (there === undefined) active.catch(() => held.delete(hash)); // whoever waits is told; Redis may answer the next one
    return active;
  };
  return {
    store: async (local) => {
      const hash = await storeRulebook(connection, local);
      if (!held.has(hash) && !isOpen(hash)) stored = local;
      return hash;
    },
    get,
    find: async (hash) => {
      const isStored =
        held.has(hash) || isOpen(hash) || (await connection.command(["EXISTS", rulebookKey(hash)])) === 1;
      return isStored ? await get(hash) : undefined;
    },
    all,
    layout: async (layoutHash) => {
      const described = await connection.command(["HGET", LAYOUTS_KEY, String(layoutHash)]);
      if (described === null) throw new Error(`Redis holds no description of profile layout ${layoutHash}`);
      return parseLayout(text(described));
    },
  };
}

async function storeRulebook(connection: RedisConnection, local: SoundRulebook): Promise<RulebookHash> {
  for (const { bytes } of local.models) {
    const { name, card, model, golden } = bytes;
    await connection.command([
      "HSET",
      modelKey(sha256(card)),
      "name",
      name,
      "card",
      card,
      "model",
      Buffer.from(model.buffer, model.byteOffset, model.byteLength),
      "golden",
      golden,
    ]);
  }
  const models = local.models.map((model) => sha256(model.bytes.card));
  const keep = async (hash: RulebookHash, files: RulebookFiles): Promise<void> => {
    await connection.command(["SET", rulebookKey(hash), JSON.stringify({ files, models })]);
  };
  const { hash, variants } = local.rulebook;
  // The base last: where it is, its variants are.
  for (const [name, variant] of variants) await keep(variant.hash, filesOfVariant(local.files, name));
  await keep(hash, local.files);
  return hash;
}

async function loadRulebook(
  connection: RedisConnection,
  hash: RulebookHash,
  compiler: Compiler,
): Promise<SoundRulebook> {
  const stored = await connection.command(["GET", rulebookKey(hash)]);
  if (stored === null) throw new Error(`rulebook ${hash} is active, but Redis does not hold its files`);
  const { files, models: modelHashes } = JSON.parse(text(stored)) as { files: RulebookFiles; models: string[] };
  const models: ModelFile[] = [];
  for (const modelHash of modelHashes) models.push(await loadModel(connection, modelHash));
  const compiled = await compiler.compile({ files, models: knownModels(models), sha256 });
  if (compiled.kind === "faulty") throw faultyError(hash, compiled.faults);
  return { kind: "sound", files, models, rulebook: compiled.rulebook };
}

async function activeOf(
  { files, models, rulebook }: SoundRulebook,
  scorerOptions: Partial<ScorerOptions>,
  { work }: Compiler,
): Promise<ActiveRulebook> {
  const scorer = createScorer(models, featureNames(rulebook), scorerOptions);
  if (scorer.kind === "faulty") throw faultyError(rulebook.hash, scorer.faults);
  const layout = compileLayout(rulebook.features, rulebook.attributes);
  const isVariant = VARIANT_FILE in files;
  const arrange = async (one: Rulebook, variants: ActiveRulebook["variants"]): Promise<ActiveRulebook> => ({
    hash: one.hash,
    rulebook: one,
    decider: await work(createDeciderInSteps(one)),
    layout,
    scorer: scorer.scorer,
    evidence: createEvidenceTotals(one.treatments),
    variants,
    isVariant: isVariant || one !== rulebook,
  });
  const variants = new Map<string, ActiveRulebook>();
  for (const [name, variant] of rulebook.variants) variants.set(name, await arrange(variant, new Map()));
  return await arrange(rulebook, variants);
}

async function loadModel(connection: RedisConnection, hash: string): Promise<ModelFile> {
  const fields = ["name", "card", "model", "golden"];
  const reply = (await connection.command(["HMGET", modelKey(hash), ...fields])) as readonly Reply[];
  const [name, card, model, golden] = reply;
  if (model === null || model === undefined) throw new Error(`model ${hash} is in use, but Redis does not hold it`);
  const opened = await openModel({
    name: text(name),
    card: text(card),
    model: new Uint8Array(model as Buffer),
    golden: text(golden),
  });
  if (opened.kind === "faulty") throw faultyError(hash, opened.faults);
  return opened.models[0] as ModelFile;
}

/** The card names the hash of the model's file, so the hash of the card stands for both. */
export function knownModels(models: readonly ModelFile[]): readonly KnownModel[] {
  return models.map(({ name, bytes }) => ({ name, sha256: sha256(bytes.card) }));
}

function featureNames(rulebook: Rulebook): readonly string[] {
  return rulebook.features.map((feature) => feature.name);
}

function faultyError(hash: string, faults: readonly Fault[]): Error {
  const [first] = faults;
  return new Error(
    `${hash} as stored in Redis does not compile here: ${first?.file}:${first?.line}:${first?.column}: ${first?.message}` +
      ` (${faults.length} faults); it was stored by another version of the engine?`,
  );
}
