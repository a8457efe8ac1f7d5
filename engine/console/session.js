// Who uses the page: a token, kept for this tab only (sessionStorage), shown with every call. Without AUTH there is none.
import { html, render } from "./html.js";

const KEPT_AS = "nba.token";

/** Undefined while nobody signed in. */
export function token() {
  try {
    return sessionStorage.getItem(KEPT_AS) ?? undefined;
  } catch {
    return undefined; // storage is switched off: nobody can stay signed in
  }
}

/** Headers of a call. */
export function authorization() {
  const shown = token();
  return shown === undefined ? {} : { authorization: `Bearer ${shown}` };
}

export function signOut() {
  sessionStorage.removeItem(KEPT_AS);
  location.reload();
}

/** The engine does not know who this is: asks for a token, once, over the page. */
export function askForToken() {
  if (document.getElementById("sign-in") !== null) return;
  const place = document.createElement("div");
  document.body.append(place);
  render(html`<${SignIn} wasRefused=${token() !== undefined} />`, place);
  place.querySelector("dialog").showModal();
}

function SignIn({ wasRefused }) {
  return html`<dialog id="sign-in" class="sign-in" aria-labelledby="sign-in-title" onCancel=${(event) => event.preventDefault()}>
    <form method="dialog" onSubmit=${submit}>
      <h2 id="sign-in-title">Sign in</h2>
      <p>${wasRefused ? "Your token is not valid, or has expired." : "This engine asks who you are."} It stays in this tab and is forgotten when you close it.</p>
      <label for="token">Token</label>
      <input id="token" name="token" type="password" required autocomplete="off" spellcheck="false" maxlength="8192" autofocus />
      <button type="submit" class="primary">Sign in</button>
    </form>
  </dialog>`;
}

function submit(event) {
  event.preventDefault();
  const shown = event.currentTarget.elements.namedItem("token").value.trim();
  if (shown === "") return;
  sessionStorage.setItem(KEPT_AS, shown);
  // Everything starts anew, as who that is.
  location.reload();
}
