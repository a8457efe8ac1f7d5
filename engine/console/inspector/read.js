// What the engine answers, arranged for the views of the inspector. Pure.
import { furthest, STAGE_ORDER } from "../wire.js";
import { humane, outcomeWords } from "../words.js";

/** Everything known of a customer's past, newest first. */
export function timelineOf({ look, decisions, events }) {
  const rows = [
    ...decisions.map(decisionRow),
    ...events.filter(({ type }) => type !== "outcome").map(eventRow),
    ...(look?.contacts ?? []).flatMap(answerRow),
    ...(look?.openCases ?? []).map((open) => ({
      kind: "case",
      at: open.openedAt,
      key: `case ${open.caseId}`,
      title: `Case opened: ${humane(open.kind)}`,
      detail: open.caseId,
    })),
  ];
  return rows.sort((a, b) => b.at - a.at || (a.key < b.key ? -1 : 1));
}

function decisionRow(decision) {
  const slates = decision.slates;
  const items = slates.flatMap((slate) => slate.items);
  const withheld = (decision.withheld ?? []).flatMap((slate) => slate.items);
  const titles = [...items, ...withheld].map((item) => item.content?.title ?? humane(item.action));
  const asked = decision.trigger === undefined ? "asked" : `trigger ${decision.trigger.id}`;
  return {
    kind: "decision",
    at: decision.now,
    key: decision.decisionId,
    decisionId: decision.decisionId,
    title: titles.length > 0 ? titles.join(" · ") : "Nothing offered",
    detail: `${slates.map((slate) => slate.placement).join(", ")}, ${asked}`,
    tag: withheld.length > 0 ? "withheld" : decision.heldUntil !== undefined ? "held" : undefined,
  };
}

function eventRow({ id, type, ts, source, props }) {
  const detail = Object.entries(props)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(", ") : value}`)
    .join(" · ");
  return { kind: "event", at: ts, key: `${source} ${id}`, title: humane(type), detail: detail || source };
}

function answerRow(contact) {
  if (contact.outcomeAt === undefined) return [];
  return [
    {
      kind: "answer",
      at: contact.outcomeAt,
      key: `${contact.trackingCode} ${contact.outcome}`,
      decisionId: contact.decisionId,
      title: `${outcomeWords(contact.outcome)}: ${humane(contact.action)}`,
      detail: `${contact.channel}, ${contact.placement}`,
      outcome: contact.outcome,
    },
  ];
}

/**
 * Where each action ended: the stages that dropped any, in the order of testing, with how many were left after each.
 * @returns {{ total: number, offered: any[], stages: { stage: string, left: number, fallen: any[] }[] }}
 */
export function funnelOf(explanation) {
  const actions = explanation.actions ?? [];
  const offered = actions.filter(({ outcome }) => outcome === "offered");
  const ended = actions
    .filter(({ outcome }) => outcome !== "offered")
    .map((action) => ({ ...action, end: action.fell ?? furthest(action.treatments) }));
  let left = actions.length;
  const stages = STAGE_ORDER.flatMap((stage) => {
    const fallen = ended.filter(({ end }) => end?.stage === stage);
    left -= fallen.length;
    return fallen.length === 0 ? [] : [{ stage, left, fallen }];
  });
  return { total: actions.length, offered, stages };
}

/** Treatments that won a place, by rank within their placement. */
export function winnersOf(explanation) {
  return (explanation.actions ?? [])
    .flatMap((action) =>
      action.treatments
        .filter(({ factors }) => factors !== undefined)
        .map((treatment) => ({ ...treatment, label: action.label })),
    )
    .sort((a, b) => (a.placement < b.placement ? -1 : a.placement > b.placement ? 1 : a.rank - b.rank));
}

/** Actions that end otherwise under `after` than under `before`. */
export function changesOf(before, after) {
  const was = new Map((before?.actions ?? []).map((action) => [action.action, endOf(action)]));
  return (after.actions ?? []).flatMap((action) => {
    const is = endOf(action);
    const earlier = was.get(action.action);
    if (earlier === undefined || (earlier.words === is.words && earlier.rank === is.rank)) return [];
    return [{ action: action.action, label: action.label, before: earlier, after: is }];
  });
}

function endOf(action) {
  const shown = action.treatments.find(({ outcome }) => outcome === "offered");
  if (shown !== undefined)
    return {
      kind: "offered",
      rank: shown.rank,
      words: `offered in ${shown.placement}`,
      priority: shown.factors?.priority,
    };
  const fall = action.fell ?? furthest(action.treatments);
  if (fall === undefined) return { kind: "dropped", words: "not asked for" };
  return {
    kind: "dropped",
    words: [fall.stage, fall.rule?.id ?? fall.policy ?? fall.because].filter(Boolean).join(": "),
  };
}

/** A form of the page as the request that it stands for; empty fields suppose nothing. */
export function requestOf(form, customer, rulebook) {
  const placement = rulebook.placements.find(({ name }) => name === form.placement);
  const direction = placement?.direction ?? "inbound";
  const attributes = Object.fromEntries(
    form.attributes
      .filter(({ name, value }) => name !== "" && value !== "")
      .map(({ name, value }) => [
        name,
        typedValue(rulebook.attributes.find((spec) => spec.name === name)?.type, value),
      ]),
  );
  const overrides = {
    ...(form.at === "" ? {} : { now: new Date(form.at).getTime() }),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    ...(form.consent === ""
      ? {}
      : { consents: [{ channel: form.channel || "*", purpose: form.purpose, granted: form.consent === "granted" }] }),
    ...(form.fresh ? { contacts: "none" } : {}),
    ...(form.openCase === "" ? {} : { openCases: form.openCase === "none" ? [] : [{ kind: form.openCase }] }),
  };
  const whose = customer.startsWith("anon:") ? { anonymousId: customer.slice("anon:".length) } : { customer };
  return {
    ...whose,
    direction,
    ...(form.channel === "" ? {} : { channel: form.channel }),
    placements: [{ name: form.placement }],
    ...(Object.keys(overrides).length === 0 ? {} : { overrides }),
  };
}

/** What somebody typed, as the rulebook declares the attribute; `-` stands for never set. */
function typedValue(type, text) {
  if (text === "-") return null;
  // What is no number goes as it is: the engine says what is wrong with it.
  if (type === "number") return Number.isFinite(Number(text)) ? Number(text) : text;
  if (type === "boolean") return /^(true|yes|1)$/i.test(text);
  if (type === "set")
    return text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  return text;
}
