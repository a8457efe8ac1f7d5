import { html } from "../html.js";
import { ago, amount, customerName, dayAndTime, humane, modelWords, percent, span, stretch } from "../words.js";

/** Who it is and all that rules can read. */
export function Profile({ state }) {
  const { look, unprofiled, rulebook, customer, decisions, now } = state;
  if (look === undefined)
    return html`<aside class="panel profile" aria-label="Profile">
      <p class="empty">${unprofiled ? "Nothing is known of this customer but the decisions." : "Looking…"}</p>
    </aside>`;
  const arms = decisions[0]?.arms ?? [];
  return html`<aside class="panel profile" aria-label="Profile">
    <div class="panel-head">
      <h2>${customerName(customer, look.attributes)}</h2>
    </div>
    <p class="fine">${customer} · partition ${look.partition} · as of commit ${look.cursor}</p>
    ${look.joinedTo && html`<p class="notice">Joined to <a href=${`/inspector?customer=${encodeURIComponent(look.joinedTo)}`}>${look.joinedTo}</a></p>`}
    ${look.absorbed?.length > 0 && html`<p class="fine">Joined from ${look.absorbed.join(", ")}</p>`}
    <${Propensities} propensities=${look.propensities} />
    <${Caps} fatigue=${look.fatigue} pressure=${look.pressure} />
    ${arms.length > 0 && html`<${Facts} title="Experiments" rows=${arms.map(({ experiment, arm }) => [humane(experiment), arm])} />`}
    ${look.held?.length > 0 && html`<${Facts} title="Held messages" rows=${look.held.map(({ trigger, until }) => [humane(trigger), `again ${dayAndTime(until)}`])} />`}
    ${
      look.patterns?.length > 0 &&
      html`<${Facts}
        title="Patterns under way"
        rows=${look.patterns.map(({ trigger, marks, due }) => [humane(trigger), `${marks.length} seen${due === undefined ? "" : `, due ${dayAndTime(due)}`}`])}
      />`
    }
    ${look.consent.length > 0 && html`<${Facts} title="Consent" rows=${look.consent.map(({ channel, purpose, granted, ts }) => [`${channel === "*" ? "Every channel" : humane(channel)}, ${purpose}`, `${granted ? "granted" : "denied"} ${ago(ts, now)}`])} />`}
    ${look.openCases.length > 0 && html`<${Facts} title="Open cases" rows=${look.openCases.map(({ kind, openedAt }) => [humane(kind), ago(openedAt, now)])} />`}
    <${Facts} title="Attributes" rows=${Object.entries(look.attributes).map(([name, value]) => [labelOf(rulebook?.attributes, name), shown(value)])} />
    <${Features} features=${look.features} specs=${rulebook?.features ?? []} />
  </aside>`;
}

function Facts({ title, rows }) {
  return html`<section aria-label=${title}>
    <h3>${title}</h3>
    <dl class="facts">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

function Propensities({ propensities }) {
  const names = Object.keys(propensities).sort();
  if (names.length === 0) return null;
  return html`<section aria-label="Propensities">
    <h3>Propensities</h3>
    ${names.map((name) => {
      const value = propensities[name];
      return html`<div class="measure" key=${name}>
        <span>${modelWords(name).label}</span><strong>${percent(value)}</strong>
        <div class="bar" aria-hidden="true"><i style=${{ width: `${Math.max(1, value * 100)}%` }}></i></div>
      </div>`;
    })}
  </section>`;
}

function Caps({ fatigue, pressure }) {
  return html`<section aria-label="Contact limits">
    <h3>Contact limits and pressure</h3>
    ${
      pressure !== undefined &&
      html`<p class="fine">Pressure ${amount(pressure.total)}, which leaves of a priority: ${leftOf(pressure.leaves)}</p>`
    }
    ${fatigue.map((limit) => {
      const isFull = limit.counted >= limit.max;
      return html`<div class="measure" key=${`${limit.limit} ${limit.direction ?? ""} ${limit.per ?? ""}`}>
        <span>${humane(limit.limit)}${limit.per ? `: ${humane(limit.per).toLowerCase()}` : ""} <small>${limit.direction ?? ""} ${stretch(limit.windowMs, limit.days)}</small></span>
        <strong class=${isFull ? "full" : ""}>${limit.counted} of ${limit.max}${isFull ? ", full" : ""}</strong>
        <div class="bar" aria-hidden="true"><i class=${isFull ? "full" : ""} style=${{ width: `${Math.min(100, (100 * limit.counted) / Math.max(1, limit.max))}%` }}></i></div>
      </div>`;
    })}
  </section>`;
}

/** By channel, the most pressed first. */
function leftOf(leaves) {
  return Object.entries(leaves)
    .sort(([, a], [, b]) => a - b)
    .map(([channel, left]) => `${humane(channel).toLowerCase()} ${percent(left)}`)
    .join(", ");
}

function Features({ features, specs }) {
  const rows = Object.entries(features).map(([name, value]) => ({
    name,
    value,
    spec: specs.find((known) => known.name === name),
  }));
  const telling = rows.filter(({ value }) => value !== null && value !== 0);
  const silent = rows.filter(({ value }) => value === null || value === 0);
  return html`<section aria-label="Features">
    <h3>Features</h3>
    <${FeatureTable} rows=${telling} />
    ${
      silent.length > 0 &&
      html`<details class="silent">
        <summary>${silent.length} at zero or without a value</summary>
        <${FeatureTable} rows=${silent} />
      </details>`
    }
  </section>`;
}

function FeatureTable({ rows }) {
  return html`<table class="features">
    <thead><tr><th scope="col">Feature</th><th scope="col">Over</th><th scope="col" class="number">Value</th></tr></thead>
    <tbody>
      ${rows.map(
        ({ name, value, spec }) =>
          html`<tr key=${name}>
            <td title=${name}>${spec?.label ?? humane(name)}</td>
            <td>${overOf(spec)}</td>
            <td class="number">${value === null ? html`<span class="missing">none</span>` : spec?.aggregate === "recency" ? span(value) : amount(value)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function overOf(spec) {
  if (spec?.windowMs !== undefined) return span(spec.windowMs);
  return spec?.halfLifeMs === undefined ? "ever" : html`halves in ${span(spec.halfLifeMs)}`;
}

function labelOf(specs, name) {
  return specs?.find((spec) => spec.name === name)?.label ?? humane(name);
}

function shown(value) {
  if (typeof value === "number") return amount(value);
  return Array.isArray(value) ? value.map(humane).join(", ") || "none" : String(value);
}
