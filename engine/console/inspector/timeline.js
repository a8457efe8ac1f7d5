import { html } from "../html.js";
import { timeOfDay } from "../words.js";
import { timelineOf } from "./read.js";

const FILTERS = [
  ["all", "All"],
  ["decision", "Decisions"],
  ["answer", "Answers"],
  ["event", "Events"],
];
const SHOWN_MAX = 150;
const dayOf = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });

/** What happened, newest first: decisions open in the middle. */
export function Timeline({ state, acts }) {
  const rows = timelineOf(state).filter(({ kind }) => state.only === "all" || state.only === kind);
  const days = Map.groupBy(rows.slice(0, SHOWN_MAX), ({ at }) => dayOf.format(at));
  return html`<section class="panel timeline" aria-label="Timeline">
    <div class="panel-head">
      <h2>Timeline</h2>
      <div class="filters" role="group" aria-label="Show">
        ${FILTERS.map(
          ([only, label]) =>
            html`<button key=${only} type="button" class="quiet" aria-pressed=${state.only === only ? "true" : "false"} onClick=${() => acts.only(only)}>
              ${label}
            </button>`,
        )}
      </div>
    </div>
    ${rows.length === 0 && html`<p class="empty">Nothing yet.</p>`}
    ${[...days].map(
      ([day, ofDay]) =>
        html`<div key=${day}>
          <h3>${day}</h3>
          <ol>${ofDay.map((row) => html`<${Row} key=${row.key} row=${row} selected=${state.selected} acts=${acts} />`)}</ol>
        </div>`,
    )}
    ${state.since !== undefined && html`<p class="fine">Older decisions without a contact are in the journal, but not looked for here.</p>`}
  </section>`;
}

function Row({ row, selected, acts }) {
  const body = html`<span class=${`dot ${row.kind} ${row.outcome ?? ""}`} aria-hidden="true"></span>
    <span class="what"><strong>${row.title}</strong>${row.tag && html` <span class="tag warn">${row.tag}</span>`}<small>${row.detail}</small></span>
    <time>${timeOfDay(row.at)}</time>`;
  if (row.decisionId === undefined) return html`<li class="moment">${body}</li>`;
  return html`<li>
    <button
      type="button"
      class="moment"
      aria-current=${row.kind === "decision" && row.decisionId === selected ? "true" : undefined}
      onClick=${() => acts.select(row.decisionId)}
    >
      ${body}
    </button>
  </li>`;
}
