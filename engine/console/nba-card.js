import { html } from "./html.js";
import { isFresh } from "./state.js";
import { amount, countdown, humane, outcomeWords, percent } from "./words.js";

const DECLINE_REASONS = [
  ["not-interested", "Not interested"],
  ["too-expensive", "Too expensive"],
  ["has-it-elsewhere", "Has it elsewhere"],
  ["bad-moment", "Not the moment"],
  ["not-understood", "Did not understand it"],
];
const HOUR_MS = 3_600_000;
const LATER = [
  ["In an hour", HOUR_MS],
  ["Tomorrow", 24 * HOUR_MS],
  ["In a week", 7 * 24 * HOUR_MS],
  ["In a month", 30 * 24 * HOUR_MS],
];
const EXPIRES_SOON_MS = 120_000;

/** One action: what to say, why, what it is worth, and the answer. */
export function NbaCard({ card, place, isSelected, shortcuts, now, acts }) {
  const heading = `nba-${card.trackingCode}`;
  const classes = ["nba", isSelected && "selected", isFresh(card, now) && "fresh", card.answer && "done"];
  return html`<li>
    <article class=${classes.filter(Boolean).join(" ")} aria-labelledby=${heading}>
      <header>
        <span class="rank" aria-label=${`Rank ${place}`}>${place}</span>
        <div class="titles">
          <h3 id=${heading}>${card.title}</h3>
          <p class="action-name">${humane(card.action)}${isFresh(card, now) && html` <span class="tag new">New</span>`}</p>
        </div>
        <${Expiry} expiresAt=${card.expiresAt} now=${now} />
      </header>
      ${card.answer ? html`<p class="answer">${outcomeWords(card.answer)} · ${card.isRecorded ? "recorded" : "sending…"}</p>` : html`<${Body} card=${card} keys=${shortcuts && isSelected} acts=${acts} />`}
    </article>
  </li>`;
}

function Body({ card, keys, acts }) {
  return html`<div class="body">
        <div class="say">
          ${card.text && html`<p class="summary">${card.text}</p>`}
          ${card.script && html`<blockquote>${card.script}</blockquote>`}
          ${
            card.talkingPoints.length > 0 &&
            html`<ul class="points">
              ${card.talkingPoints.map((point) => html`<li key=${point}>${point}</li>`)}
            </ul>`
          }
        </div>
        <div class="why">
          <h4>Why this</h4>
          <ul>
            ${card.reasons.length === 0 && html`<li>It ranked highest of what is allowed.</li>`}
            ${card.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}
          </ul>
          <${Worth} card=${card} />
        </div>
      </div>
      ${card.problem && html`<p class="problem">Not recorded: ${card.problem}</p>`}
      <${Answers} card=${card} keys=${keys} acts=${acts} />`;
}

function Expiry({ expiresAt, now }) {
  if (!Number.isFinite(expiresAt)) return null;
  const left = expiresAt - now;
  return html`<span class=${left < EXPIRES_SOON_MS ? "expiry soon" : "expiry"} title="How long this stays on offer">
    ${left < EXPIRES_SOON_MS ? "Expires in" : "Open for"} ${countdown(left)}
  </span>`;
}

function Worth({ card }) {
  return html`<dl class="worth">
    ${card.propensity !== undefined && html`<div><dt>Chance of a yes</dt><dd>${percent(card.propensity)}</dd></div>`}
    ${card.value !== undefined && html`<div><dt>Value</dt><dd>${amount(card.value)}</dd></div>`}
    ${card.priority !== undefined && html`<div><dt>Priority</dt><dd>${amount(card.priority)}</dd></div>`}
  </dl>`;
}

function Answers({ card, keys, acts }) {
  const { trackingCode, menu } = card;
  return html`<footer>
    <div class="answers">
      <button type="button" class="accept" onClick=${() => acts.answer(trackingCode, "accepted")}>
        Accept ${keys && html`<kbd aria-hidden="true">A</kbd>`}
      </button>
      <button
        type="button"
        aria-expanded=${menu === "declined" ? "true" : "false"}
        onClick=${() => acts.menu(trackingCode, "declined")}
      >
        Decline ${keys && html`<kbd aria-hidden="true">D</kbd>`}
      </button>
      <button type="button" aria-expanded=${menu === "later" ? "true" : "false"} onClick=${() => acts.menu(trackingCode, "later")}>
        Later ${keys && html`<kbd aria-hidden="true">L</kbd>`}
      </button>
    </div>
    ${
      menu === "declined" &&
      html`<div class="choices" role="group" aria-label="Why did the customer decline?">
        <span class="ask">Why?</span>
        ${DECLINE_REASONS.map(
          ([reason, label]) =>
            html`<button key=${reason} type="button" onClick=${() => acts.answer(trackingCode, "declined", { reason })}>${label}</button>`,
        )}
      </div>`
    }
    ${
      menu === "later" &&
      html`<div class="choices" role="group" aria-label="When to offer it again?">
        <span class="ask">Again</span>
        ${LATER.map(
          ([label, ms]) =>
            html`<button key=${label} type="button" onClick=${() => acts.answer(trackingCode, "later", { until: Date.now() + ms })}>${label}</button>`,
        )}
      </div>`
    }
  </footer>`;
}
