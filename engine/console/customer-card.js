import { html } from "./html.js";
import { ago, amount, band, countryName, humane, inspectorUrl, modelWords, percent, span } from "./words.js";

/** Features worth an agent's glance, the most telling first; shown where they say something. */
const SIGNALS = [
  ["declines_24h", "Declined card payments, 24 h"],
  ["closure_views_7d", "Looked at closing, 7 days"],
  ["complaints_30d", "Complaints, 30 days"],
  ["loan_views_7d", "Loan pages, 7 days"],
  ["support_views_7d", "Help pages, 7 days"],
  ["transfers_out_7d", "Transferred out, 7 days"],
  ["carts_24h", "Added to cart, 24 h"],
  ["calls_30d", "Calls, 30 days"],
  ["spend_30d", "Spend, 30 days"],
  ["purchases_30d", "Purchases, 30 days"],
  ["purchase_recency", "Since last purchase"],
  ["salary_last", "Last salary"],
  ["logins_30d", "Logins, 30 days"],
];
const SIGNALS_MAX = 7;
const PRESSURE_MAX = 4;

/** Who is on the line: facts, likelihoods, signals, cases and tasks. */
export function CustomerCard({ open, name, now, acts }) {
  const look = open.look;
  const attributes = look?.attributes ?? {};
  return html`<aside class="card who" aria-label="Customer">
    <div class="identity">
      <span class="avatar" aria-hidden="true">${initials(name)}</span>
      <div>
        <h2>${name}</h2>
        <p>${open.customer} · <a href=${inspectorUrl(open.customer)}>Inspect</a></p>
      </div>
      <button type="button" class="quiet close" aria-label="Close the customer" onClick=${acts.close}>×</button>
    </div>
    ${look !== undefined && html`<${Facts} attributes=${attributes} />`}
    ${look !== undefined && html`<${Propensities} propensities=${look.propensities} />`}
    ${look !== undefined && html`<${Signals} features=${look.features} />`}
    ${look !== undefined && html`<${Open} look=${look} now=${now} />`}
    ${look !== undefined && html`<${Pressure} fatigue=${look.fatigue} />`}
  </aside>`;
}

function initials(name) {
  return name
    .split(/\s+/)
    .map((word) => word.charAt(0))
    .join("")
    .slice(0, 2)
    .toUpperCase();
}

function Facts({ attributes }) {
  const { segment, age, country, tenure_months: tenure, balance, credit_limit: limit, products, arrears } = attributes;
  const person = [segment && humane(segment), age && `${age} years`, country && countryName(country)].filter(Boolean);
  return html`<div class="facts">
    ${person.length > 0 && html`<p>${person.join(" · ")}</p>`}
    ${tenure !== undefined && html`<p>With us for ${tenure >= 24 ? `${Math.floor(tenure / 12)} years` : `${tenure} months`}</p>`}
    <dl>
      ${balance !== undefined && html`<div><dt>Balance</dt><dd>${amount(balance)}</dd></div>`}
      ${limit !== undefined && html`<div><dt>Credit limit</dt><dd>${amount(limit)}</dd></div>`}
    </dl>
    ${arrears === true && html`<p class="flag">In arrears</p>`}
    ${
      Array.isArray(products) &&
      products.length > 0 &&
      html`<ul class="chips" aria-label="Products held">
        ${products.map((product) => html`<li key=${product}>${humane(product)}</li>`)}
      </ul>`
    }
  </div>`;
}

function Propensities({ propensities }) {
  const names = Object.keys(propensities).sort();
  if (names.length === 0) return null;
  return html`<section aria-label="Propensities">
    <h3>Likely to</h3>
    <div class="meters">${names.map((name) => html`<${Meter} key=${name} name=${name} value=${propensities[name]} />`)}</div>
  </section>`;
}

function Meter({ name, value }) {
  const { label, means, lowIsGood } = modelWords(name);
  if (typeof value !== "number") return null;
  const word = band(value);
  return html`<div class=${`meter ${word.toLowerCase()} ${lowIsGood ? "risk" : "chance"}`}>
    <div class="meter-head"><span>${label}</span><strong>${word} · ${percent(value)}</strong></div>
    <div class="bar" role="img" aria-label=${`${label}: ${word}, ${percent(value)}`}><i style=${{ width: `${Math.max(1, value * 100)}%` }}></i></div>
    <p>${means}</p>
  </div>`;
}

function Signals({ features }) {
  const shown = SIGNALS.filter(
    ([name]) => features[name] !== null && features[name] !== undefined && features[name] !== 0,
  );
  if (shown.length === 0) return null;
  return html`<section aria-label="Signals">
    <h3>Signals</h3>
    <dl class="signals">
      ${shown.slice(0, SIGNALS_MAX).map(
        ([name, label]) =>
          html`<div key=${name}>
            <dt>${label}</dt>
            <dd>${name.endsWith("_recency") ? span(features[name]) : amount(features[name])}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

/** How much of the contact limits is used: why the engine may hold back. */
function Pressure({ fatigue }) {
  const used = fatigue.filter((limit) => limit.counted > 0).slice(0, PRESSURE_MAX);
  if (used.length === 0) return null;
  return html`<section aria-label="Contact limits">
    <h3>Contact limits used</h3>
    <dl class="signals">
      ${used.map(
        (limit) =>
          html`<div key=${`${limit.limit} ${limit.direction ?? ""} ${limit.per ?? ""}`}>
            <dt>${humane(limit.limit)}${limit.direction ? `, ${limit.direction}` : ""}${limit.per ? `: ${humane(limit.per).toLowerCase()}` : ""}</dt>
            <dd class=${limit.counted >= limit.max ? "full" : ""}>${limit.counted} of ${limit.max}${limit.counted >= limit.max ? ", full" : ""}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

function Open({ look, now }) {
  const { openCases, tasks } = look;
  if (openCases.length === 0 && tasks.length === 0) return null;
  return html`<section aria-label="Open cases and tasks">
    <h3>Open</h3>
    <ul class="open-items">
      ${openCases.map(
        (item) =>
          html`<li key=${item.caseId}>
            <span class="tag warn">Case</span>
            <span>${humane(item.kind)}</span>
            <small>${dueWords(item.slaDueAt, now) ?? ago(item.openedAt, now)}</small>
          </li>`,
      )}
      ${tasks.map(
        (task) =>
          html`<li key=${task.taskId}>
            <span class="tag">Task</span>
            <span>${task.title}</span>
            <small>${dueWords(task.dueAt, now) ?? task.state}</small>
          </li>`,
      )}
    </ul>
  </section>`;
}

function dueWords(dueAt, now) {
  if (dueAt === undefined || dueAt === null) return undefined;
  return dueAt < now ? `${span(now - dueAt)} overdue` : `due in ${span(dueAt - now)}`;
}
