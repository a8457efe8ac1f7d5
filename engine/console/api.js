// HTTP calls of the page. Every failure is a value: { ok: false, problem }.
import { askForToken, authorization } from "./session.js";
import { readProblem } from "./wire.js";

const TIMEOUT_MS = 5_000;

export function getCustomer(id) {
  return get(`/v1/customers/${encodeURIComponent(id)}`);
}

export function getExplanation(decisionId) {
  return get(`/v1/decisions/${encodeURIComponent(decisionId)}?explain=true`);
}

/** The newest decisions of a customer, with what their records hold. */
export function getDecisions(customer, limit) {
  return get(`/v1/customers/${encodeURIComponent(customer)}/decisions?limit=${limit}`);
}

export function getEvents(customer, limit) {
  return get(`/v1/customers/${encodeURIComponent(customer)}/events?limit=${limit}`);
}

export function getRulebook() {
  return get("/v1/rulebook");
}

/** What would be decided: leaves no trace. */
export function simulate(request) {
  return call("/v1/decisions:simulate", {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify(request),
  });
}

export async function getMetrics() {
  const answer = await fetch("/metrics", {
    headers: { accept: "text/plain", ...authorization() },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (answer.status === 401) askForToken();
  if (!answer.ok) throw new Error(`metrics answered ${answer.status}`);
  return answer.text();
}

function get(path) {
  return call(path, { headers: { accept: "application/json" } });
}

async function call(path, request) {
  try {
    const headers = { ...request.headers, ...authorization() };
    const answer = await fetch(path, { ...request, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.status === 401) askForToken();
    const body = await answer.json();
    if (!answer.ok) return { ok: false, status: answer.status, problem: readProblem(body, answer.status) };
    return { ok: true, body };
  } catch (error) {
    return { ok: false, status: 0, problem: `the engine did not answer: ${error.message}` };
  }
}
