// Golden decisions on disk: one line of JSON each, with what it says in words and the record as journalled, deflated. The
// codec of the journal is not used: a golden must outlive it.
import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { createDecider, type Decider } from "../../engine/decide/decide.ts";
import type { DecisionRecord, SlateRecord } from "../../engine/domain/decision.ts";
import { sourceFile } from "../../engine/journal/source-file.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";

export const GOLDEN_FILE = sourceFile("test/golden/decisions.ndjson");
export const RULES_FOLDER = sourceFile("test/fixtures/rules-full");

export interface Golden {
  readonly says: string;
  readonly record: DecisionRecord;
}

/** The rules under test/fixtures/rules-full. Throws with every fault. */
export async function goldenRulebook(): Promise<Rulebook> {
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const models = ["churn", "propensity"].map((name) => ({ name, sha256: sha256(name) }));
  const compiled = compileRulebook({ files: await readRulebookFolder(RULES_FOLDER), models, sha256 });
  if (compiled.kind === "compiled") return compiled.rulebook;
  throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
}

/** By hash: of the base and of each variant. */
export function decidersOf(rulebook: Rulebook): ReadonlyMap<string, Decider> {
  return new Map([rulebook, ...rulebook.variants.values()].map((each) => [each.hash, createDecider(each)]));
}

/** `c-7 2026-03-20T09:00 -> home: gold-card:app (withheld: savings-plan:app)`: what a person compares first. */
export function saying(record: DecisionRecord): string {
  const shown = record.slates.map(told).join("; ");
  const withheld = record.withheld.length === 0 ? "" : ` (withheld: ${record.withheld.map(told).join("; ")})`;
  const held = record.heldUntil === undefined ? "" : ` (held until ${iso(record.heldUntil)})`;
  return `${record.key} ${iso(record.now)} ${record.direction} -> ${shown}${withheld}${held}`;
}

function told({ placement, because, items }: SlateRecord): string {
  const names = items.map(({ treatment, kept }) => (kept ? `${treatment} again` : treatment));
  return `${placement}: ${names.length > 0 ? names.join(", ") : `none (${because})`}`;
}

function iso(at: number): string {
  return new Date(at).toISOString().slice(0, 16);
}

export function writeGolden({ says, record }: Golden): string {
  return JSON.stringify({ says, record: deflateRawSync(toJson(record), { level: 9 }).toString("base64") });
}

export function readGolden(line: string): Golden {
  const { says, record } = JSON.parse(line) as { says: string; record: string };
  return { says, record: fromJson(inflateRawSync(Buffer.from(record, "base64")).toString()) };
}

const NUMBERS: Readonly<Record<string, number>> = {
  "#NaN": Number.NaN,
  "#Infinity": Number.POSITIVE_INFINITY,
  "#-Infinity": Number.NEGATIVE_INFINITY,
  "#-0": -0,
};

function toJson(record: DecisionRecord): string {
  return JSON.stringify(record, (_, value: unknown) => {
    if (value instanceof Float64Array) return Array.from(value);
    if (typeof value !== "number") return value;
    if (!Number.isFinite(value)) return `#${value}`;
    return Object.is(value, -0) ? "#-0" : value;
  });
}

function fromJson(text: string): DecisionRecord {
  const record = JSON.parse(text, (_, value: unknown) => {
    if (value === null) return undefined;
    return typeof value === "string" ? (NUMBERS[value] ?? value) : value;
  }) as DecisionRecord;
  const features = Float64Array.from(record.input.profile.features);
  return { ...record, input: { ...record.input, profile: { ...record.input.profile, features } } };
}
