import { html } from "../html.js";
import { amount, dayAndTime, humane, timeOfDay } from "../words.js";
import { Funnel } from "./funnel.js";

/** The chosen decision: what it gave, what was so around it, and where every action ended. */
export function Decision({ state }) {
  const { explained, decisions } = state;
  return html`<section class="panel decision" aria-label="Decision">
    ${explained === undefined && html`<p class="empty">${decisions.length === 0 ? "No decision for this customer is in the journal." : "Choose a decision in the timeline."}</p>`}
    ${explained?.kind === "loading" && html`<p class="empty">Looking up the decision…</p>`}
    ${explained?.kind === "failed" && html`<p class="problem">${explained.problem}</p>`}
    ${explained?.kind === "shown" && html`<${Shown} body=${explained.body} />`}
  </section>`;
}

function Shown({ body }) {
  const { explanation } = body;
  if (explanation.kind === "other-rulebook")
    return html`<p class="problem">Another rulebook made this decision: it can no longer be explained here.</p>`;
  return html`<div class="panel-head">
      <h2>Decision of ${dayAndTime(body.now)}:${timeOfDay(body.now).slice(-2)}</h2>
      <${Reproduced} explanation=${explanation} />
    </div>
    <${Around} body=${body} />
    <${Slates} slates=${body.slates} withheld=${body.withheld} heldUntil=${body.heldUntil} />
    <${Funnel} explanation=${explanation} />`;
}

/** An explanation is a replay: it says whether it found the very same. */
function Reproduced({ explanation }) {
  if (explanation.reproduced) return html`<span class="badge good">✓ Reproduced bit for bit</span>`;
  return html`<span class="badge bad" title=${explanation.differences.join("\n")}>Computed again, it differs: ${explanation.differences[0]}</span>`;
}

function Around({ body }) {
  const { explanation, trigger, arms = [], models, degraded, pressure, spent } = body;
  const rows = [
    ["How", trigger === undefined ? "asked" : `trigger ${trigger.id}, by ${trigger.source} ${trigger.event}`],
    ["Rulebook", `${explanation.rulebook.version} (${explanation.rulebook.hash.slice(0, 12)})`],
    ["Models", models.map(modelWords).join(", ")],
    ["Experiments", arms.map(({ experiment, arm }) => `${experiment}: ${arm}`).join(", ")],
    ["Pressure", pressure > 0 ? amount(pressure) : ""],
    ["Quotas", spent.map(({ quota, units }) => `${quota} ${amount(units)}`).join(", ")],
    ["Degraded", degraded.map(humane).join(", ")],
    ["Decision", body.decisionId ?? ""],
  ].filter(([, words]) => words !== "");
  return html`<dl class="around">${rows.map(([name, words]) => html`<div key=${name}><dt>${name}</dt><dd>${words}</dd></div>`)}</dl>`;
}

function modelWords({ name, value, fallback, sha256 }) {
  const file = fallback ? "default" : sha256 === "" ? "supposed" : sha256.slice(0, 8);
  return `${name} ${amount(value)} (${file})`;
}

export function Slates({ slates, withheld = [], heldUntil }) {
  return html`<div class="slates">
    ${slates.map(
      (slate) =>
        html`<div class="slate" key=${slate.placement}>
          <h3>${humane(slate.placement)}</h3>
          ${slate.kind === "act" ? html`<ol>${slate.items.map(itemOf)}</ol>` : html`<p class="none">${nothing(slate)}</p>`}
        </div>`,
    )}
    ${withheld.map(
      (slate) =>
        html`<div class="slate withheld" key=${`withheld ${slate.placement}`}>
          <h3>${humane(slate.placement)} <span class="tag warn">withheld</span></h3>
          <ol>${slate.items.map(itemOf)}</ol>
          <p class="fine">The customer is in the holdout: nobody was shown this.</p>
        </div>`,
    )}
    ${heldUntil !== undefined && html`<p class="fine">Held by quiet hours, decided again ${dayAndTime(heldUntil)}</p>`}
  </div>`;
}

function itemOf(item) {
  return html`<li key=${item.trackingCode}>
    <strong>${item.content?.title ?? humane(item.action)}</strong>
    <small>${item.treatment} · priority ${amount(item.priority)}</small>
  </li>`;
}

function nothing(slate) {
  const [declared] = slate.kind === "default" ? slate.items : [];
  const why = slate.because === "no-treatment" ? "Nothing is made for this slot" : "Nothing passed every rule";
  return declared === undefined ? why : `${why}; its declared default is shown: “${declared.content.title ?? ""}”`;
}
