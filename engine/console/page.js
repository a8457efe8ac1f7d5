import { AgentDesk } from "./agent-desk.js";
import { Feed } from "./feed.js";
import { Funnel } from "./funnel.js";
import { html } from "./html.js";
import { signOut, token } from "./session.js";

/** Charts are drawn with colours of the theme: anew when the system changes it. */
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const THEMES = { system: "light", light: "dark", dark: "system" };

/** The whole page as a function of the state. */
export function Page({ state, acts }) {
  return html`<div class="page">
    <${Header} state=${state} acts=${acts} />
    <main class="regions">
      <${AgentDesk} state=${state} acts=${acts} />
      ${
        state.funnel === undefined
          ? html`<${Feed} feed=${state.feed} numbers=${state.numbers} theme=${`${state.theme} ${systemIsDark.matches}`} acts=${acts} />`
          : html`<${Funnel} funnel=${state.funnel} acts=${acts} />`
      }
    </main>
  </div>`;
}

function Header({ state, acts }) {
  const { connection, shortcuts, theme } = state;
  return html`<header class="header">
    <h1 class="brand"><span class="mark" aria-hidden="true"></span>Agent desk <span class="product">nba-engine</span></h1>
    <form
      class="search"
      role="search"
      onSubmit=${(event) => {
        event.preventDefault();
        const field = event.currentTarget.elements.namedItem("customer");
        const customer = field.value.trim();
        if (customer === "") return;
        acts.open(customer);
        field.value = "";
        field.blur();
      }}
    >
      <label class="visually-hidden" for="search">Open a customer by id</label>
      <input id="search" name="customer" placeholder="Open a customer by id" autocomplete="off" spellcheck="false" maxlength="256" />
      ${shortcuts && html`<kbd aria-hidden="true">/</kbd>`}
    </form>
    <div class="header-end">
      <${ConnectionState} connection=${connection} now=${state.now} acts=${acts} />
      <button
        type="button"
        class="quiet"
        aria-pressed=${shortcuts ? "true" : "false"}
        title="Single-letter shortcuts: A accept, D decline, L later, N next call, J and K move, / search"
        onClick=${() => acts.shortcuts(!shortcuts)}
      >
        Shortcuts ${shortcuts ? "on" : "off"}
      </button>
      <button type="button" class="quiet" title="Light, dark, or as the system has it" onClick=${() => acts.theme(THEMES[theme] ?? "system")}>
        Theme: ${theme}
      </button>
      ${token() !== undefined && html`<button type="button" class="quiet" onClick=${signOut}>Sign out</button>`}
    </div>
  </header>`;
}

function ConnectionState({ connection, now, acts }) {
  if (connection.kind === "live") return html`<span class="connection live"><i aria-hidden="true"></i>Live</span>`;
  if (connection.kind === "connecting")
    return html`<span class="connection connecting"><i aria-hidden="true"></i>Connecting</span>`;
  const seconds = Math.max(0, Math.ceil((connection.retryAt - now) / 1_000));
  return html`<span class="connection waiting">
    <i aria-hidden="true"></i>Not connected, again in ${seconds} s
    <button type="button" class="quiet" onClick=${acts.reconnect}>Try now</button>
  </span>`;
}
