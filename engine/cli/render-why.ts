// An answer of `nba why` as text: the sentence first, then the way that the action went.
import type { Explanation } from "../decide/explain.ts";
import { renderAction } from "./render-explanation.ts";
import { instant, type Why } from "./tell-why.ts";
import type { Paint } from "./terminal.ts";

type Explained = Extract<Explanation, { readonly kind: "explained" }>;

/** What would be decided, where nobody asked. */
interface Supposed extends Why {
  readonly asked: string;
  /** Who worked it out: a running engine, or this command from what Redis holds. */
  readonly by: "engine" | "redis";
  readonly explanation: Explained;
}

export interface WhyAnswer {
  readonly customer: string;
  readonly action: string;
  /** False where nothing is known of the customer, so that what is told holds for anybody. Left out of answers about the past. */
  readonly known?: boolean;
  /** The last decision that had the choice; absent where the journal knows of none. */
  readonly past?: Why & {
    readonly decision: string;
    readonly placements: readonly string[];
    readonly explanation: Explained;
  };
  readonly now?: Supposed;
  readonly backThen?: Supposed;
}

export function renderWhy({ customer, action, known, past, now, backThen }: WhyAnswer, paint: Paint): string {
  const lines: string[] = [];
  if (known === false) lines.push(`nothing is known of ${customer}: never seen, or erased`);
  if (past !== undefined) {
    const { sentence, decision, placements, explanation } = past;
    const again = explanation.reproduced
      ? "computed again: the same, bit for bit"
      : paint("red", `computed again: differs: ${explanation.differences.join("; ")}`);
    lines.push(paint("bold", sentence));
    lines.push(`  decision ${decision} in ${placements.join(", ")}, ${rulebookOf(explanation)}  ${again}`);
    lines.push(...path(past, paint), "");
  } else if (backThen === undefined)
    lines.push(`no decision in the journal had ${action} to choose for ${customer}`, "");
  const supposed = now ?? backThen;
  if (supposed !== undefined) {
    const { sentence, asked, by, explanation } = supposed;
    const source = by === "engine" ? "by the running engine" : "from what Redis holds";
    lines.push(paint("bold", sentence));
    lines.push(
      `  supposed in ${asked} at ${instant(explanation.now)}, ${rulebookOf(explanation)}, ${source}; nothing was stored`,
    );
    lines.push(...path(supposed, paint));
  }
  return lines.join("\n");
}

function rulebookOf({ rulebook }: Explained): string {
  return `rulebook ${rulebook.version} (${rulebook.hash.slice(0, 12)})`;
}

function path({ action }: Why, paint: Paint): readonly string[] {
  const passed = action.outcome === "offered" ? [] : action.passed;
  const rules = action.rules.filter(({ verdict }) => verdict === "true").length;
  const stages =
    passed.length === 0 ? [] : [`  passed ${passed.join(", ")}${rules === 0 ? "" : ` (${rules} rules true)`}`];
  return [...stages, ...renderAction(action, paint)];
}
