// README.md as data: its sections, its fenced blocks, and the words of its shell lines.
import { readFileSync } from "node:fs";

export const repository = new URL("../../", import.meta.url);

export function readDocument(path: string): string {
  return readFileSync(new URL(path, repository), "utf8");
}

/** Contents of the fenced blocks of this language, in order. */
export function blocks(markdown: string, language: string): readonly string[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, of, text]) =>
    of === language ? [text as string] : [],
  );
}

/** From a heading of level 2 to the next. Throws where there is none. */
export function section(markdown: string, title: string): string {
  const found = markdown.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`README.md has no section "${title}"`);
  return found;
}

/** Words of one shell line: blanks part them, quotes hold them together, `$NAME` is read outside of single quotes. */
export function shellWords(line: string, variables: Readonly<Record<string, string>>): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [token] of line.matchAll(/'[^']*'|"[^"]*"|\s+|[^\s'"]+/g)) {
    if (/^\s/.test(token)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (token.startsWith("'")) word = (word ?? "") + token.slice(1, -1);
    else word = (word ?? "") + expand(token.startsWith('"') ? token.slice(1, -1) : token, variables);
  }
  return word === undefined ? words : [...words, word];
}

function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\w+)/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`$${name} is used before it is set: ${text}`);
    return value;
  });
}
