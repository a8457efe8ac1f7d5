// What a decision may never do, judged by the policies as they were drafted and by wall clocks: names and plain loops, none of
// the engine's counters, windows or plans.
import type { Contact } from "../../engine/domain/contact.ts";
import type { OpenCase } from "../../engine/domain/decision.ts";
import type { Drop } from "../../engine/domain/drop.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import type { CoolDownCause } from "../../engine/rulebook/policies.ts";
import type { ActionDraft, LimitDraft } from "./build.ts";
import type { Step, World } from "./caps-world.ts";
import { COUNTRIES, ISSUE_OF, type Names, type PolicyDraft, type QuietDraft } from "./random-policies.ts";
import { clockOf, daysBefore, isNearChange, isZone } from "./wall-clock.ts";

type Kind = "channel" | "issue" | "group" | "action";

const NAMES: Readonly<Record<Kind, readonly string[]>> = {
  channel: ["app", "email", "push"],
  issue: ["sales", "care"],
  group: ["cards", "loans", "help", "elsewhere"],
  action: ["a0", "a1", "a2", "a3", "a4", "a5", "a6"],
};

/** One contact, or what would become one, by names; `""` where it has none. */
interface Named extends Readonly<Record<Kind, string>> {
  readonly placement: string;
  readonly inbound: boolean;
}

interface Judged {
  readonly draft: PolicyDraft;
  readonly step: Step;
  readonly zone: string | undefined;
  readonly now: number;
  readonly inbound: boolean;
  /** It asks for messages, not only for what a screen shows. */
  readonly sends: boolean;
}

/** What is wrong with this step, in words; empty where nothing is. */
export function judge(world: World, step: Step): readonly string[] {
  const { input, decision } = step;
  const { draft } = world;
  const zone = zoneOf(draft, input.profile.attributes);
  const inbound = input.request.direction === "inbound";
  const asked = input.request.placements.map(({ placement }) => world.rulebook.placements[placement]?.name);
  const sends = !inbound && asked.includes("outreach");
  const judged: Judged = { draft, step, zone, now: input.now, inbound, sends };
  const faults: string[] = [];
  for (const contact of decision.contacts) {
    const named = nameOf(contact);
    const action = actionOf(draft, named.action);
    const say = (fault: string | undefined) => {
      if (fault !== undefined) faults.push(`${named.action} on ${named.channel} is offered: ${fault}`);
    };
    say(consentless(judged, named, action));
    say(suppressed(judged, named, action));
    if (judged.sends && !(action.exempt && action.urgent)) say(quietNow(judged, named.channel, judged.now));
    if (action.exempt !== true) for (const limit of draft.limits) say(exceeded(judged, limit, named));
  }
  for (const drop of decision.dropped) {
    const fault = "treatment" in drop ? groundless(world, judged, drop) : undefined;
    if (fault !== undefined) faults.push(`treatment ${"treatment" in drop ? drop.treatment : ""} is dropped: ${fault}`);
  }
  return faults;
}

// ---- caps

/** More of them than the limit allows, now that this decision has made its own. */
function exceeded(judged: Judged, limit: LimitDraft, offered: Named): string | undefined {
  if (!concerns(limit, offered)) return undefined;
  const { history, decision } = judged.step;
  const count = counted(judged, limit, offered, [...history, ...decision.contacts], judged.now);
  return count > limit.max ? `${limit.id} has ${count} of ${limit.max}` : undefined;
}

function counted(judged: Judged, limit: LimitDraft, next: Named, contacts: readonly Contact[], now: number): number {
  let count = 0;
  for (const contact of contacts) {
    if (contact.state === "released" || contact.exempt) continue;
    const named = nameOf(contact);
    if (!concerns(limit, named)) continue;
    if (limit.direction === "each" && named.inbound !== next.inbound) continue;
    if (limit.per !== undefined && limit.per !== "all" && named[limit.per] !== next[limit.per]) continue;
    if (isWithin(limit, contact.at, now, judged.zone)) count++;
  }
  return count;
}

function concerns(limit: LimitDraft, named: Named): boolean {
  const kinds: readonly Kind[] = ["channel", "issue", "group", "action"];
  if (kinds.some((kind) => limit[kind] !== undefined && limit[kind] !== named[kind])) return false;
  if (limit.direction === "inbound") return named.inbound;
  return limit.direction !== "outbound" || !named.inbound;
}

function isWithin(
  { calendarDays = 0, windowMs }: LimitDraft,
  at: number,
  now: number,
  zone: string | undefined,
): boolean {
  if (calendarDays === 0 || zone === undefined) return at > now - windowMs;
  return clockOf(zone, at).date >= daysBefore(clockOf(zone, now).date, calendarDays - 1);
}

// ---- quiet hours

function quietNow({ draft, zone }: Judged, channel: string, at: number): string | undefined {
  const rules = draft.quiet.filter(({ channels }) => channels.length === 0 || channels.includes(channel));
  if (rules.length === 0) return undefined;
  if (zone === undefined) return "nobody knows what time it is there";
  return rules.some((rule) => isQuiet(rule, zone, at)) ? "it is quiet" : undefined;
}

function isQuiet({ fromMinute, toMinute, days }: QuietDraft, zone: string, at: number): boolean {
  const { minute, weekday } = clockOf(zone, at);
  const today = days[weekday] === true;
  if (fromMinute < toMinute) return today && fromMinute <= minute && minute < toMinute;
  return (today && minute >= fromMinute) || (days[(weekday + 6) % 7] === true && minute < toMinute);
}

// ---- suppression

function suppressed({ draft, step, now }: Judged, named: Named, action: ActionDraft): string | undefined {
  const { contacts, openCases } = step.input.profile;
  for (const contact of contacts) {
    const other = nameOf(contact);
    if (other.action !== named.action) continue;
    if (contact.outcome === "later" && contact.until > now) return "it is snoozed";
    const isElsewhere = other.channel === named.channel && other.placement !== named.placement;
    if (contact.live && contact.expiresAt > now && isElsewhere) return "it is live already";
  }
  if (action.exempt === true) return undefined;
  if (cooling(draft, contacts, named, now) !== undefined) return "it is cooling down";
  for (const { after, of, suppresses, forMs } of draft.related) {
    if (!isIn(suppresses, named)) continue;
    for (const contact of contacts) {
      const at = causeAt(after, contact);
      if (at !== undefined && at + forMs > now && isIn(of, nameOf(contact))) return "something related has happened";
    }
  }
  return openCase(draft, openCases, named) ? "a case is open" : undefined;
}

function cooling(draft: PolicyDraft, contacts: readonly Contact[], named: Named, now: number): string | undefined {
  for (const { id, after, scope, only, forMs, times = 1, withinMs = 0 } of draft.coolDowns) {
    if (scope !== "all" && only !== undefined && only !== named[scope]) continue;
    const same = contacts.filter(
      (contact) => !contact.exempt && (scope === "all" || nameOf(contact)[scope] === named[scope]),
    );
    const instants = same.flatMap((contact) => causeAt(after, contact) ?? []).sort((a, b) => a - b);
    for (const [first, at] of instants.entries()) {
      const last = instants[first + times - 1];
      if (last === undefined || last + forMs <= now) continue;
      if (times === 1 || last - at < withinMs) return id;
    }
  }
  return undefined;
}

function causeAt(after: CoolDownCause, { state, at, outcome, previous, outcomeAt }: Contact): number | undefined {
  if (after === "contacted") return state === "released" ? undefined : at;
  if (outcome === after) return outcomeAt;
  if (after === "accepted" && outcome === "converted") return outcomeAt;
  return after === "clicked" && previous === "clicked" ? outcomeAt : undefined;
}

function openCase(draft: PolicyDraft, cases: readonly OpenCase[], named: Named): boolean {
  return draft.cases.some(
    ({ kinds, suppresses }) =>
      (suppresses === undefined || isIn(suppresses, named)) &&
      cases.some(({ kind }) => kinds.length === 0 || kinds.includes(kind)),
  );
}

function isIn({ actions, groups, issues }: Names, { action, group, issue }: Named): boolean {
  return actions.includes(action) || groups.includes(group) || issues.includes(issue);
}

// ---- consent

function consentless({ draft, step }: Judged, { channel }: Named, { purpose }: ActionDraft): string | undefined {
  const said = step.input.profile.consents.filter((consent) => consent.purpose === purpose);
  const newest = (name: string) => {
    const own = said.filter((consent) => consent.channel === name);
    const ts = Math.max(...own.map((consent) => consent.ts));
    const granted = own.every((consent) => consent.ts < ts || consent.granted);
    return own.length === 0 ? undefined : { ts, granted };
  };
  const [own, general] = [newest(channel), newest("*")];
  const stopped = general?.granted === false && (own === undefined || general.ts > own.ts);
  if (stopped || own?.granted === false) return "consent was refused";
  if (own !== undefined || general !== undefined) return undefined;
  const declared = draft.book.channels?.find(({ name }) => name === channel);
  const silence = declared?.consentDefaults?.get(purpose ?? "marketing") ?? declared?.consentDefault;
  return silence === "denied" ? "consent was not given" : undefined;
}

// ---- the other way round: what is dropped has a ground

type TreatmentDrop = Extract<Drop, { readonly treatment: unknown }>;

function groundless({ rulebook }: World, judged: Judged, drop: TreatmentDrop): string | undefined {
  const { draft, step, now, zone } = judged;
  const { action: actionIndex, channel: channelIndex } = rulebook.treatments[
    drop.treatment
  ] as (typeof rulebook.treatments)[number];
  const action = actionOf(draft, rulebook.actions[actionIndex]?.id ?? "");
  const channel = rulebook.channels[channelIndex]?.name ?? "";
  const named: Named = {
    channel,
    issue: action.issue ?? "",
    group: action.group ?? "",
    action: action.id,
    placement: "",
    inbound: judged.inbound,
  };
  if (drop.stage === "consent") return consentless(judged, named, action) === undefined ? "it has consent" : undefined;
  if (drop.stage === "suppression") {
    return suppressed(judged, named, action) === undefined ? `nothing suppresses it (${drop.because})` : undefined;
  }
  if (drop.stage === "quiet-hours") {
    if (!judged.sends) return "nothing is sent";
    const isSo = quietNow(judged, channel, now) !== undefined || (zone !== undefined && isNearChange(zone, now));
    if (!isSo) return "it is not quiet";
    const opens = drop.reopensAt;
    if (zone === undefined || !Number.isFinite(opens) || isNearChange(zone, opens)) return undefined;
    if (quietNow(judged, channel, opens) !== undefined) return "it reopens while it is quiet";
    return quietNow(judged, channel, opens - 60_000) === undefined ? "it could reopen earlier" : undefined;
  }
  if (drop.stage !== "contact-limit" || drop.policy < 0) return undefined;
  const limit = draft.limits[drop.policy] as LimitDraft;
  const { history, decision } = step;
  if (action.exempt || !concerns(limit, named)) return `${limit.id} does not concern it`;
  const before = counted(judged, limit, named, history, now);
  const after = counted(judged, limit, named, [...history, ...decision.contacts], now);
  if (drop.counted < before || drop.counted > after)
    return `${limit.id} has ${before} to ${after}, not ${drop.counted}`;
  const needed = drop.heldFor === undefined ? limit.max : limit.max - 1;
  if (drop.counted < needed) return `${limit.id} has room: ${drop.counted} of ${limit.max}`;
  if (before !== after || !Number.isFinite(drop.reopensAt)) return undefined;
  const left = (at: number) => counted(judged, limit, named, history, at);
  if (left(drop.reopensAt) >= needed) return `${limit.id} is said to reopen too early`;
  return left(drop.reopensAt - 1) < needed ? `${limit.id} is said to reopen too late` : undefined;
}

// ---- names

function zoneOf(draft: PolicyDraft, [own, country]: readonly unknown[]): string | undefined {
  const zones = [own, typeof country === "string" ? COUNTRIES.get(country) : undefined, draft.fallbackZone];
  return zones.find(isZone);
}

function actionOf(draft: PolicyDraft, id: string): ActionDraft {
  return draft.book.actions.find((action) => action.id === id) as ActionDraft;
}

const byHash = new Map<string, string>();
for (const [kind, names] of Object.entries(NAMES)) {
  for (const name of names) byHash.set(`${kind} ${nameHash(kind as Kind, name)}`, name);
}
for (const name of ["home", "outreach", "desk"]) byHash.set(`placement ${nameHash("placement", name)}`, name);

function nameOf(contact: Contact): Named {
  const name = (kind: Kind | "placement") => byHash.get(`${kind} ${contact[kind]}`) ?? "";
  return {
    channel: name("channel"),
    // What another sender has made names its group alone.
    issue: name("issue") || (ISSUE_OF[name("group")] ?? ""),
    group: name("group"),
    action: name("action"),
    placement: name("placement"),
    inbound: contact.inbound,
  };
}
