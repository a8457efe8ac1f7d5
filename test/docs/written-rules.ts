// The files that README.md shows: blocks of YAML whose first line says where they lie, put beside the delivered rules.
import { parse, stringify } from "yaml";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";
import { blocks } from "./readme.ts";

export interface WrittenFile {
  /** Below rules/. */
  readonly path: string;
  readonly text: string;
}

type Tree = Readonly<Record<string, unknown>>;

/** In the order of the document; a file may be shown in pieces. */
export function writtenFiles(markdown: string): readonly WrittenFile[] {
  return blocks(markdown, "yaml").flatMap((text) => {
    const path = /^# rules\/(\S+\.yaml)\n/.exec(text)?.[1];
    return path === undefined ? [] : [{ path, text }];
  });
}

/** As if each piece were written into the file of its name: what has the id or name of something stands in its place. */
export function beside(files: RulebookFiles, written: readonly WrittenFile[]): RulebookFiles {
  const merged: Record<string, string> = { ...files };
  for (const { path, text } of written) {
    const there = merged[path];
    merged[path] = there === undefined ? text : stringify(joined(parse(there) as Tree, parse(text) as Tree));
  }
  return merged;
}

function joined(there: Tree, added: Tree): Tree {
  const whole: Record<string, unknown> = { ...there };
  for (const [key, value] of Object.entries(added)) {
    const old = whole[key];
    whole[key] = Array.isArray(value) && Array.isArray(old) ? joinedLists(old, value) : value;
  }
  return whole;
}

function joinedLists(old: readonly Tree[], added: readonly Tree[]): readonly Tree[] {
  const nameOf = (item: Tree) => item["id"] ?? item["name"];
  const names = new Set(added.map(nameOf));
  return [...old.filter((item) => !names.has(nameOf(item))), ...added];
}
