// Reads what the engine sends (contract.md) into the few shapes that the views show. Nothing else knows the wire.

/**
 * @typedef {{ decisionId: string, trackingCode: string, placement: string, action: string, treatment: string, rank: number,
 *   title: string, script: string, text: string, talkingPoints: readonly string[], reasons: readonly string[],
 *   propensity: number | undefined, value: number | undefined, priority: number | undefined, expiresAt: number }} Card
 * @typedef {{ id: string, customer: string, at: number, placement: string, trigger: string | undefined,
 *   kind: string, because: string | undefined, titles: readonly string[], degraded: boolean }} FeedRow
 */

/** One NBA, as an item of a slate or as a card of a snapshot. @returns {Card} */
export function readCard(item, decision) {
  const content = item.content ?? {};
  return {
    decisionId: item.decisionId ?? decision?.decisionId ?? "",
    trackingCode: item.trackingCode,
    placement: item.placement ?? decision?.placement ?? "",
    action: item.action,
    treatment: item.treatment,
    rank: item.rank ?? 1,
    title: item.title ?? content.title ?? item.action,
    script: item.script ?? content.script ?? "",
    text: content.text ?? "",
    talkingPoints: list(content.talkingPoints),
    reasons: list(item.reasons),
    propensity: item.propensity,
    value: item.value,
    priority: item.priority,
    expiresAt: item.expiresAt ?? Number.POSITIVE_INFINITY,
  };
}

/** The cards of a pushed decision: of its slates, or the decision is itself one card. @returns {Card[]} */
export function readPushed(decision) {
  if (Array.isArray(decision.slates))
    return decision.slates.flatMap((slate) =>
      list(slate.items).map((item) => readCard(item, { decisionId: decision.decisionId, placement: slate.placement })),
    );
  return [readCard(decision)];
}

/** One line of the feed. @returns {FeedRow} */
export function readDecision(decision, at) {
  const slates = list(decision.slates);
  const items = slates.flatMap((slate) => list(slate.items));
  const trigger = decision.trigger;
  return {
    id: decision.decisionId,
    customer: decision.customer,
    at: decision.now ?? at,
    placement: slates.map((slate) => slate.placement).join(", "),
    trigger: typeof trigger === "object" && trigger !== null ? trigger.id : trigger,
    kind: items.length > 0 ? "act" : "none",
    because: slates.find((slate) => slate.because)?.because,
    titles: items.map((item) => item.content?.title ?? item.action),
    degraded: list(decision.degraded).length > 0,
  };
}

/** GET /v1/customers/{id} and the `customer` of a snapshot. */
export function readCustomer(customer) {
  return {
    attributes: customer?.attributes ?? {},
    features: customer?.features ?? {},
    propensities: customer?.propensities ?? {},
    contacts: [...list(customer?.contacts)].sort((a, b) => b.at - a.at),
    fatigue: list(customer?.fatigue),
    openCases: list(customer?.openCases),
    tasks: list(customer?.tasks),
  };
}

/**
 * The funnel of GET /v1/decisions/{id}?explain=true: what fell, by stage, those that came furthest first.
 * @returns {{ total: number, offered: number, stages: { stage: string, fallen: { id: string, label: string, fell: any }[] }[], problem?: string }}
 */
export function readFunnel(body) {
  const explanation = body.explanation ?? {};
  const actions = list(explanation.actions);
  if (explanation.kind === "other-rulebook")
    return {
      total: 0,
      offered: 0,
      stages: [],
      problem: "Another rulebook made this decision: it can no longer be explained here.",
    };
  /** @type {Map<string, any[]>} */
  const byStage = new Map(STAGE_ORDER.map((stage) => [stage, []]));
  for (const action of actions) {
    const fell = action.outcome === "offered" ? undefined : (action.fell ?? furthest(action.treatments));
    if (fell !== undefined) byStage.get(fell.stage)?.push({ id: action.action, label: action.label, fell });
  }
  const stages = [...byStage].map(([stage, fallen]) => ({ stage, fallen })).filter(({ fallen }) => fallen.length > 0);
  return {
    total: actions.length,
    offered: actions.filter((action) => action.outcome === "offered").length,
    stages: stages.reverse(),
  };
}

export const STAGE_ORDER = [
  "availability",
  "eligibility",
  "applicability",
  "suitability",
  "consent",
  "suppression",
  "quiet-hours",
  "contact-limit",
  "quota",
  "propensity",
  "arbitration",
  "content",
  "slots",
  "holdout",
];

/** Of an action whose treatments fell one by one: the one that came furthest. */
export function furthest(treatments) {
  const falls = list(treatments).flatMap((treatment) => treatment.fell ?? []);
  return falls.sort((a, b) => STAGE_ORDER.indexOf(b.stage) - STAGE_ORDER.indexOf(a.stage))[0];
}

/** One sentence of a problem+json answer. */
export function readProblem(body, status) {
  const problem = body ?? {};
  const [first] = list(problem.errors);
  if (first !== undefined) return `${first.pointer} ${first.detail}`.trim();
  return problem.detail ?? problem.title ?? `the engine answered ${status}`;
}

function list(value) {
  return Array.isArray(value) ? value : [];
}
