// The decision that README.md shows, made by the engine itself without Redis: the delivered rules, events at fixed times,
// and model outputs that are given, so that no build of the models moves it.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { renderExplanation } from "../../engine/cli/render-explanation.ts";
import { plain } from "../../engine/cli/terminal.ts";
import { presentDecision } from "../../engine/deliver/present.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import type { Props } from "../../engine/domain/event.ts";
import { customerKey, type DecisionId } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS, plus } from "../../engine/domain/time.ts";
import { knownModels, sha256 } from "../../engine/partition/rulebook-library.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { activeRulebookOf } from "../../engine/sandbox/active-rulebook-of.ts";
import { createGivenScorer } from "../../engine/sandbox/given-scorer.ts";
import { createSandbox, type Sandbox } from "../../engine/sandbox/sandbox.ts";
import { loadModels } from "../../engine/score/load-models.ts";
import { repository } from "./readme.ts";

const KEY = customerKey("ana");
const MONDAY = Date.UTC(2026, 2, 2, 8) as Instant;
const GIVEN = new Map([
  ["churn", 0.36],
  ["propensity", 0.42],
]);

export interface Decided {
  /** The decision as JSON of the API. */
  readonly body: object;
  /** What `nba explain` prints of it. */
  readonly funnel: string;
  /** Where something fell. */
  readonly stages: readonly string[];
}

export async function anaDecides(): Promise<Decided> {
  const root = fileURLToPath(repository);
  const loaded = await loadModels(join(root, "models"));
  const models = loaded.kind === "loaded" ? knownModels(loaded.models) : [];
  const compiled = compileRulebook({ files: await readRulebookFolder(join(root, "rules")), models, sha256 });
  if (compiled.kind === "faulty") throw new Error(JSON.stringify(compiled.faults));
  const scorer = createGivenScorer(models, (name) => GIVEN.get(name), undefined);
  const sandbox = await createSandbox({ rulebook: activeRulebookOf(compiled.rulebook, scorer), startsAt: MONDAY });
  const record = await live(sandbox);
  const explanation = sandbox.explain(record);
  if (explanation.kind !== "explained") throw new Error("the rulebook that decided is not the one that explains");
  return {
    body: presentDecision(record),
    funnel: renderExplanation(explanation, plain, record),
    stages: explanation.funnel.map(({ stage }) => stage),
  };
}

/** A loan declined on Monday, a cart left on Tuesday, the start screen opened an hour later. */
async function live(sandbox: Sandbox): Promise<DecisionRecord> {
  let sent = 0;
  const send = async (type: string, props: Props): Promise<void> => {
    const ts = sandbox.now();
    const happened = await sandbox.send({ id: `e-${sent++}`, type, key: KEY, ts, source: "clickstream", props });
    if (happened.dead.length > 0) throw new Error(`${type} was refused: ${happened.dead[0]?.detail}`);
    await sandbox.advance(plus(ts, MINUTE_MS));
  };
  const known = { first_name: "Ana", age: 34, tenure_months: 40, products: ["current-account"], balance: 8200 };
  await send("profile_update", { ...known, arrears: false, country: "AT" });
  await send("salary_received", { amount: 2100 });
  await send("page_view", { section: "loans" });
  await send("page_view", { section: "loans" });
  const hero = await ask(sandbox, "web", "web-hero", "AAdBkEPhYrMtVRbBJ3kGYg");
  const loan = hero.slates[0]?.items[0];
  if (loan?.action !== "personal-loan") throw new Error(`the banner was to show the loan, not ${loan?.action}`);
  await send("outcome", { trackingCode: loan.trackingCode, outcome: "declined" });
  await sandbox.advance(plus(MONDAY, DAY_MS));
  await send("add_to_cart", { item: "lamp" });
  await send("checkout_abandoned", {});
  await sandbox.advance(plus(MONDAY, DAY_MS + HOUR_MS));
  return await ask(sandbox, "app", "app-home", "ABmQ2vFoJm7H2cXk4tPz0A");
}

async function ask(sandbox: Sandbox, channel: string, placement: string, id: string): Promise<DecisionRecord> {
  const answer = await sandbox.ask(
    { key: KEY, channel, placements: [{ name: placement }], context: {} },
    id as DecisionId,
  );
  if (answer.kind === "refused") throw new Error(answer.why);
  return answer.record;
}
