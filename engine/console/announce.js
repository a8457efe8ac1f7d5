// Says what changed to a screen reader, in one status region apart from the cards: never moves the focus.
import { ringing } from "./state.js";
import { customerName, withdrawnWords } from "./words.js";

export function announceChange(before, after, action) {
  const sentence = sentenceOf(before, after, action);
  if (sentence !== undefined) document.getElementById("announcer").textContent = sentence;
}

function sentenceOf(before, after, action) {
  if (action.type === "pushed" && after.open !== undefined) {
    const known = new Set(before.open?.cards.map((card) => card.trackingCode));
    const added = after.open.cards.filter((card) => !known.has(card.trackingCode));
    if (added.length > 0) return `New action: ${added.map((card) => card.title).join(", ")}`;
  }
  if (action.type === "withdrawn" && after.open !== before.open) {
    const gone = after.open.withdrawn[0];
    return `Removed: ${gone.title}, ${withdrawnWords(gone.because)}`;
  }
  if (action.type === "snapshot" && after.open !== undefined) {
    const count = after.open.cards.length;
    return count === 0
      ? "Nothing to offer this customer now"
      : `${count} recommended ${count === 1 ? "action" : "actions"}`;
  }
  if (action.type === "tick" || action.type === "named") {
    const was = ringing(before)[0];
    const is = ringing(after)[0];
    if (is !== undefined && is.customer !== was?.customer)
      return `Incoming call from ${is.name ?? customerName(is.customer)}`;
  }
  if (action.type === "connection" && before.connection.kind !== after.connection.kind) {
    if (after.connection.kind === "waiting") return "Connection lost, trying again";
    if (after.connection.kind === "live" && action.connection.kind === "live") return "Connected";
  }
  return undefined;
}
