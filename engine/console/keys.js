// Keyboard shortcuts: single letters, shown on the buttons, which can be switched off (WCAG 2.1.4).

const KEYS = {
  a: (acts) => acts.answerSelected("accepted"),
  d: (acts) => acts.answerSelected("declined"),
  l: (acts) => acts.answerSelected("later"),
  n: (acts) => acts.answerNext(),
  j: (acts, state) => step(acts, state, 1),
  k: (acts, state) => step(acts, state, -1),
  "/": () => document.getElementById("search")?.focus(),
};

export function onKey(event, state, acts) {
  if (event.key === "Escape") return leave(event, state, acts);
  const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (!state.shortcuts || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = KEYS[event.key.toLowerCase()];
  if (key === undefined) return;
  event.preventDefault();
  key(acts, state);
}

function leave(event, state, acts) {
  const menu = state.open?.cards.find((card) => card.menu !== undefined);
  if (menu !== undefined) acts.menu(menu.trackingCode, undefined);
  else if (state.funnel !== undefined) acts.closeFunnel();
  else if (event.target instanceof HTMLInputElement) event.target.blur();
}

function step(acts, { open }, by) {
  const cards = open?.cards.filter((card) => card.answer === undefined) ?? [];
  if (cards.length === 0) return;
  const at = cards.findIndex((card) => card.trackingCode === open.selected);
  const next = cards[Math.min(cards.length - 1, Math.max(0, (at < 0 ? 0 : at) + by))];
  acts.select(next.trackingCode);
}
