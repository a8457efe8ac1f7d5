import { html } from "../html.js";
import { signOut, token } from "../session.js";
import { customerName } from "../words.js";
import { Decision } from "./decision.js";
import { Profile } from "./profile.js";
import { Timeline } from "./timeline.js";
import { WhatIf } from "./what-if.js";

const THEMES = { system: "light", light: "dark", dark: "system" };

/** The whole inspector as a function of the state. */
export function InspectorPage({ state, acts }) {
  return html`<div class="inspector">
    <${Header} state=${state} acts=${acts} />
    ${state.problem && html`<p class="notice" role="alert">${state.problem}</p>`}
    ${state.customer === "" || state.missing ? html`<${Nobody} state=${state} />` : html`<${Everything} state=${state} acts=${acts} />`}
  </div>`;
}

function Everything({ state, acts }) {
  return html`<main class="columns">
    <${Profile} state=${state} />
    <div class="middle">
      <${Decision} state=${state} />
      <${WhatIf} state=${state} acts=${acts} />
    </div>
    <${Timeline} state=${state} acts=${acts} />
  </main>`;
}

function Nobody({ state }) {
  return html`<main class="nobody">
    <h2>${state.missing ? `No customer has the id “${state.customer}”` : "Whom do you want to understand?"}</h2>
    <p>Open a customer by id: what is known, what was decided and why, and what would be decided if something were different.</p>
  </main>`;
}

function Header({ state, acts }) {
  const name = state.look === undefined ? undefined : customerName(state.customer, state.look.attributes);
  return html`<header class="header">
    <h1 class="brand"><span class="mark" aria-hidden="true"></span>Customer inspector <span class="product">${name ?? "nba-engine"}</span></h1>
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
      }}
    >
      <label class="visually-hidden" for="search">Inspect a customer by id</label>
      <input id="search" name="customer" placeholder="Inspect a customer by id" autocomplete="off" spellcheck="false" maxlength="256" />
    </form>
    <nav class="header-end" aria-label="Pages">
      <a class="quiet" href="/">Agent desk</a>
      <button type="button" class="quiet" title="Light, dark, or as the system has it" onClick=${() => acts.theme(THEMES[state.theme] ?? "system")}>
        Theme: ${state.theme}
      </button>
      ${token() !== undefined && html`<button type="button" class="quiet" onClick=${signOut}>Sign out</button>`}
    </nav>
  </header>`;
}
