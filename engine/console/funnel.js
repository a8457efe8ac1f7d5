import { fallWords } from "./fall-words.js";
import { html } from "./html.js";
import { readFunnel } from "./wire.js";
import { amount, humane, stageWords } from "./words.js";

/** Panel in place of the feed: every action that was not offered, the stage where it fell, the rule and the values. */
export function Funnel({ funnel, acts }) {
  return html`<section class="funnel" aria-label="What was held back">
    <div class="section-head">
      <h2>What was held back</h2>
      <button type="button" class="quiet" onClick=${acts.closeFunnel}>Close <kbd aria-hidden="true">Esc</kbd></button>
    </div>
    ${funnel.kind === "loading" && html`<p class="lead">Looking up the decision…</p>`}
    ${funnel.kind === "failed" && html`<p class="problem">${funnel.problem}</p>`}
    ${funnel.kind === "shown" && html`<${Fallen} body=${funnel.body} />`}
  </section>`;
}

function Fallen({ body }) {
  const { total, offered, stages, problem } = readFunnel(body);
  if (problem !== undefined) return html`<p class="problem">${problem}</p>`;
  return html`<p class="lead">${total} actions were looked at, ${offered} offered. The others fell here, the nearest misses first:</p>
    ${stages.map(
      ({ stage, fallen }) =>
        html`<div key=${stage}>
          <h3><span>${humane(stage)}: ${stageWords(stage)}</span><span>${fallen.length}</span></h3>
          <ul class="fallen">
            ${fallen.map(({ id, label, fell }) => html`<${Candidate} key=${id} label=${label} fell=${fell} />`)}
          </ul>
        </div>`,
    )}`;
}

function Candidate({ label, fell }) {
  const sentence = fallWords(fell);
  const values = Object.entries(fell.rule?.values ?? {});
  return html`<li>
    <strong>${label}</strong>
    ${sentence && html`<p>${sentence}</p>`}
    ${fell.rule && html`<code title=${fell.rule.id}>${fell.rule.text}</code>`}
    ${
      values.length > 0 &&
      html`<dl class="values">
        ${values.map(([name, value]) => html`<div key=${name}><dt>${name}</dt> <dd>${shown(value)}</dd></div>`)}
      </dl>`
    }
  </li>`;
}

function shown(value) {
  if (typeof value === "number") return amount(value);
  if (value === null || value === undefined) return "missing";
  return Array.isArray(value) ? value.join(", ") || "none" : String(value);
}
