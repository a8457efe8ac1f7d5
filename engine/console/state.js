// What the page knows, and how each thing that happens changes it. Pure: the time comes with the action.
import { readCustomer, readDecision, readPushed } from "./wire.js";

/** A call that nobody answered rings for this long. */
export const RING_MS = 60_000;
/** Colleagues who are free pick up first: a call rings here once it has waited this long. */
export const RING_AFTER_MS = 600;
const CALLS_MAX = 20;
const FEED_MAX = 80;
const FRESH_MS = 4_000;
const WITHDRAWN_MAX = 4;

/** @param {{ auto: boolean, theme: string, shortcuts: boolean, now: number }} start */
export function initialState(start) {
  return {
    ...start,
    connection: { kind: "connecting" },
    calls: [],
    open: undefined,
    feed: { rows: [], paused: false, held: [], total: 0, only: "all" },
    numbers: { at: [], events: [], decisions: [], p99: [], last: undefined },
    funnel: undefined,
    notice: undefined,
  };
}

/** The next state. Unknown actions throw: every action is named here. */
export function reduce(state, action) {
  const change = REDUCERS[action.type];
  if (change === undefined) throw new Error(`no such action: ${action.type}`);
  return change(state, action);
}

const REDUCERS = {
  connection: (state, { connection }) => ({ ...state, connection }),
  tick: (state, { now }) => ({
    ...state,
    now,
    calls: state.calls.filter((call) => now - call.at < RING_MS),
    open: state.open && { ...state.open, cards: state.open.cards.filter((card) => card.expiresAt > now) },
  }),
  decision: (state, { decision, skipped, now }) => withDecision(state, readDecision(decision, now), now, skipped),
  named: (state, { customer, name }) => ({
    ...state,
    calls: state.calls.map((call) => (call.customer === customer ? { ...call, name } : call)),
  }),
  open: (state, { customer, name, now }) => ({
    ...state,
    calls: state.calls.filter((call) => call.customer !== customer),
    open: {
      customer,
      name,
      since: now,
      loading: true,
      look: undefined,
      cards: [],
      degraded: [],
      selected: undefined,
      withdrawn: [],
    },
    funnel: undefined,
    notice: undefined,
  }),
  close: (state) => ({ ...state, open: undefined, funnel: undefined }),
  snapshot: (state, action) => ofOpen(state, action, (open) => withSnapshot(open, action)),
  pushed: (state, action) => ofOpen(state, action, (open) => withPushed(open, action)),
  withdrawn: (state, action) => ofOpen(state, action, (open) => withoutCard(open, action)),
  looked: (state, action) =>
    ofOpen(state, action, (open) => ({ ...open, loading: false, missing: false, look: readCustomer(action.look) })),
  missing: (state, action) => ofOpen(state, action, (open) => ({ ...open, loading: false, missing: true })),
  select: (state, { trackingCode }) => ofOpen(state, {}, (open) => ({ ...open, selected: trackingCode })),
  ask: (state, { trackingCode, menu }) =>
    ofOpen(state, {}, (open) => ({
      ...open,
      selected: trackingCode,
      cards: change(open.cards, trackingCode, (card) => ({ menu: card.menu === menu ? undefined : menu })),
    })),
  answered: (state, { trackingCode, outcome }) =>
    ofOpen(state, {}, (open) => ({
      ...open,
      cards: change(open.cards, trackingCode, () => ({
        menu: undefined,
        answer: outcome,
        isRecorded: false,
        problem: undefined,
      })),
    })),
  recorded: (state, { trackingCode, outcome }) =>
    ofOpen(state, {}, (open) => ({
      ...open,
      cards: change(open.cards, trackingCode, (card) => ({
        isRecorded: card.isRecorded || outcome === undefined || card.answer === outcome,
      })),
    })),
  refused: (state, { trackingCode, problem }) =>
    ofOpen(state, {}, (open) => ({
      ...open,
      cards: change(open.cards, trackingCode, () => ({ answer: undefined, problem })),
    })),
  funnel: (state, { funnel }) => ({ ...state, funnel }),
  notice: (state, { notice }) => ({ ...state, notice }),
  numbers: (state, { numbers }) => ({ ...state, numbers }),
  pause: (state) => ({
    ...state,
    feed: {
      ...state.feed,
      paused: !state.feed.paused,
      rows: [...state.feed.held, ...state.feed.rows].slice(0, FEED_MAX),
      held: [],
    },
  }),
  only: (state, { only }) => ({ ...state, feed: { ...state.feed, only } }),
  theme: (state, { theme }) => ({ ...state, theme }),
  shortcuts: (state, { shortcuts }) => ({ ...state, shortcuts }),
};

/** Calls that ring here: those that no colleague has picked up. */
export function ringing(state) {
  return state.calls.filter((call) => state.now - call.at >= RING_AFTER_MS);
}

/** The card that the shortcuts act on: the selected one, else the first that is not answered. */
export function selectedCard(open) {
  if (open === undefined) return undefined;
  const unanswered = open.cards.filter((card) => card.answer === undefined);
  return unanswered.find((card) => card.trackingCode === open.selected) ?? unanswered[0];
}

export function isFresh(card, now) {
  return card.pushedAt !== undefined && now - card.pushedAt < FRESH_MS;
}

function withDecision(state, row, now, skipped = 0) {
  const { feed } = state;
  const held = feed.paused ? [row, ...feed.held].slice(0, FEED_MAX) : feed.held;
  const rows = feed.paused ? feed.rows : [row, ...feed.rows].slice(0, FEED_MAX);
  // The latest decision for the desk of the open customer: the one whose funnel is shown, even where it offers nothing.
  const isOfDesk = row.customer === state.open?.customer && row.placement.includes("agent-desk");
  const open = isOfDesk ? { ...state.open, decisionId: row.id } : state.open;
  const next = { ...state, open, feed: { ...feed, rows, held, total: feed.total + 1 + skipped } };
  if (row.trigger === "incoming-call") {
    if (row.customer === state.open?.customer || now - row.at > RING_MS) return next;
    const others = state.calls.filter((call) => call.customer !== row.customer);
    return { ...next, calls: [...others, { customer: row.customer, at: row.at, name: undefined }].slice(-CALLS_MAX) };
  }
  // A desk that asks for this customer has answered the call.
  const taken = row.trigger === undefined && row.placement.includes("agent-desk");
  return taken ? { ...next, calls: next.calls.filter((call) => call.customer !== row.customer) } : next;
}

function ofOpen(state, action, then) {
  if (state.open === undefined) return state;
  if (action.customer !== undefined && action.customer !== state.open.customer) return state;
  return { ...state, open: then(state.open) };
}

function withSnapshot(open, { look, nbas, degraded }) {
  const before = new Map(open.cards.map((card) => [card.trackingCode, card]));
  // An item that was kept is part of every decision that kept it: one tracking code is one card, as it came last.
  const told = new Map((nbas ?? []).flatMap(readPushed).map((card) => [card.trackingCode, card]));
  const cards = [...told.values()].map((card) => ({ ...card, ...kept(before.get(card.trackingCode)) }));
  const order = ranked(cards);
  return {
    ...open,
    loading: false,
    missing: look === null || look === undefined,
    look: readCustomer(look),
    degraded: degraded ?? [],
    cards: order,
    selected: open.selected ?? order[0]?.trackingCode,
  };
}

function kept(card) {
  return card === undefined
    ? {}
    : { menu: card.menu, answer: card.answer, isRecorded: card.isRecorded, pushedAt: card.pushedAt };
}

function withPushed(open, { decision, now }) {
  const cards = readPushed(decision).filter((card) => card.placement === "" || card.placement === "agent-desk");
  const codes = new Set(cards.map((card) => card.trackingCode));
  const before = new Map(open.cards.map((card) => [card.trackingCode, card]));
  const fresh = cards.map((card) => {
    const known = before.get(card.trackingCode);
    return known === undefined ? { ...card, pushedAt: now } : { ...card, ...kept(known) };
  });
  const others = open.cards.filter((card) => !codes.has(card.trackingCode));
  return { ...open, loading: false, cards: settled(others, fresh, selectedCard(open)?.trackingCode) };
}

/** New cards by rank, but never above the card that the agent is at: what is being answered does not move away. */
function settled(cards, fresh, selected) {
  const at = cards.findIndex((card) => card.trackingCode === selected) + 1;
  return [...cards.slice(0, at), ...ranked([...cards.slice(at), ...fresh])];
}

function withoutCard(open, { trackingCode, because, now }) {
  const card = open.cards.find((candidate) => candidate.trackingCode === trackingCode);
  if (card === undefined) return open;
  return {
    ...open,
    cards: open.cards.filter((candidate) => candidate !== card),
    withdrawn: [{ title: card.title, trackingCode, because, answer: card.answer, at: now }, ...open.withdrawn].slice(
      0,
      WITHDRAWN_MAX,
    ),
  };
}

/** By priority, which is comparable across decisions; by rank where it is not known. */
function ranked(cards) {
  return [...cards].sort(
    (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || a.rank - b.rank || (a.trackingCode < b.trackingCode ? -1 : 1),
  );
}

function change(cards, trackingCode, to) {
  return cards.map((card) => (card.trackingCode === trackingCode ? { ...card, ...to(card) } : card));
}
