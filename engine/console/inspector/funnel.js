import { fallWords } from "../fall-words.js";
import { html } from "../html.js";
import { amount, humane, percent, stageWords } from "../words.js";
import { funnelOf, winnersOf } from "./read.js";

/** All actions through the stages: bars with counts, and behind each bar who fell there and why. */
export function Funnel({ explanation }) {
  const { total, offered, stages } = funnelOf(explanation);
  return html`<div class="funnel">
    <h3>Funnel</h3>
    <div class="stage start">
      <span class="stage-name">All actions</span>
      <span class="track" aria-hidden="true"><i style=${{ width: "100%" }}></i></span>
      <span class="count">${total}</span>
    </div>
    ${stages.map(
      ({ stage, left, fallen }) =>
        html`<details class="stage" key=${stage}>
          <summary>
            <span class="stage-name">${humane(stage)} <small>${stageWords(stage)}</small></span>
            <span class="track" aria-hidden="true"><i style=${{ width: `${(100 * left) / Math.max(1, total)}%` }}></i></span>
            <span class="count"><span class="lost">−${fallen.length}</span> ${left}<span class="visually-hidden"> left</span></span>
          </summary>
          <ul class="fallen">${fallen.map((action) => html`<${Fallen} key=${action.action} action=${action} stage=${stage} />`)}</ul>
        </details>`,
    )}
    <div class="stage end">
      <span class="stage-name">Offered</span>
      <span class="track" aria-hidden="true"><i style=${{ width: `${(100 * offered.length) / Math.max(1, total)}%` }}></i></span>
      <span class="count">${offered.length}</span>
    </div>
    <${Factors} winners=${winnersOf(explanation)} />
  </div>`;
}

function Fallen({ action, stage }) {
  const falls = action.fell === undefined ? action.treatments.filter(({ fell }) => fell !== undefined) : [];
  return html`<li>
    <strong>${action.label}</strong> <small>${action.issue} › ${action.group}</small>
    ${action.fell && html`<${Fall} fell=${action.fell} />`}
    ${falls.map(
      ({ treatment, fell }) =>
        html`<div class="of-treatment" key=${treatment}>
          <span class="treatment">${treatment}${fell.stage === stage ? "" : `, at ${humane(fell.stage).toLowerCase()}`}</span>
          <${Fall} fell=${fell} />
        </div>`,
    )}
  </li>`;
}

function Fall({ fell }) {
  const { rule } = fell;
  const sentence = fallWords(fell);
  return html`${sentence && html`<p>${sentence}</p>`}
    ${
      rule &&
      html`<code>${rule.text}</code>
        <dl class="values">${Object.entries(rule.values).map(([name, value]) => html`<div key=${name}><dt>${name}</dt> <dd>${shown(value)}</dd></div>`)}</dl>
        <p class="place">${rule.id} · ${rule.place.file}:${rule.place.line}</p>`
    }
    ${!rule && fell.policyPlace && html`<p class="place">${fell.policyPlace.file}:${fell.policyPlace.line}</p>`}`;
}

function Factors({ winners }) {
  if (winners.length === 0) return null;
  return html`<h3>What made the ranking</h3>
    <div class="scroll" role="region" aria-label="Factors of what was offered" tabindex="0">
      <table class="factors">
        <thead>
          <tr>
            <th scope="col">Offered</th><th scope="col">Chance P</th><th scope="col">Context C</th><th scope="col">Value V</th>
            <th scope="col">Lever L</th><th scope="col">Boost</th><th scope="col">Fatigue</th><th scope="col">Priority</th>
          </tr>
        </thead>
        <tbody>
          ${winners.map(
            ({ treatment, label, placement, rank, kept, outcome, factors }) =>
              html`<tr key=${`${treatment} ${placement}`}>
                <th scope="row">${label} <small>#${rank} in ${placement}${kept ? ", still live" : ""}${outcome === "withheld" ? ", withheld" : ""}</small></th>
                <td>${percent(factors.propensity)} <small>${Number.isFinite(factors.raw) ? `observed ${percent(factors.raw)}` : "prior"}</small></td>
                <td>${amount(factors.context)}</td><td>${amount(factors.value)}</td><td>${amount(factors.lever)}</td>
                <td>${amount(factors.boost)}</td><td>${amount(factors.fatigue)}</td><td><strong>${amount(factors.priority)}</strong></td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function shown(value) {
  if (typeof value === "number") return amount(value);
  if (value === null || value === undefined) return "missing";
  return Array.isArray(value) ? value.join(", ") || "none" : String(value);
}
