import { CallBar } from "./call-bar.js";
import { ContactHistory } from "./contact-history.js";
import { CustomerCard } from "./customer-card.js";
import { html } from "./html.js";
import { NbaCard } from "./nba-card.js";
import { selectedCard } from "./state.js";
import { ago, customerName, humane, outcomeWords, withdrawnWords } from "./words.js";

/** The left region: calls, the open customer, what to do next. */
export function AgentDesk({ state, acts }) {
  const { open } = state;
  return html`<section class="desk" aria-label="Agent desk">
    <${CallBar} state=${state} acts=${acts} />
    ${state.notice && html`<p class="notice" role="alert">${state.notice}</p>`}
    ${open === undefined ? html`<${Welcome} shortcuts=${state.shortcuts} />` : html`<${OpenCustomer} open=${open} state=${state} acts=${acts} />`}
  </section>`;
}

function Welcome({ shortcuts }) {
  return html`<div class="welcome">
    <h2>Ready for the next call</h2>
    <p>Answer a call, open a customer by id, or pick one from the decisions on the right.</p>
    ${
      shortcuts &&
      html`<dl class="keys">
        <div><dt><kbd>N</kbd></dt><dd>answer the next call</dd></div>
        <div><dt><kbd>A</kbd> <kbd>D</kbd> <kbd>L</kbd></dt><dd>accept, decline, later</dd></div>
        <div><dt><kbd>J</kbd> <kbd>K</kbd></dt><dd>next and previous action</dd></div>
        <div><dt><kbd>/</kbd></dt><dd>search</dd></div>
      </dl>`
    }
  </div>`;
}

function OpenCustomer({ open, state, acts }) {
  const name = open.name ?? customerName(open.customer, open.look?.attributes);
  return html`<div class="customer" key=${open.customer}>
    <${CustomerCard} open=${open} name=${name} now=${state.now} acts=${acts} />
    <div class="work">
      <${NextActions} open=${open} state=${state} acts=${acts} />
      <${ContactHistory} contacts=${open.look?.contacts} now=${state.now} />
    </div>
  </div>`;
}

function NextActions({ open, state, acts }) {
  const selected = selectedCard(open);
  const decisionId = open.decisionId ?? open.cards[0]?.decisionId;
  return html`<section class="next" aria-label="Next best actions">
    <div class="section-head">
      <h2 class="grow">Next best actions</h2>
      ${
        decisionId &&
        html`<button type="button" class="link" onClick=${() => acts.explain(decisionId)}>What was held back?</button>`
      }
      <button type="button" class="quiet" onClick=${acts.askAgain}>Ask again</button>
    </div>
    ${open.loading && html`<p class="empty">Asking for this customer…</p>`}
    ${open.missing && open.cards.length === 0 && html`<p class="empty">No customer has the id “${open.customer}”.</p>`}
    ${open.degraded.length > 0 && html`<p class="notice" role="alert">Decided without: ${open.degraded.map(humane).join(", ")}</p>`}
    ${
      !open.loading &&
      !open.missing &&
      open.cards.length === 0 &&
      html`<div class="empty">
        <strong>${open.withdrawn.length > 0 ? "Nothing else to offer now" : "Nothing to offer now"}</strong>
        <p>No ${open.withdrawn.length > 0 ? "other " : ""}action passed every rule. Just help with what the customer called about.</p>
      </div>`
    }
    <ol class="cards">
      ${open.cards.map(
        (card, index) =>
          html`<${NbaCard}
            key=${card.trackingCode}
            card=${card}
            place=${index + 1}
            isSelected=${card === selected}
            shortcuts=${state.shortcuts}
            now=${state.now}
            acts=${acts}
          />`,
      )}
    </ol>
    ${open.withdrawn.length > 0 && html`<${Withdrawn} withdrawn=${open.withdrawn} now=${state.now} />`}
  </section>`;
}

function Withdrawn({ withdrawn, now }) {
  return html`<ul class="withdrawn" aria-label="No longer on offer">
    ${withdrawn.map(
      (gone) =>
        html`<li key=${gone.trackingCode}>
          <span class="gone-title">${gone.title}</span>
          <span>${gone.answer ? `${outcomeWords(gone.answer).toLowerCase()} by you` : withdrawnWords(gone.because)}</span>
          <time>${ago(gone.at, now)}</time>
        </li>`,
    )}
  </ul>`;
}
