// Rules that use every part of the language, in a folder of their own: those of the golden decisions, fed with what the real
// models need, with triggers of every kind that can fire within seconds.
import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { repositoryRoot } from "../../engine/journal/source-file.ts";

const FULL = `${repositoryRoot}/test/fixtures/rules-full`;
const DEMO = `${repositoryRoot}/rules`;
const DAY_MS = 86_400_000;

const MORE_TRIGGERS = `
  - { id: said-no, rejected: [declined, later], placement: home }
  - { id: only-looked, absence: { after: { on: [page_view], where: event.props.section == "loans" }, of: { on: [purchase] }, within: 1m }, placement: outreach }
  - { id: buys-much, count: { of: { on: [purchase], where: event.props.amount > 200 }, times: 3, within: 1h }, placement: outreach, holdFor: 1h }
  - { id: good-morning, daily: true, when: segments.known, placement: outreach, holdFor: 1d }
`;

/** The customers buy and are asked faster than in life: quotas that they reach. */
const QUOTAS = `quotas:
  - { id: mails, max: 400, per: day, pacing: even, channel: email }
  - { id: desk-budget, max: 300, unit: cost, per: total, timeZone: Europe/Vienna, channel: desk }
  - { id: gold-cards, max: 15, per: total, action: gold-card }
`;

export interface NamedFile {
  readonly name: string;
}

/** Returns the folder, to be removed by the caller. */
export async function writeFullRules(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "nba-rules-"));
  await cp(FULL, dir, { recursive: true });
  const own = await readYaml<{ attributes: NamedFile[]; features: NamedFile[] }>(join(FULL, "features.yaml"));
  const demo = await readYaml<{ features: NamedFile[] }>(join(DEMO, "features.yaml"));
  const known = new Set(own.features.map(({ name }) => name));
  const features = [...own.features, ...demo.features.filter(({ name }) => !known.has(name))];
  await writeFile(join(dir, "features.yaml"), stringify({ attributes: own.attributes, features }));
  await writeFile(join(dir, "triggers.yaml"), (await readFile(join(FULL, "triggers.yaml"), "utf8")) + MORE_TRIGGERS);
  await writeFile(join(dir, "quotas.yaml"), QUOTAS);
  return dir;
}

/** A campaign of today in place of that of the spring. */
export async function writeCampaign(dir: string, now: number): Promise<void> {
  const day = (offset: number): string => new Date(now + offset * DAY_MS).toISOString().slice(0, 10);
  const campaign = `{ id: today, when: segments.known, placement: outreach, from: ${day(0)}, to: ${day(2)}, perSecond: 20, holdFor: 1d }`;
  await writeFile(join(dir, "campaigns.yaml"), `campaigns:\n  - ${campaign}\n`);
}

export async function readYaml<File>(path: string): Promise<File> {
  return parse(await readFile(path, "utf8")) as File;
}
