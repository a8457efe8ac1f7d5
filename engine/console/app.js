// Starts the page: state, live connection, polling, and one render a frame.
import { createActs } from "./acts.js";
import { announceChange } from "./announce.js";
import { getMetrics } from "./api.js";
import { html, render } from "./html.js";
import { onKey } from "./keys.js";
import { createLive } from "./live.js";
import { nextNumbers, parseMetrics } from "./numbers.js";
import { Page } from "./page.js";
import { initialState, reduce } from "./state.js";

const TICK_MS = 500;
const METRICS_EVERY_MS = 1_000;
const METRICS_KEPT = 16;

const root = document.getElementById("app");
let state = initialState({
  auto: new URLSearchParams(location.search).get("auto") === "1",
  theme: remembered("theme", "system"),
  shortcuts: remembered("shortcuts", "on") === "on",
  now: Date.now(),
});
let isDrawing = false;

function dispatch(action) {
  const before = state;
  state = reduce(state, action);
  if (state === before) return;
  announceChange(before, state, action);
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(draw);
}

function draw() {
  isDrawing = false;
  document.documentElement.dataset.theme = state.theme;
  render(html`<${Page} state=${state} acts=${acts} />`, root);
}

const live = createLive({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/live`,
  onFrame: (frame) => acts.receive(frame),
  onConnection: (connection) => dispatch({ type: "connection", connection }),
});
const acts = createActs({ live, dispatch, read: () => state, remember });

live.subscribe("decisions");
live.connect();
addEventListener("keydown", (event) => onKey(event, state, acts));
setInterval(() => {
  dispatch({ type: "tick", now: Date.now() });
  acts.answerByItself();
}, TICK_MS);
pollMetrics([]);
draw();

async function pollMetrics(history) {
  try {
    const poll = { at: Date.now(), ...parseMetrics(await getMetrics()) };
    history.push(poll);
    if (history.length > METRICS_KEPT) history.shift();
    dispatch({ type: "numbers", numbers: nextNumbers(state.numbers, history, poll.at) });
  } catch {
    // The engine is away, which the connection in the header says; the rates start anew when it is back.
    history.length = 0;
    dispatch({ type: "numbers", numbers: { ...state.numbers, last: undefined } });
  }
  setTimeout(() => pollMetrics(history), METRICS_EVERY_MS);
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
