// Texts for one customer: placeholders filled in, in the locale asked for, escaped for the channel.
import type { Content } from "../domain/decision.ts";
import type { PropValue } from "../domain/event.ts";
import { RULE_TRUE, type Rule, type RuleScope, type Template } from "../rulebook/rulebook.ts";
import { type Escape, escapeFor } from "./escape.ts";
import { isList, type PreparedTreatment } from "./prepared.ts";

/** Reasons shown for one item. */
const REASONS_MAX = 4;
const REASON_FIELD = "reason";
const ZERO = "0".charCodeAt(0);
/** Every text is written in it: the compiler sees to that. */
const LAST_LOCALE = "en";

/** Where to look for a text, best first. */
export interface Locales {
  /** From outside: any text at all. */
  readonly asked: string;
  /** The rulebook's. */
  readonly fallback: string;
}

/** The first placeholder without a value, as written: `attributes.first_name`. */
interface Missing {
  readonly kind: "missing";
  readonly read: string;
}

export type Rendered = { readonly kind: "rendered"; readonly content: Content } | Missing;

export function renderContent({ treatment, channel }: PreparedTreatment, locales: Locales, scope: RuleScope): Rendered {
  const content: Record<string, string | readonly string[]> = {};
  const { content: fields } = treatment;
  for (const field in fields) {
    const template = inLocale(fields[field] as (typeof fields)[string], locales);
    if (template === undefined) continue;
    const escaped = escapeFor(channel.format, field);
    if (!isList(template)) {
      const text = renderTemplate(template, scope, escaped);
      if (typeof text !== "string") return text;
      content[field] = text;
      continue;
    }
    const lines: string[] = [];
    for (const line of template) {
      const text = renderTemplate(line, scope, escaped);
      if (typeof text !== "string") return text;
      lines.push(text);
    }
    content[field] = lines;
  }
  return { kind: "rendered", content };
}

/** The true reasons of an action in order; one whose placeholder has no value is left out. `verdicts` by VerdictSlot. */
export function renderReasons(
  { action, channel }: PreparedTreatment,
  locales: Locales,
  scope: RuleScope,
  rules: readonly Rule[],
  verdicts: Uint8Array,
): readonly string[] {
  const reasons: string[] = [];
  const escaped = escapeFor(channel.format, REASON_FIELD);
  for (const { when, text } of action.reasons) {
    if (reasons.length === REASONS_MAX) break;
    if (when !== undefined && verdicts[(rules[when] as Rule).slot] !== RULE_TRUE) continue;
    const template = inLocale(text, locales);
    if (template === undefined) continue;
    const rendered = renderTemplate(template, scope, escaped);
    if (typeof rendered === "string") reasons.push(rendered);
  }
  return reasons;
}

/** The text, or what has no value. */
function renderTemplate(template: Template, scope: RuleScope, escaped: Escape): string | Missing {
  let text = "";
  for (const part of template) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const value = part.get(scope);
    if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) {
      return { kind: "missing", read: part.read };
    }
    // Digits, a point and a sign are harmless anywhere.
    text += typeof value === "number" ? formatNumber(value) : escaped(formatValue(value));
  }
  return text;
}

/** Sets joined by `, `. */
function formatValue(value: Exclude<PropValue, number>): string {
  return typeof value === "object" ? value.join(", ") : String(value);
}

/** Whole numbers plain, others with up to 2 decimals. */
function formatNumber(value: number): string {
  // Beyond that a number is written with an exponent.
  if (Number.isInteger(value)) return Math.abs(value) < 1e21 ? String(value) : BigInt(value).toString();
  const text = value.toFixed(2);
  const last = text.length - 1;
  if (text.charCodeAt(last) !== ZERO) return text;
  if (text.charCodeAt(last - 1) !== ZERO) return text.slice(0, last);
  const whole = text.slice(0, last - 2);
  return whole === "-0" ? "0" : whole;
}

/** In the locale asked for, else in the rulebook's, else in English; each by itself, else by its language (`de` for `de-AT`). */
function inLocale<T>(byLocale: Readonly<Record<string, T>>, { asked, fallback }: Locales): T | undefined {
  return written(byLocale, asked) ?? written(byLocale, fallback) ?? byLocale[LAST_LOCALE];
}

function written<T>(byLocale: Readonly<Record<string, T>>, locale: string): T | undefined {
  // The locale comes from outside: only own keys, or `constructor` would be one.
  if (Object.hasOwn(byLocale, locale)) return byLocale[locale];
  const language = locale.split("-", 1)[0] as string;
  return Object.hasOwn(byLocale, language) ? byLocale[language] : undefined;
}
