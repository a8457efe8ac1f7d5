import { html } from "../html.js";
import { amount, dayAndTime, humane } from "../words.js";
import { Slates } from "./decision.js";
import { Funnel } from "./funnel.js";
import { changesOf } from "./read.js";

const ATTRIBUTES_MAX = 5;

/** A decision that is only supposed: asked of the engine, answered, stored nowhere. */
export function WhatIf({ state, acts }) {
  const { form, rulebook, whatIf } = state;
  if (rulebook === undefined) return null;
  return html`<section class="panel what-if" aria-label="What if">
    <div class="panel-head"><h2>What if</h2><span class="badge">Nothing is stored</span></div>
    <${Form} form=${form} rulebook=${rulebook} acts=${acts} isBusy=${whatIf?.kind === "loading"} />
    ${whatIf?.kind === "failed" && html`<p class="problem" role="alert">${whatIf.problem}</p>`}
    ${whatIf?.kind === "shown" && html`<${Outcome} body=${whatIf.body} before=${whatIf.before} />`}
  </section>`;
}

function Form({ form, rulebook, acts, isBusy }) {
  const placement = rulebook.placements.find(({ name }) => name === form.placement);
  const channels = placement?.channels ?? [];
  const change = (name) => (event) => acts.form({ [name]: event.currentTarget.value });
  const place = (event) => {
    const chosen = rulebook.placements.find(({ name }) => name === event.currentTarget.value);
    acts.form({ placement: chosen.name, channel: chosen.direction === "inbound" ? chosen.channels[0] : "" });
  };
  return html`<form
    onSubmit=${(event) => {
      event.preventDefault();
      acts.suppose();
    }}
  >
    <div class="fields">
      <label>Placement
        <select name="placement" value=${form.placement} onChange=${place}>
          ${rulebook.placements.map(({ name, label, direction }) => html`<option key=${name} value=${name}>${label}${direction === "outbound" ? " (outbound)" : ""}</option>`)}
        </select>
      </label>
      <label>Channel
        <select name="channel" value=${form.channel} onChange=${change("channel")}>
          ${placement?.direction === "outbound" && html`<option value="">Any</option>`}
          ${channels.map((name) => html`<option key=${name} value=${name}>${humane(name)}</option>`)}
        </select>
      </label>
      <label>When
        <input name="at" type="datetime-local" value=${form.at} onInput=${change("at")} aria-describedby="at-hint" />
        <small id="at-hint">empty: now</small>
      </label>
      <label>Consent on this channel
        <select name="consent" value=${form.consent} onChange=${change("consent")}>
          <option value="">As it is</option>
          <option value="granted">Granted</option>
          <option value="denied">Denied</option>
        </select>
      </label>
      ${
        form.consent !== "" &&
        html`<label>For purpose
          <select name="purpose" value=${form.purpose} onChange=${change("purpose")}>
            ${rulebook.purposes.map((name) => html`<option key=${name} value=${name}>${humane(name)}</option>`)}
          </select>
        </label>`
      }
      <label>Open cases
        <select name="openCase" value=${form.openCase} onChange=${change("openCase")}>
          <option value="">As they are</option>
          <option value="none">None</option>
          <option value="complaint">A complaint</option>
        </select>
      </label>
      <label class="check">
        <input name="fresh" type="checkbox" checked=${form.fresh} onChange=${(event) => acts.form({ fresh: event.currentTarget.checked })} />
        Never contacted before
      </label>
    </div>
    <${Attributes} form=${form} rulebook=${rulebook} acts=${acts} />
    <div class="submit">
      <button type="submit" class="primary" disabled=${isBusy}>${isBusy ? "Working it out…" : "What would be decided?"}</button>
    </div>
  </form>`;
}

function Attributes({ form, rulebook, acts }) {
  return html`<fieldset class="attributes">
    <legend>Attributes</legend>
    ${form.attributes.map(
      ({ name, value }, at) =>
        html`<div class="attribute" key=${at}>
          <label><span class="visually-hidden">Attribute ${at + 1}</span>
            <select value=${name} onChange=${(event) => acts.changeAttribute(at, { name: event.currentTarget.value })}>
              ${rulebook.attributes.map((spec) => html`<option key=${spec.name} value=${spec.name}>${spec.label} (${spec.type})</option>`)}
            </select>
          </label>
          <label><span class="visually-hidden">Its value; - stands for never set</span>
            <input value=${value} placeholder="value; - for never set" autocomplete="off" spellcheck="false" onInput=${(event) => acts.changeAttribute(at, { value: event.currentTarget.value })} />
          </label>
          <button type="button" class="quiet" aria-label="Remove this attribute" onClick=${() => acts.dropAttribute(at)}>×</button>
        </div>`,
    )}
    ${
      form.attributes.length < ATTRIBUTES_MAX &&
      html`<button type="button" class="quiet" onClick=${acts.supposeAttribute}>
        Suppose an attribute
      </button>`
    }
  </fieldset>`;
}

function Outcome({ body, before }) {
  const earlier = before?.explanation?.kind === "explained" ? before.explanation : undefined;
  const changes = changesOf(earlier, body.explanation);
  return html`<div class="outcome">
    <p class="lead"><strong>At ${dayAndTime(body.now)} this would be decided.</strong> Nothing was stored: no contact, no journal entry.</p>
    <${Slates} slates=${body.slates} withheld=${body.withheld} heldUntil=${body.heldUntil} />
    ${
      earlier !== undefined &&
      html`<h3>Otherwise than in the decision of ${dayAndTime(before.now)}</h3>
        ${changes.length === 0 ? html`<p class="fine">Every action ends as it did.</p>` : html`<${Changes} changes=${changes} />`}`
    }
    <details class="whole"><summary>The whole funnel</summary><${Funnel} explanation=${body.explanation} /></details>
  </div>`;
}

function Changes({ changes }) {
  return html`<div class="scroll" role="region" aria-label="Differences" tabindex="0">
    <table class="changes">
      <thead><tr><th scope="col">Action</th><th scope="col">Then</th><th scope="col">Supposed</th></tr></thead>
      <tbody>
        ${changes.map(
          ({ action, label, before, after }) =>
            html`<tr key=${action}>
              <th scope="row">${label}</th>
              <td class=${before.kind}>${endWords(before)}</td>
              <td class=${after.kind}>${endWords(after)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function endWords({ kind, words, rank, priority }) {
  return kind === "offered"
    ? `${words}, #${rank}${priority === undefined ? "" : `, priority ${amount(priority)}`}`
    : words;
}
