// Values of the engine -> JSON of the outside, exactly as wire.ts declares it.
import { rulebookFor } from "../decide/experiments.ts";
import type { Contact } from "../domain/contact.ts";
import type { Content, DecisionRecord, ItemRecord, SlateRecord } from "../domain/decision.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { isAnonymous } from "../domain/ids.ts";
import type { CustomerLook } from "../engine.ts";
import type { Fault, Rulebook } from "../rulebook/rulebook.ts";
import { fatigueOf } from "./fatigue.ts";
import { pressureOf } from "./pressure.ts";
import type { RulebookNames } from "./rulebook-names.ts";
import { rulebookNames } from "./rulebook-names.ts";
import type { CardBody, ContactBody, CustomerBody, DecisionBody, RulebookBody, SlateBody } from "./wire.ts";

/** As every screen may have it. Nothing of it tells that somebody is in the holdout. */
export function presentDecision(record: DecisionRecord): DecisionBody & { slates: SlateBody[] } {
  return {
    decisionId: record.id,
    customer: record.key,
    slates: record.slates.map(presentSlate),
    degraded: [...record.degraded],
    direction: record.direction,
    ...(record.trigger === undefined ? {} : { trigger: triggerOf(record.trigger) }),
    ...(record.arms.length === 0 ? {} : { arms: record.arms.map((arm) => ({ ...arm })) }),
    now: record.now,
  };
}

/** What whoever asked is told: an empty slate shows the declared content of its placement, where there is one. */
export function presentAnswer(record: DecisionRecord, rulebook: Rulebook): DecisionBody {
  const decision = presentDecision(record);
  if (record.direction === "outbound") return decision;
  const slates = decision.slates.map((slate) => {
    const items = slate.kind === "none" ? declaredItems(rulebook, slate.placement) : [];
    if (items.length === 0) return slate;
    const { placement, because } = slate;
    return { placement, kind: "default" as const, ...(because === undefined ? {} : { because }), items };
  });
  return { ...decision, slates };
}

/** What a late ask gets: the declared content of each placement, without decision id, tracking code or contact. */
export function presentFallback(
  rulebook: Rulebook,
  key: CustomerKey,
  placements: readonly { readonly name: string }[],
  why: string,
): DecisionBody {
  const slates = placements.map(({ name }) => {
    return { placement: name, kind: "default" as const, items: declaredItems(rulebook, name) };
  });
  return { customer: key, slates, degraded: [why], direction: "inbound" };
}

function declaredItems(rulebook: Rulebook, name: string): { content: Record<string, string> }[] {
  const content = rulebook.placements.find((placement) => placement.name === name)?.fallback ?? {};
  return Object.keys(content).length === 0 ? [] : [{ content: { ...content } }];
}

/** One item of a decision as a card of a screen. */
export function presentCard(record: DecisionRecord, slate: SlateRecord, item: ItemRecord): CardBody {
  return {
    decisionId: record.id,
    trackingCode: item.trackingCode,
    placement: slate.placement,
    channel: item.channel,
    action: item.action,
    treatment: item.treatment,
    rank: item.rank,
    title: textOf(item.content, "title"),
    script: textOf(item.content, "script"),
    reasons: [...item.reasons],
    priority: item.factors.priority,
    propensity: item.factors.propensity,
    value: item.factors.value,
    expiresAt: item.expiresAt,
    content: copyContent(item.content),
  };
}

/** Every item of the decisions as cards, those of a higher priority first. */
export function presentCards(records: readonly DecisionRecord[]): CardBody[] {
  const cards = records.flatMap((record) =>
    record.slates.flatMap((slate) => slate.items.map((item) => presentCard(record, slate, item))),
  );
  return cards.sort((a, b) => b.priority - a.priority || (a.trackingCode < b.trackingCode ? -1 : 1));
}

export function presentCustomer(look: CustomerLook, rulebook: Rulebook): CustomerBody {
  const names = rulebookNames(rulebook);
  const deciding = rulebookFor(rulebook, look.key, look.now);
  const pressure = pressureOf(deciding, look.contacts, look.now);
  return {
    customer: look.key,
    anonymous: isAnonymous(look.key),
    partition: look.partition,
    cursor: String(look.seq),
    now: look.now,
    attributes: Object.fromEntries(
      Object.entries(look.attributes).map(([name, value]) => [name, typeof value === "object" ? [...value] : value]),
    ),
    features: { ...look.features },
    propensities: { ...look.propensities },
    // Those in the shadow were never shown to the customer, so no screen shows them; the limits count them.
    contacts: look.contacts.filter(({ shadow }) => !shadow).map((contact) => presentContact(contact, names)),
    fatigue: [...fatigueOf(deciding, look)],
    ...(pressure === undefined ? {} : { pressure }),
    openCases: look.openCases.map((open) => ({ ...open })),
    tasks: look.tasks.map((task) => ({ ...task })),
    nbas: presentCards(look.active),
    patterns: look.patterns.map(({ pattern, due, marks }) => ({
      trigger: names.nameOf("pattern", pattern),
      ...(Number.isFinite(due) ? { due } : {}),
      marks: marks.map((mark) => ({ ...mark })),
    })),
    held: look.held.map(({ trigger, source, event, at, until }) => ({
      trigger: names.nameOf("trigger", trigger),
      source,
      event,
      at,
      until,
    })),
    ...(look.joinedTo === undefined ? {} : { joinedTo: look.joinedTo }),
    absorbed: [...look.absorbed],
    consent: look.consents.map((consent) => ({ ...consent })),
  };
}

export function presentRulebook(rulebook: Rulebook, loadedAt: number, faults: readonly Fault[]): RulebookBody {
  return {
    version: rulebook.version,
    hash: rulebook.hash,
    loadedAt,
    placements: rulebook.placements.map((placement) => ({
      name: placement.name,
      label: placement.label,
      direction: placement.direction,
      channels: placement.channels.flatMap((channel) => rulebook.channels[channel]?.name ?? []),
      slots: placement.slots,
    })),
    features: rulebook.features.map(({ name, label, aggregate, windowMs, halfLifeMs }) => ({
      name,
      label,
      aggregate,
      ...(windowMs === undefined ? {} : { windowMs }),
      ...(halfLifeMs === undefined ? {} : { halfLifeMs }),
    })),
    attributes: rulebook.attributes.map(({ name, label, type }) => ({ name, label, type })),
    models: rulebook.models.map(({ name }) => name),
    purposes: [...new Set(rulebook.actions.map(({ purpose }) => purpose))].sort(),
    counts: {
      actions: rulebook.actions.length,
      treatments: rulebook.treatments.length,
      channels: rulebook.channels.length,
      placements: rulebook.placements.length,
      triggers: rulebook.triggers.length,
      features: rulebook.features.length,
      attributes: rulebook.attributes.length,
      models: rulebook.models.length,
      rules: rulebook.rules.length,
      contactLimits: rulebook.contactLimits.length,
      coolDowns: rulebook.coolDowns.length,
    },
    faults: faults.map(({ file, line, column, message }) => ({ file, line, column, message })),
  };
}

export function presentSlate(slate: SlateRecord): SlateBody {
  const because = slate.because === "holdout" ? "all-dropped" : slate.because;
  return {
    placement: slate.placement,
    kind: slate.kind,
    ...(because === undefined ? {} : { because }),
    items: slate.items.map((item) => ({
      action: item.action,
      treatment: item.treatment,
      channel: item.channel,
      rank: item.rank,
      priority: item.factors.priority,
      propensity: item.factors.propensity,
      value: item.factors.value,
      content: copyContent(item.content),
      reasons: [...item.reasons],
      expiresAt: item.expiresAt,
      trackingCode: item.trackingCode,
    })),
  };
}

function presentContact(contact: Contact, names: RulebookNames): ContactBody {
  return {
    trackingCode: contact.trackingCode,
    decisionId: contact.decision,
    issue: names.nameOf("issue", contact.issue),
    group: names.nameOf("group", contact.group),
    action: names.nameOf("action", contact.action),
    treatment: names.nameOf("treatment", contact.treatment),
    channel: names.nameOf("channel", contact.channel),
    placement: names.nameOf("placement", contact.placement),
    direction: contact.inbound ? "inbound" : "outbound",
    at: contact.at,
    state: contact.state,
    outcome: contact.outcome,
    ...(Number.isFinite(contact.outcomeAt) && contact.outcome !== "pending" ? { outcomeAt: contact.outcomeAt } : {}),
    ...(contact.until > 0 && Number.isFinite(contact.until) ? { until: contact.until } : {}),
    ...(Number.isFinite(contact.reservedUntil) && contact.state === "reserved"
      ? { reservedUntil: contact.reservedUntil }
      : {}),
    expiresAt: contact.expiresAt,
    live: contact.live,
    rank: contact.rank,
  };
}

function textOf(content: Content, field: string): string {
  const value = content[field];
  return typeof value === "string" ? value : value === undefined ? "" : value.join("\n");
}

function copyContent(content: Content): Record<string, string | string[]> {
  const copy: Record<string, string | string[]> = {};
  for (const field in content) {
    const value = content[field] as Content[string];
    copy[field] = typeof value === "string" ? value : [...value];
  }
  return copy;
}

function triggerOf({
  id,
  source,
  event,
}: NonNullable<DecisionRecord["trigger"]>): NonNullable<DecisionBody["trigger"]> {
  return { id, source, event };
}
