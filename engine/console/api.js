// HTTP calls of the page. Every failure is a value: { ok: false, problem }.
import { readProblem } from "./wire.js";

const TIMEOUT_MS = 5_000;

export function getCustomer(id) {
  return get(`/v1/customers/${encodeURIComponent(id)}`);
}

export function getExplanation(decisionId) {
  return get(`/v1/decisions/${encodeURIComponent(decisionId)}?explain=true`);
}

export async function getMetrics() {
  const answer = await fetch("/metrics", {
    headers: { accept: "text/plain" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`metrics answered ${answer.status}`);
  return answer.text();
}

async function get(path) {
  try {
    const answer = await fetch(path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = await answer.json();
    if (!answer.ok) return { ok: false, status: answer.status, problem: readProblem(body, answer.status) };
    return { ok: true, body };
  } catch (error) {
    return { ok: false, status: 0, problem: `the engine did not answer: ${error.message}` };
  }
}
