// Numbers, times and names of the engine in words for a person.

const number0 = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const number2 = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `card-declined` or `cardDeclined` or `card_declined` -> `Card declined`. */
export function humane(name) {
  const words = String(name)
    .replace(/[-_/]+/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .trim()
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function amount(value) {
  return Math.abs(value) >= 100 ? number0.format(value) : number2.format(value);
}

const regions = new Intl.DisplayNames("en", { type: "region" });

/** `PT` -> `Portugal`; what is no code stays as it is. */
export function countryName(country) {
  return /^[A-Z]{2}$/.test(country) ? regions.of(country) : country;
}

/** Of a counter, for each second. */
export function perSecond(value) {
  return value >= 100 ? number0.format(value) : value.toFixed(1);
}

export function percent(value) {
  const hundredths = value * 100;
  return `${hundredths < 10 ? hundredths.toFixed(1) : Math.round(hundredths)} %`;
}

export function timeOfDay(at) {
  return clock.format(at);
}

export function dayAndTime(at) {
  return day.format(at);
}

/** A length of time, coarsely: `4 s`, `12 min`, `3 h`, `5 days`. */
export function span(ms) {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.floor(ms / SECOND_MS))} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  return `${Math.floor(ms / DAY_MS)} days`;
}

/** What a limit counts over: a rolling window, or so many calendar days of the customer. */
export function stretch(windowMs, days = 0) {
  if (days === 0) return `in ${span(windowMs)}`;
  return days === 1 ? "on this day" : `on ${days} calendar days`;
}

export function ago(at, now) {
  const ms = now - at;
  return ms < 5 * SECOND_MS ? "just now" : `${span(ms)} ago`;
}

/** Minutes and seconds below an hour, coarser above. */
export function countdown(ms) {
  if (ms >= HOUR_MS) return span(ms);
  const seconds = Math.max(0, Math.ceil(ms / SECOND_MS));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Seconds of a metric as ms or s. */
export function latency(seconds) {
  if (seconds === undefined || !Number.isFinite(seconds)) return "–";
  const ms = seconds * 1_000;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
}

const MODELS = {
  churn: { label: "Risk of leaving", means: "no purchase in the next 90 days", lowIsGood: true },
  propensity: { label: "About to buy", means: "a purchase in the next 24 hours", lowIsGood: false },
};

export function modelWords(name) {
  return MODELS[name] ?? { label: humane(name), means: "model output", lowIsGood: false };
}

/** Band of a probability. */
export function band(value) {
  if (value < 0.3) return "Low";
  return value < 0.6 ? "Medium" : "High";
}

const STAGES = {
  availability: "not available",
  eligibility: "not allowed for this customer",
  applicability: "not relevant now",
  suitability: "not good for this customer",
  consent: "no consent",
  suppression: "resting after an earlier answer",
  "quiet-hours": "quiet hours",
  "contact-limit": "contacted often enough",
  quota: "quota used up",
  propensity: "unlikely to be accepted",
  arbitration: "another treatment of it won",
  content: "a value for its text is missing",
  slots: "outranked, no slot left",
  holdout: "held out as control",
};

export function stageWords(stage) {
  return STAGES[stage] ?? humane(stage);
}

const WITHDRAWN = {
  expired: "its time ran out",
  taken: "the customer took it",
  declined: "the customer declined it",
  later: "put off until later",
  superseded: "replaced by a newer decision",
  "not-delivered": "it could not be delivered",
  evicted: "dropped from the record",
  "case-opened": "a case was opened",
  "consent-refused": "the customer refused consent",
  joined: "the visitor is a known customer now",
};

export function withdrawnWords(because) {
  return WITHDRAWN[because] ?? humane(because);
}

const OUTCOMES = {
  pending: "Waiting",
  presented: "Shown",
  clicked: "Clicked",
  accepted: "Accepted",
  declined: "Declined",
  later: "Later",
  converted: "Bought",
  "no-response": "No answer",
  "not-delivered": "Not delivered",
  retracted: "Taken back",
};

export function outcomeWords(outcome) {
  return OUTCOMES[outcome] ?? humane(outcome);
}

/** The page that shows everything about one customer, open at a decision where one is named. */
export function inspectorUrl(customer, decision) {
  const wanted = new URLSearchParams({ customer, ...(decision ? { decision } : {}) });
  return `/inspector?${wanted}`;
}

/** Display name: first name where known, else the id. */
export function customerName(id, attributes) {
  const name = attributes?.first_name;
  return typeof name === "string" && name !== "" ? name : `Customer ${id}`;
}
