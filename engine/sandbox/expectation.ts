// The right side of a line: what is expected, in words.
//
//   act ITEM, ITEM                     one decision, these items in this order
//   act PLACEMENT: ITEM | PLACEMENT: ITEM, ITEM
//   none · none because holdout        one decision that offers nothing
//   nothing                            no decision at all
//   refused                            the ask or the event is refused
//   several decisions, in order, and facts: between semicolons; facts also in parentheses, between semicolons or commas
//
//   ITEM dropped at STAGE [by POLICY-OR-RULE] [because WORD] [for ITEM] [lost to ITEM] [until TIME]
//   ITEM not offered · ITEM kept · ITEM withheld · ITEM withdrawn [because WORD] · ITEM says "words"
//   ITEM is reserved|confirmed|released|presented|... · ITEM priority 1.25 (propensity, context, value, lever, boost, fatigue)
//   arm EXPERIMENT ARM · triggered by TRIGGER · held until TIME · pressure 1.5 · spent QUOTA 2
import { STAGES, type Stage } from "../domain/drop.ts";
import type { Place } from "../rulebook/place.ts";
import type { Expected, ExpectedDecision, Fact } from "./rule-test.ts";

export type ParsedExpectation =
  | { readonly kind: "parsed"; readonly expected: Expected }
  | { readonly kind: "faulty"; readonly message: string };

class Unreadable extends Error {}

export function parseExpectation(text: string, place: Place): ParsedExpectation {
  const { outside, inside } = splitParentheses(text);
  const decisions: ExpectedDecision[] = [];
  const facts: Fact[] = [];
  let isNothing = false;
  try {
    for (const part of split(outside, ";")) {
      const decision = part === "nothing" ? undefined : parseDecision(part);
      if (part === "nothing") isNothing = true;
      else if (decision !== undefined) decisions.push(decision);
      else facts.push(parseFact(part));
    }
    for (const part of split(inside, ";,")) facts.push(parseFact(part));
  } catch (error) {
    if (error instanceof Unreadable) return { kind: "faulty", message: error.message };
    throw error;
  }
  if (isNothing && decisions.length > 0)
    return { kind: "faulty", message: '"nothing" stands beside a decision: keep one' };
  if (!isNothing && decisions.length + facts.length === 0) {
    return { kind: "faulty", message: "nothing is expected here: write act ITEM, none, nothing, or a fact" };
  }
  const compared = isNothing || decisions.length > 0;
  return { kind: "parsed", expected: { place, text, decisions: compared ? decisions : undefined, facts } };
}

function parseDecision(part: string): ExpectedDecision | undefined {
  const [head, ...rest] = part.split(/\s+/);
  if (head === "none" || head === "refused") {
    const because = /^\w+(?:\s+because\s+(.+))?$/.exec(part);
    if (because === null) throw new Unreadable(`"${part}": write ${head}, or ${head} because REASON`);
    return { kind: head, because: because[1] };
  }
  if (head !== "act") return undefined;
  const slates = rest
    .join(" ")
    .split("|")
    .map((slate) => {
      const named = /^\s*([a-z0-9-]+):\s+(.*)$/.exec(slate);
      const items = split(named?.[2] ?? slate, ",");
      const wrong = items.find((item) => !ITEM.test(item));
      if (items.length === 0 || wrong !== undefined) {
        throw new Unreadable(
          `"${part}": after act come actions or treatments, with commas${wrong === undefined ? "" : `, not "${wrong}"`}`,
        );
      }
      return { placement: named?.[1], items };
    });
  return { kind: "act", slates };
}

const ITEM = /^[a-z0-9][a-z0-9:-]*$/;
const I = "([a-z0-9][a-z0-9:-]*)";
const NUMBER = "(-?\\d+(?:\\.\\d+)?)";
const WHEN = "((?:\\d{4}-\\d{2}-\\d{2} )?\\d{1,2}:\\d{2}(?::\\d{2})?|never)";
const DROPPED = new RegExp(
  `^${I} dropped at ([a-z-]+)(?: by (\\S+))?(?: because ([a-z-]+))?(?: (?:for|lost to) ${I})?(?: until ${WHEN})?$`,
);

type Forms = readonly (readonly [RegExp, (found: readonly (string | undefined)[], text: string) => Fact])[];

const FORMS: Forms = [
  [
    DROPPED,
    ([item = "", stage = "", by, because, rival, until], text) => {
      if (!STAGES.includes(stage as Stage))
        throw new Unreadable(`"${text}": "${stage}" is no stage; they are ${STAGES.join(", ")}`);
      return { kind: "dropped", text, item, stage: stage as Stage, by, because, rival, until };
    },
  ],
  [new RegExp(`^${I} not offered$`), ([item = ""], text) => ({ kind: "not-offered", text, item })],
  [
    new RegExp(`^${I} (kept|withheld)$`),
    ([item = "", kind], text) => ({ kind: kind as "kept" | "withheld", text, item }),
  ],
  [
    new RegExp(`^${I} withdrawn(?: because ([a-z-]+))?$`),
    ([item = "", because], text) => ({ kind: "withdrawn", text, item, because }),
  ],
  [new RegExp(`^${I} is ([a-z-]+)$`), ([item = "", is = ""], text) => ({ kind: "contact", text, item, is })],
  [
    new RegExp(`^${I} (priority|propensity|context|value|lever|boost|fatigue) ${NUMBER}$`),
    ([item = "", factor = "", value = ""], text) => ({ kind: "factor", text, item, factor, value }),
  ],
  [new RegExp(`^${I} says "([^"]*)"$`), ([item = "", words = ""], text) => ({ kind: "says", text, item, words })],
  [/^arm (\S+) (\S+)$/, ([experiment = "", arm = ""], text) => ({ kind: "arm", text, experiment, arm })],
  [/^triggered by (\S+)$/, ([trigger = ""], text) => ({ kind: "trigger", text, trigger })],
  [new RegExp(`^held until ${WHEN}$`), ([until = ""], text) => ({ kind: "held", text, until })],
  [new RegExp(`^pressure ${NUMBER}$`), ([value = ""], text) => ({ kind: "pressure", text, value })],
  [new RegExp(`^spent (\\S+) ${NUMBER}$`), ([quota = "", value = ""], text) => ({ kind: "spent", text, quota, value })],
];

function parseFact(part: string): Fact {
  const text = part.replace(/\s+/g, " ");
  for (const [form, make] of FORMS) {
    const found = form.exec(text);
    if (found !== null) return make(found.slice(1), text);
  }
  throw new Unreadable(
    `"${text}" cannot be read: write for example "save-cart:push dropped at contact-limit by push-per-day"`,
  );
}

/** Text outside and inside of parentheses; what is in quotes is left alone. */
function splitParentheses(text: string): { readonly outside: string; readonly inside: string } {
  let outside = "";
  let inside = "";
  let depth = 0;
  let quoted = false;
  for (const letter of text) {
    if (letter === '"') quoted = !quoted;
    if (letter === "(" && !quoted) {
      if (depth++ === 0) continue;
    } else if (letter === ")" && !quoted && depth > 0) {
      if (--depth === 0) {
        inside += ";";
        continue;
      }
    }
    if (depth > 0) inside += letter;
    else outside += letter;
  }
  return { outside, inside };
}

/** Between any of these letters, outside of quotes; trimmed, without empty parts. */
function split(text: string, separators: string): readonly string[] {
  const parts: string[] = [""];
  let quoted = false;
  for (const letter of text) {
    if (letter === '"') quoted = !quoted;
    if (!quoted && separators.includes(letter)) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}
