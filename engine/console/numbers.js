// The few numbers beside the feed, from the Prometheus text of /metrics: rates and quantiles over the last seconds.

const POINTS_MAX = 90;
/** Quantiles look back this many polls: one second alone holds too few decisions. */
const LOOK_BACK = 10;

/**
 * Sums of the counters needed. Lines are `name{labels} value`; other lines are skipped.
 * @param {string} text
 */
export function parseMetrics(text) {
  const sums = { events: 0, decisions: 0, sockets: 0, lag: 0 };
  /** @type {Map<number, number>} */
  const buckets = new Map();
  for (const line of text.split("\n")) {
    if (!line.startsWith("nba_")) continue;
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    if (line.startsWith("nba_events_total{")) {
      if (line.includes('result="folded"')) sums.events += value;
    } else if (line.startsWith("nba_decisions_total{")) sums.decisions += value;
    else if (line.startsWith("nba_websocket_connections")) sums.sockets += value;
    else if (line.startsWith("nba_event_lag_seconds{")) sums.lag = Math.max(sums.lag, value);
    else if (line.startsWith("nba_decision_duration_seconds_bucket{")) {
      const bound = /le="([^"]+)"/.exec(line)?.[1];
      if (bound !== undefined) {
        const le = bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
        buckets.set(le, (buckets.get(le) ?? 0) + value);
      }
    }
  }
  return { ...sums, buckets };
}

/**
 * Quantile of a cumulative histogram, linear within a bucket as Prometheus does it (histogram_quantile).
 * Seconds; undefined where nothing was counted between the two.
 */
export function quantile(q, now, before) {
  const bounds = [...now.keys()].sort((a, b) => a - b);
  const count = (le) => (now.get(le) ?? 0) - (before?.get(le) ?? 0);
  const total = bounds.length === 0 ? 0 : count(bounds[bounds.length - 1]);
  if (total <= 0) return undefined;
  let lower = 0;
  let below = 0;
  for (const bound of bounds) {
    const upTo = count(bound);
    if (upTo >= q * total) {
      if (bound === Number.POSITIVE_INFINITY) return lower;
      return lower + ((bound - lower) * (q * total - below)) / Math.max(1, upTo - below);
    }
    lower = bound;
    below = upTo;
  }
  return lower;
}

/** Series with one more poll at the end. `history` holds the raw polls, oldest first. */
export function nextNumbers(numbers, history, at) {
  const last = history[history.length - 1];
  const previous = history[history.length - 2];
  if (last === undefined || previous === undefined) return numbers;
  const seconds = Math.max(0.001, (last.at - previous.at) / 1_000);
  const base = history[Math.max(0, history.length - 1 - LOOK_BACK)];
  const p50 = quantile(0.5, last.buckets, base.buckets);
  const p99 = quantile(0.99, last.buckets, base.buckets);
  const events = rate(last.events, previous.events, seconds);
  const decisions = rate(last.decisions, previous.decisions, seconds);
  const push = (series, value) => [...series, value].slice(-POINTS_MAX);
  return {
    at: push(numbers.at, at / 1_000),
    events: push(numbers.events, events),
    decisions: push(numbers.decisions, decisions),
    p99: push(numbers.p99, p99 === undefined ? null : p99 * 1_000),
    last: { events, decisions, p50, p99, sockets: last.sockets, lag: last.lag },
  };
}

/** A counter that fell was restarted with its engine. */
function rate(now, before, seconds) {
  return now >= before ? (now - before) / seconds : now / seconds;
}
