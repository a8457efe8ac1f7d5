import { html } from "./html.js";
import { ago, humane, outcomeWords } from "./words.js";

const SHOWN_MAX = 12;

/** What was proposed before, through which channel, and what became of it. */
export function ContactHistory({ contacts, now }) {
  if (contacts === undefined) return null;
  return html`<section class="history" aria-label="Contact history">
    <div class="section-head"><h2>Contact history</h2></div>
    ${
      contacts.length === 0
        ? html`<p class="empty small">No contact yet.</p>`
        : html`<table>
            <thead>
              <tr><th scope="col">When</th><th scope="col">Action</th><th scope="col">Channel</th><th scope="col">Outcome</th></tr>
            </thead>
            <tbody>
              ${contacts.slice(0, SHOWN_MAX).map(
                (contact) =>
                  html`<tr key=${contact.trackingCode}>
                    <td>${ago(contact.at, now)}</td>
                    <td>${humane(contact.action)}</td>
                    <td>${humane(contact.channel)}</td>
                    <td><span class=${`outcome ${contact.outcome}`}>${outcomeWords(contact.outcome)}</span></td>
                  </tr>`,
              )}
            </tbody>
          </table>`
    }
    ${contacts.length > SHOWN_MAX && html`<p class="more">and ${contacts.length - SHOWN_MAX} earlier</p>`}
  </section>`;
}
