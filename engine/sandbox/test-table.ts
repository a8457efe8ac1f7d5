// The table notation: one line for each step.
//
//   2026-03-02                                        a day of its own; `Mon 2026-03-02` is checked
//   09:00  ana  cart_abandoned amount=120             -> act save-cart:push
//   09:20  ana  ask app-home, web-hero on app in de   -> none
//               (gold dropped at contact-limit)       a line that begins with -> or ( goes on with the one before
//   +2h    ana  outcome declined of save-cart:push
//   +30m                                              -> nothing          time passes
//   +29d 09:00  ana  model churn=0.9                  29 days later, at nine
//   10:00  ana  page_view section=loans @08:30        arrives at 10:00, happened at 08:30
import type { Props, PropValue } from "../domain/event.ts";
import { parseDuration } from "../domain/time.ts";
import type { FaultLog } from "../rulebook/fault.ts";
import type { Place } from "../rulebook/place.ts";
import { parseExpectation } from "./expectation.ts";
import type { Deed, Expected, Step, When } from "./rule-test.ts";

interface TableLine {
  readonly text: string;
  readonly place: Place;
}

interface Token {
  readonly text: string;
  /** In characters from the beginning of the line. */
  readonly at: number;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{1,2}:\d{2}(:\d{2})?$/;
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const TOKENS = /[^\s"=[]+=(?:"[^"]*"|\[[^\]]*\]|[^\s]*)|"[^"]*"|\S+/g;

/** `placeOf` tells where a line (0-based) of the text begins. */
export function parseTable(text: string, placeOf: (line: number) => Place, faults: FaultLog): readonly Step[] {
  const steps: Step[] = [];
  let date: string | undefined;
  for (const line of joinLines(text, placeOf)) {
    const arrow = line.text.indexOf("->");
    const left = arrow === -1 ? line.text : line.text.slice(0, arrow);
    const tokens = [...left.matchAll(TOKENS)].map((match) => ({ text: match[0], at: match.index }));
    const fail = (message: string, at = 0): void =>
      faults.add({ ...line.place, column: line.place.column + at }, message);
    const heading = dateOf(tokens, fail);
    if (heading !== undefined) date = heading;
    if (tokens.length === 0) {
      if (heading === undefined) fail("a line begins with a time such as 09:00, or +20m");
      continue;
    }
    const when = whenOf(tokens, date, fail);
    if (when === undefined) continue;
    date = undefined;
    const expected = arrow === -1 ? undefined : expectedOf(line, arrow, fail);
    const [customer, ...rest] = tokens;
    const deed = deedOf(rest, fail);
    if (deed === undefined) continue;
    steps.push({ place: line.place, when, customer: customer?.text, deed, expected });
  }
  return steps;
}

function joinLines(text: string, placeOf: (line: number) => Place): readonly TableLine[] {
  const lines: TableLine[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const shown = raw.replace(/(^|\s)#.*$/, "").trimEnd();
    const indent = shown.length - shown.trimStart().length;
    if (shown.trim() === "") continue;
    const place = placeOf(index);
    const last = lines.at(-1);
    if (/^\s*(->|\()/.test(shown) && last !== undefined) {
      lines[lines.length - 1] = { ...last, text: `${last.text} ${shown.trim()}` };
    } else lines.push({ text: shown.trim(), place: { ...place, column: place.column + indent } });
  }
  return lines;
}

type Fail = (message: string, at?: number) => void;

/** Takes a date, with or without its weekday, from the front. */
function dateOf(tokens: Token[], fail: Fail): string | undefined {
  const first = tokens[0]?.text ?? "";
  const weekday = WEEKDAYS.indexOf(first.slice(0, 3).toLowerCase());
  const hasWeekday = weekday >= 0 && DATE.test(tokens[1]?.text ?? "");
  const token = hasWeekday ? tokens[1] : tokens[0];
  if (token === undefined || !DATE.test(token.text)) return undefined;
  const day = new Date(`${token.text}T00:00:00Z`).getUTCDay();
  if (hasWeekday && day !== weekday) fail(`${token.text} is a ${WEEKDAYS[day]}, not "${first}"`);
  tokens.splice(0, hasWeekday ? 2 : 1);
  return token.text;
}

function whenOf(tokens: Token[], date: string | undefined, fail: Fail): When | undefined {
  const first = tokens.shift() as Token;
  if (TIME.test(first.text)) return { kind: "at", date, days: 0, time: first.text };
  const ms = first.text.startsWith("+") ? parseDuration(first.text.slice(1)) : undefined;
  if (ms === undefined) {
    fail(`"${first.text}" is no time: write 09:00, +20m, or a date such as 2026-03-02`, first.at);
    return undefined;
  }
  const time = tokens[0];
  const days = /^\+(\d+)d$/.exec(first.text);
  if (days !== null && time !== undefined && TIME.test(time.text)) {
    tokens.shift();
    return { kind: "at", date, days: Number(days[1]), time: time.text };
  }
  return { kind: "after", ms };
}

function expectedOf(line: TableLine, arrow: number, fail: Fail): Expected | undefined {
  const text = line.text
    .slice(arrow + 2)
    .trim()
    .replace(/\s+/g, " ");
  const parsed = parseExpectation(text, { ...line.place, column: line.place.column + arrow });
  if (parsed.kind === "parsed") return parsed.expected;
  fail(parsed.message, arrow);
  return undefined;
}

function deedOf(tokens: readonly Token[], fail: Fail): Deed | undefined {
  const [first, ...rest] = tokens;
  if (first === undefined) return { kind: "wait" };
  const { words, props } = splitProps(rest);
  switch (first.text) {
    case "ask":
      return askOf(words, props, first, fail);
    case "outcome": {
      const [outcome, of, item] = words;
      if (outcome === undefined || of !== "of" || item === undefined || words.length > 3) {
        fail("write outcome OUTCOME of ACTION-OR-TREATMENT, such as outcome declined of save-cart:push", first.at);
        return undefined;
      }
      const { reason, until } = props;
      return { kind: "outcome", outcome, of: item, reason: textOf(reason), until: textOf(until) };
    }
    case "delivered":
      if (words.length === 1) return { kind: "delivered", of: words[0] as string };
      fail("write delivered ACTION-OR-TREATMENT, such as delivered save-cart:push", first.at);
      return undefined;
    case "model":
      return modelsOf(props, first, fail);
    default:
      return eventOf(first, words, props, fail);
  }
}

function eventOf(first: Token, words: readonly string[], props: Props, fail: Fail): Deed | undefined {
  const happened = words.filter((word) => word.startsWith("@"));
  const others = words.filter((word) => !word.startsWith("@"));
  if (others.length > 0 || happened.length > 1) {
    fail(
      `"${others[0] ?? happened[1]}" cannot be read: after an event come properties such as amount=120, and @08:30`,
      first.at,
    );
    return undefined;
  }
  return { kind: "event", type: first.text, props, happened: happened[0]?.slice(1) };
}

function askOf(words: readonly string[], context: Props, first: Token, fail: Fail): Deed | undefined {
  const found = /^(.+?)(?: on (\S+))?(?: in (\S+))?$/.exec(words.join(" "));
  const placements = (found?.[1] ?? "").split(",").map((name) => /^([^:\s]+)(?::(\d+))?$/.exec(name.trim()));
  if (found === null || placements.includes(null)) {
    fail(
      "write ask PLACEMENT on CHANNEL, such as ask app-home on app, or ask app-home:1, web-hero on app in de",
      first.at,
    );
    return undefined;
  }
  const named = placements.map((match) => ({
    name: match?.[1] as string,
    ...(match?.[2] === undefined ? {} : { limit: Number(match[2]) }),
  }));
  return { kind: "ask", placements: named, channel: found[2], locale: found[3], context };
}

function modelsOf(props: Props, first: Token, fail: Fail): Deed | undefined {
  const models: Record<string, number> = {};
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "number" && value >= 0 && value <= 1) models[name] = value;
    else fail(`the output of a model is from 0 to 1, such as ${name}=0.8`, first.at);
  }
  return { kind: "models", models };
}

function splitProps(tokens: readonly Token[]): { readonly words: readonly string[]; readonly props: Props } {
  const words: string[] = [];
  const props: Record<string, PropValue> = {};
  for (const { text } of tokens) {
    const at = text.indexOf("=");
    if (at > 0 && !text.startsWith('"')) props[text.slice(0, at)] = propOf(text.slice(at + 1));
    else words.push(text);
  }
  return { words, props };
}

function propOf(text: string): PropValue {
  if (text.startsWith('"')) return text.slice(1, -1);
  if (text.startsWith("[")) {
    const inner = text.slice(1, -1).split(",");
    return inner.map((one) => one.trim().replace(/^"|"$/g, "")).filter((one) => one !== "");
  }
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function textOf(value: PropValue | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
