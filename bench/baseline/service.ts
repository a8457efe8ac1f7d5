// The service that a team would write first, in a process of its own. Arguments: socket of Redis, a JSON file of offers, the
// folder of rules that declares the features, the folder of models. Says where it listens.
import { readFile } from "node:fs/promises";
import { Redis } from "ioredis";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { Offer } from "../load/bank-rules.ts";
import { compileRules } from "../load/delivered-rules.ts";
import { type Consumer, consume } from "./consume.ts";
import { loadScores } from "./model-scores.ts";
import { createOfferRules } from "./offer-rules.ts";
import { createWindows } from "./panes.ts";
import { serve } from "./serve.ts";

const [socket, offersFile, rulesDir, modelsDir] = process.argv.slice(2) as [string, string, string, string];
const offers = JSON.parse(await readFile(offersFile, "utf8")) as readonly Offer[];
const { rulebook } = compileRules(await readRulebookFolder(rulesDir));
const names = rulebook.features.map(({ name }) => name);
let tell: (customer: string, decision: string) => void = () => undefined;
const consumer: Consumer = {
  redis: new Redis(socket, { enableAutoPipelining: true }),
  reader: new Redis(socket),
  windows: createWindows(rulebook.features),
  names,
  score: await loadScores(modelsDir, names),
  rules: createOfferRules(offers),
  onDecision: (customer, decision) => tell(customer, decision),
  counts: { folded: 0, decisions: 0 },
};
const served = await serve(consumer);
tell = served.tell;
process.stdout.write(`${JSON.stringify({ url: served.url })}\n`);
await consume(consumer);
