import { html } from "./html.js";
import { ringing } from "./state.js";
import { countdown, customerName } from "./words.js";

/** The call that rings, or that none does. */
export function CallBar({ state, acts }) {
  const calls = ringing(state);
  const call = calls[0];
  if (call === undefined)
    return html`<div class="call-bar idle">
      <span class="phone" aria-hidden="true"></span>
      <span>No call waiting</span>
      ${state.auto && html`<span class="tag">answers by itself</span>`}
    </div>`;
  const others = calls.length - 1;
  return html`<div class="call-bar ringing">
    <span class="phone" aria-hidden="true"></span>
    <div class="caller">
      <strong>${call.name ?? customerName(call.customer)}</strong>
      <span>Incoming call · ${call.customer} · waiting ${countdown(state.now - call.at)}</span>
    </div>
    ${others > 0 && html`<span class="tag">${others} more waiting</span>`}
    <button type="button" class="primary" onClick=${acts.answerNext}>
      Answer ${state.shortcuts && html`<kbd aria-hidden="true">N</kbd>`}
    </button>
  </div>`;
}
