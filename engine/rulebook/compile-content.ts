// Texts of treatments and reasons, by locale.
import type { ModelIndex } from "../domain/ids.ts";
import type { DeclaredNames } from "./cel-names.ts";
import type { FaultLog } from "./fault.ts";
import type { Place } from "./place.ts";
import type { Template, Treatment } from "./rulebook.ts";
import type { WrittenContent, WrittenText } from "./schema-actions.ts";
import type { Path, Source } from "./source.ts";
import { compileTemplate } from "./template.ts";

export interface TextContext {
  readonly names: DeclaredNames;
  /** Locale of a text that is written without one. Such a text stands for `en` as well. */
  readonly defaultLocale: string;
  readonly source: Source;
  readonly faults: FaultLog;
  /** Collects the models that placeholders read. */
  readonly models: Set<ModelIndex>;
}

const LOCALE = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;

export function compileContent(written: WrittenContent, path: Path, context: TextContext): Treatment["content"] {
  const content: Record<string, Readonly<Record<string, Template | readonly Template[]>>> = {};
  for (const [field, value] of Object.entries(written)) {
    const byLocale = perLocale<string | readonly string[]>(value, [...path, field], context);
    content[field] = mapRecord(byLocale, ({ value: text, path: at }) =>
      typeof text === "string" ? one(text, at, context) : text.map((line, index) => one(line, [...at, index], context)),
    );
  }
  if (Object.keys(content).length === 0) {
    context.faults.add(context.source.placeOf(path), '"content" is empty: write at least a title');
  }
  return content;
}

export function compileText(written: WrittenText, path: Path, context: TextContext): Record<string, Template> {
  return mapRecord(perLocale<string>(written, path, context), ({ value, path: at }) => one(value, at, context));
}

function one(text: string, path: Path, { source, names, faults, models }: TextContext): Template {
  const placeAt = (offset: number): Place => source.placeInText(path, offset);
  const compiled = compileTemplate(text, placeAt, names, faults);
  for (const model of compiled.models) models.add(model);
  return compiled.template;
}

interface Written<Value> {
  readonly value: Value;
  readonly path: Path;
}

function perLocale<Value extends string | readonly string[]>(
  written: Value | Readonly<Record<string, Value>>,
  path: Path,
  { defaultLocale, source, faults }: TextContext,
): Record<string, Written<Value>> {
  if (typeof written === "string" || Array.isArray(written)) {
    const text = { value: written as Value, path };
    return { en: text, [defaultLocale]: text };
  }
  const byLocale: Record<string, Written<Value>> = {};
  for (const [locale, value] of Object.entries(written as Readonly<Record<string, Value>>)) {
    if (!LOCALE.test(locale)) {
      faults.add(source.placeOfKey(path, locale), `${JSON.stringify(locale)} is no locale: write e.g. en or de-AT`);
    }
    byLocale[locale] = { value, path: [...path, locale] };
  }
  return byLocale;
}

function mapRecord<From, To>(record: Readonly<Record<string, From>>, map: (from: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
