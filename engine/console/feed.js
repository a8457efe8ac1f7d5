import { html } from "./html.js";
import { Sparkline } from "./sparkline.js";
import { humane, inspectorUrl, latency, perSecond, timeOfDay } from "./words.js";

const FILTERS = [
  ["all", "All"],
  ["triggered", "Triggered"],
  ["asked", "Asked"],
];
const SHOWN_MAX = 40;

/** The right region: throughput, latency, and every decision as it is made. */
export function Feed({ feed, numbers, theme, acts }) {
  const rows = feed.rows
    .filter((row) => feed.only === "all" || (feed.only === "triggered") === (row.trigger !== undefined))
    .slice(0, SHOWN_MAX);
  return html`<section class="feed" aria-label="Decisions">
    <${Numbers} numbers=${numbers} theme=${theme} />
    <div class="section-head">
      <h2>Decisions</h2>
      <div class="filters" role="group" aria-label="Show">
        ${FILTERS.map(
          ([only, label]) =>
            html`<button
              key=${only}
              type="button"
              class="quiet"
              aria-pressed=${feed.only === only ? "true" : "false"}
              onClick=${() => acts.only(only)}
            >
              ${label}
            </button>`,
        )}
        <button type="button" class="quiet" aria-pressed=${feed.paused ? "true" : "false"} onClick=${acts.pause}>
          ${feed.paused ? `Go on (${feed.held.length})` : "Pause"}
        </button>
      </div>
    </div>
    ${rows.length === 0 && html`<p class="empty small">Decisions appear here as they are made.</p>`}
    <ol class="rows">${rows.map((row) => html`<${Row} key=${row.id} row=${row} acts=${acts} />`)}</ol>
  </section>`;
}

function Row({ row, acts }) {
  const isTriggered = row.trigger !== undefined;
  return html`<li class=${`row ${row.kind}`}>
    <button type="button" title="Open this customer on the desk" onClick=${() => acts.open(row.customer)}>
      <span class="row-head">
        <span class=${isTriggered ? "way triggered" : "way"}>${isTriggered ? "▲ Trigger" : "● Ask"}</span>
        <span class="row-customer">${row.customer}</span>
        <time>${timeOfDay(row.at)}</time>
      </span>
      <span class="row-what">${row.titles.length > 0 ? row.titles.join(" · ") : nothingWords(row.because)}</span>
      <span class="row-where">${row.trigger ? `${humane(row.trigger)} → ` : ""}${row.placement}${row.degraded ? " · degraded" : ""}</span>
    </button>
    <a class="inspect" href=${inspectorUrl(row.customer, row.id)} aria-label=${`Inspect the decision for ${row.customer}`}>Inspect</a>
  </li>`;
}

function nothingWords(because) {
  return because === "no-treatment" ? "Nothing is made for this slot" : "Nothing passed the rules";
}

function Numbers({ numbers, theme }) {
  const { last } = numbers;
  return html`<div class="numbers">
    <${Figure} label="Events" value=${last && perSecond(last.events)} unit="/s" at=${numbers.at} values=${numbers.events} theme=${theme} />
    <${Figure} label="Decisions" value=${last && perSecond(last.decisions)} unit="/s" at=${numbers.at} values=${numbers.decisions} theme=${theme} />
    <${Figure} label="Latency p99" value=${last && latency(last.p99)} at=${numbers.at} values=${numbers.p99} theme=${theme} />
    <p class="fine">
      ${last === undefined ? "Waiting for numbers" : `Decision at the median ${latency(last.p50)} · ${last.sockets} ${last.sockets === 1 ? "screen" : "screens"} connected`}
    </p>
  </div>`;
}

function Figure({ label, value, unit, at, values, theme }) {
  return html`<div class="figure">
    <span class="figure-label">${label}</span>
    <span class="figure-value">${value ?? "–"}${unit && html`<small>${unit}</small>`}</span>
    <${Sparkline} at=${at} values=${values} theme=${theme} />
  </div>`;
}
