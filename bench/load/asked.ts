// What the engine is asked to reach, and where in the results it stands.

export interface Bar {
  readonly is: "at least" | "at most";
  readonly bar: number;
}

/** A column of the first row whose name fits. Left out: the median. */
export interface Figure {
  readonly row: RegExp;
  readonly column?: string;
}

export interface Asked {
  readonly bench: string;
  readonly what: string;
  readonly against: string;
  readonly value: Figure;
  /** The bars speak of a ratio, else of the value. */
  readonly isRatio: boolean;
  /** To another row; left out: the row's own `of its peer`. Inverse: peer / value, for what should be so many times lower. */
  readonly ratio?: { readonly to: Figure; readonly isInverse: boolean };
  readonly least: Bar | undefined;
  readonly aim: Bar | undefined;
}

const least = (bar: number): Bar => ({ is: "at least", bar });
const most = (bar: number): Bar => ({ is: "at most", bar });

type Words = readonly [bench: string, what: string, against: string];

function ratio([bench, what, against]: Words, row: RegExp, atLeast: Bar, aim: Bar, column?: string): Asked {
  const value = column === undefined ? { row } : { row, column };
  return { bench, what, against, value, isRatio: true, least: atLeast, aim };
}

function value(
  [bench, what, against]: Words,
  row: RegExp,
  atLeast: Bar | undefined,
  aim?: Bar,
  column?: string,
): Asked {
  const figure = column === undefined ? { row } : { row, column };
  return { bench, what, against, value: figure, isRatio: false, least: atLeast, aim };
}

function rowToRow(
  words: Words,
  column: string,
  row: RegExp,
  to: RegExp,
  atLeast?: Bar,
  aim?: Bar,
  isInverse = false,
): Asked {
  return { ...value(words, row, atLeast, aim, column), isRatio: true, ratio: { to: { row: to, column }, isInverse } };
}

const [EVENT, EVENT_AT_TENTH, PARTS] = [/^event to NBA frame/, /^the same at a tenth/, /^Redis round trip/];
const [HTTP_LATE, BASELINE_LATE] = [/^decision at .*appendfsync always/, /^baseline at .*appendfsync always/];

export const ASKED: readonly Asked[] = [
  ratio(
    ["stream-throughput", "events/s", "raw drain of the same logs"],
    /^engine, of a raw drain/,
    least(0.25),
    least(0.45),
  ),
  ratio(["stream-throughput", "events/s", "baseline"], /^engine, of the baseline/, least(5), least(15)),
  ratio(
    ["front-door", "entries moved", "XREAD and XADD of the same by the bare client"],
    /^front door, appendfsync always/,
    least(0.6),
    least(0.9),
  ),
  ratio(["front-door", "the same without AOF", "the same"], /^front door, without AOF/, least(0.6), least(0.9)),
  ratio(
    ["http-decisions", "decisions/s, journalled", "constant JSON of the same size"],
    /^decisions, appendfsync always$/,
    least(0.35),
    least(0.6),
  ),
  rowToRow(
    ["http-decisions", "p99 at half of it, times lower", "baseline at the same rate"],
    "p99",
    HTTP_LATE,
    BASELINE_LATE,
    least(5),
    undefined,
    true,
  ),
  value(["http-decisions", "p99 at half of it", ""], HTTP_LATE, undefined, most(3), "p99"),
  rowToRow(["event-to-websocket", "p50", "bare parts"], "p50", EVENT, PARTS, most(4), most(2)),
  rowToRow(["event-to-websocket", "p99", "bare parts"], "p99", EVENT, PARTS, most(10), most(5)),
  rowToRow(["event-to-websocket", "p99.9", "bare parts"], "p99.9", EVENT, PARTS),
  rowToRow(["event-to-websocket", "p50, a tenth of that rate", "bare parts"], "p50", EVENT_AT_TENTH, PARTS),
  rowToRow(["event-to-websocket", "p99, a tenth of that rate", "bare parts"], "p99", EVENT_AT_TENTH, PARTS),
  ratio(
    ["decide", "100 actions, 200 treatments", "one hand-written function"],
    /^decide, 100 actions/,
    most(2),
    most(1.3),
  ),
  ratio(
    ["decide", "2,500 actions, 5,000 treatments", "one hand-written function"],
    /^decide, 2500 actions/,
    most(2),
    most(1.3),
  ),
  ratio(["features", "update of 30, p50", "a look-up and 30 additions"], /^30 windows, p50/, most(5), most(2)),
  ratio(["features", "update of 30, p99", "the same"], /^30 windows, p99/, most(5), most(2)),
  ratio(
    ["profile-bytes", "a million customers", "bare bytes of panes and contacts"],
    /^packed, 1,000,000 profiles, of bare/,
    most(3),
    most(1.8),
  ),
  value(
    ["profile-bytes", "resident set of the process", ""],
    /^packed, 1,000,000 profiles: whole/,
    undefined,
    most(1_536),
  ),
  ratio(
    ["fan-out", "5,000 sockets, frames/s", "uWebSockets.js alone"],
    /^engine, 5000 sockets/,
    least(0.6),
    least(0.9),
  ),
  ratio(
    ["recovery", "a million customers served once", "reading their keys"],
    /customers served once/,
    most(2),
    most(1.2),
  ),
  value(["recovery", "kill until ready", ""], /^start until ready/, undefined, most(3_000)),
  ratio(
    ["commit", "256 decisions, appendfsync always", "without persistence"],
    /^commit of 256 .*of the same without/,
    least(0.55),
    least(0.7),
  ),
  ratio(
    ["scorer", "churn, batches of 256", "bare onnxruntime-node"],
    /^churn, batches of 256/,
    least(0.85),
    least(0.95),
  ),
  ratio(
    ["scorer", "propensity, batches of 256", "bare onnxruntime-node"],
    /^propensity, batches of 256/,
    least(0.85),
    least(0.95),
  ),
  ratio(["scorer", "churn, batches of 16", "bare onnxruntime-node"], /^churn, batches of 16/, least(0.85), least(0.95)),
  ratio(
    ["scorer", "propensity, batches of 16", "bare onnxruntime-node"],
    /^propensity, batches of 16/,
    least(0.85),
    least(0.95),
  ),
  ratio(
    ["overload", "answered in time at three times the peak", "the peak"],
    /^in time, at three times/,
    least(0.85),
    least(0.95),
  ),
  rowToRow(
    ["overload", "p99 of those accepted", "at the peak"],
    "p99",
    /^an answer in time, at three/,
    /^an answer at the peak/,
    most(2),
  ),
  rowToRow(
    ["overload", "the same, the first half second of a turn left out", "at the peak"],
    "p99",
    /^the same, the first half second/,
    /^an answer at the peak/,
  ),
  ratio(
    ["records", "metrics and explain records on", "off"],
    /^metrics and explain records on/,
    least(0.95),
    least(0.98),
  ),
  value(["rulebook", "compile of 2,500 actions", ""], /^compile of 2,500/, most(1_000), most(300)),
  value(
    ["rulebook", "longest decision while reloading", ""],
    /^decision at .* while reloading/,
    most(20),
    undefined,
    "most",
  ),
  value(
    ["rulebook", "10,000 actions, deep expressions, refused (for their number) after", ""],
    /^refusal of 10,000/,
    undefined,
  ),
  value(
    ["rulebook", "2,500 actions, deep expressions, refused (for their depth) after", ""],
    /^refusal of 2,500/,
    undefined,
  ),
  value(["pauses", "collector, p99.9, a million customers", ""], /^pause of the collector, p99.9, at half/, most(10)),
  value(["pauses", "event loop, p99", ""], /^delay of the event loop, p99, at half/, most(5)),
  ratio(["workers", "CPU of a million events, WORKERS=2", "one engine"], /^WORKERS=2/, most(1.1), most(1.1)),
  ratio(["malformed", "partition logs", "as many good ones"], /^malformed, partition logs/, least(0.5), least(1)),
  ratio(["malformed", "front door", "as many good ones"], /^malformed, front door/, least(0.5), least(1)),
];
