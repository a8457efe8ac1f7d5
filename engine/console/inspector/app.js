// Starts the inspector: the address names the customer and the decision; everything else is read from the engine.
import { getCustomer, getDecisions, getEvents, getExplanation, getRulebook, simulate } from "../api.js";
import { html, render } from "../html.js";
import { InspectorPage } from "./page.js";
import { requestOf } from "./read.js";

const EVERY_MS = 5_000;
const DECISIONS = 100;
const EVENTS = 200;

const root = document.getElementById("app");
const EMPTY_FORM = {
  placement: "",
  channel: "",
  at: "",
  attributes: [],
  consent: "",
  purpose: "marketing",
  fresh: false,
  openCase: "",
};
let state = {
  customer: "",
  look: undefined,
  missing: false,
  unprofiled: false,
  decisions: [],
  since: undefined,
  events: [],
  rulebook: undefined,
  selected: undefined,
  explained: undefined,
  only: "all",
  form: EMPTY_FORM,
  whatIf: undefined,
  problem: undefined,
  theme: remembered("theme", "system"),
  now: Date.now(),
};
let isDrawing = false;
let again;

function set(changes) {
  state = { ...state, ...changes };
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    document.documentElement.dataset.theme = state.theme;
    document.title = `${state.customer === "" ? "Customer inspector" : state.customer} · nba-engine`;
    render(html`<${InspectorPage} state=${state} acts=${acts} />`, root);
  });
}

const acts = {
  open(customer, decision) {
    set({
      customer,
      look: undefined,
      missing: false,
      decisions: [],
      events: [],
      selected: decision,
      explained: undefined,
      whatIf: undefined,
    });
    address();
    refresh();
  },
  async select(decision) {
    set({ selected: decision, explained: { kind: "loading", decision } });
    address();
    const answer = await getExplanation(decision);
    if (state.selected !== decision) return;
    set({
      explained: answer.ok
        ? { kind: "shown", decision, body: answer.body }
        : { kind: "failed", decision, problem: answer.problem },
    });
  },
  only: (only) => set({ only }),
  form: (changes) => set({ form: { ...state.form, ...changes } }),
  // By the form as it is now: what was drawn last may be older than the last key.
  supposeAttribute: () =>
    acts.form({
      attributes: [...state.form.attributes, { name: state.rulebook.attributes[0]?.name ?? "", value: "" }],
    }),
  changeAttribute: (at, changes) =>
    acts.form({ attributes: state.form.attributes.map((row, index) => (index === at ? { ...row, ...changes } : row)) }),
  dropAttribute: (at) => acts.form({ attributes: state.form.attributes.filter((_, index) => index !== at) }),
  async suppose() {
    const { customer, form, rulebook } = state;
    set({ whatIf: { kind: "loading" } });
    const request = requestOf(form, customer, rulebook);
    const last =
      state.decisions.find(({ slates }) => slates.some(({ placement }) => placement === form.placement)) ??
      state.decisions[0];
    const [answer, before] = await Promise.all([
      simulate(request),
      last === undefined ? undefined : getExplanation(last.decisionId),
    ]);
    if (state.customer !== customer) return;
    const whatIf = answer.ok
      ? { kind: "shown", body: answer.body, before: before?.ok ? before.body : undefined }
      : { kind: "failed", problem: answer.problem };
    set({ whatIf });
    announce(answer.ok ? "Worked out. Nothing was stored." : answer.problem);
  },
  theme(theme) {
    remember("theme", theme);
    set({ theme });
  },
};

const wanted = new URLSearchParams(location.search);
set({});
loadRulebook();
if (wanted.has("customer")) acts.open(wanted.get("customer"), wanted.get("decision") ?? undefined);

async function loadRulebook() {
  const answer = await getRulebook();
  if (!answer.ok) {
    set({ problem: answer.problem });
    setTimeout(loadRulebook, EVERY_MS);
    return;
  }
  const [placement] = answer.body.placements;
  set({
    rulebook: answer.body,
    form: { ...state.form, placement: placement?.name ?? "", channel: placement?.channels[0] ?? "" },
  });
}

async function refresh() {
  clearTimeout(again);
  const { customer } = state;
  const [look, decisions, events] = await Promise.all([
    getCustomer(customer),
    getDecisions(customer, DECISIONS),
    getEvents(customer, EVENTS),
  ]);
  if (state.customer !== customer) return;
  const failed = [look, decisions, events].find((answer) => !answer.ok && answer.status !== 404);
  set({
    problem: failed?.problem,
    missing: [look.status === 404, decisions.body?.decisions.length === 0, events.body?.events.length === 0].every(
      Boolean,
    ),
    unprofiled: look.status === 404,
    ...(look.ok ? { look: look.body } : {}),
    ...(decisions.ok ? { decisions: decisions.body.decisions, since: decisions.body.since } : {}),
    ...(events.ok ? { events: events.body.events } : {}),
    now: Date.now(),
  });
  const first = state.selected ?? state.decisions[0]?.decisionId;
  if (first !== undefined && state.explained === undefined) acts.select(first);
  again = setTimeout(refresh, EVERY_MS);
}

function address() {
  const { customer, selected } = state;
  const query = new URLSearchParams({ customer, ...(selected === undefined ? {} : { decision: selected }) });
  history.replaceState(null, "", `/inspector?${query}`);
}

function announce(sentence) {
  document.getElementById("announcer").textContent = sentence;
}

function remembered(name, otherwise) {
  try {
    return localStorage.getItem(`nba.${name}`) ?? otherwise;
  } catch {
    return otherwise; // storage is switched off: the choice lasts as long as the page
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`nba.${name}`, value);
  } catch {
    // as above
  }
}
