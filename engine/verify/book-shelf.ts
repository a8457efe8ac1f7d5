// Rulebooks and layouts as Redis keeps them by hash, compiled for reading: no model is opened, for nothing is decided here.
import { createHash } from "node:crypto";
import type { RulebookHash } from "../domain/ids.ts";
import { ACTIVATIONS_KEY, LAYOUTS_KEY, modelKey, rulebookKey } from "../journal/keys.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import { rawEntries } from "../journal/redis-journal.ts";
import { compileLayout, type Layout, type LayoutDescriptor, parseLayout } from "../profile/layout.ts";
import { compileRulebook } from "../rulebook/compile.ts";
import type { Rulebook, RulebookFiles } from "../rulebook/rulebook.ts";
import { VARIANT_FILE } from "../rulebook/variants.ts";

export interface Book {
  readonly rulebook: Rulebook;
  readonly layout: Layout;
  /** It decides for an arm only: no log can activate it. */
  readonly isVariant: boolean;
}

export interface BookShelf {
  /** Undefined where Redis holds none of this hash. Rejects where it does not compile. */
  readonly find: (hash: RulebookHash) => Promise<Book | undefined>;
  /** This one, and all that were ever activated. Rejects where the first is missing. */
  readonly findAll: (genesis: RulebookHash) => Promise<void>;
  /** One of those found so far that packs profiles in this layout. */
  readonly ofLayout: (layoutHash: number) => Book | undefined;
  readonly layout: (layoutHash: number) => Promise<LayoutDescriptor | undefined>;
  readonly all: () => readonly Book[];
}

export function createBookShelf({ command }: Pick<RedisConnection, "command">): BookShelf {
  const books = new Map<RulebookHash, Promise<Book | undefined>>();
  const ready: Book[] = [];
  const layouts = new Map<number, LayoutDescriptor>();
  const open = async (hash: RulebookHash): Promise<Book | undefined> => {
    const stored = await command(["GET", rulebookKey(hash)]);
    if (stored === null) return undefined;
    const { files, models } = JSON.parse(text(stored)) as { files: RulebookFiles; models: string[] };
    const known = await Promise.all(
      models.map(async (sha256) => ({ name: text(await command(["HGET", modelKey(sha256), "name"])), sha256 })),
    );
    const compiled = compileRulebook({ files, models: known, sha256 });
    if (compiled.kind === "faulty") {
      const [first] = compiled.faults;
      throw new Error(`rulebook ${hash} as Redis holds it does not compile: ${first?.file}: ${first?.message}`);
    }
    const { rulebook } = compiled;
    const layout = compileLayout(rulebook.features, rulebook.attributes);
    const book: Book = { rulebook, layout, isVariant: VARIANT_FILE in files };
    ready.push(book);
    return book;
  };
  const find = (hash: RulebookHash): Promise<Book | undefined> => {
    const found = books.get(hash) ?? open(hash);
    books.set(hash, found);
    return found;
  };
  return {
    find,
    findAll: async (genesis) => {
      if ((await find(genesis)) === undefined)
        throw new Error(`Redis does not hold rulebook ${genesis}, the first one`);
      for (const { fields } of rawEntries(await command(["XRANGE", ACTIVATIONS_KEY, "-", "+"]))) {
        const at = fields.findIndex((field, index) => index % 2 === 0 && field.toString() === "hash");
        await find(text(fields[at + 1]) as RulebookHash);
      }
    },
    ofLayout: (layoutHash) => ready.find(({ layout }) => layout.hash === layoutHash),
    layout: async (layoutHash) => {
      const known = layouts.get(layoutHash);
      if (known !== undefined) return known;
      const described = await command(["HGET", LAYOUTS_KEY, String(layoutHash)]);
      if (described === null) return undefined;
      const layout = parseLayout(text(described));
      layouts.set(layoutHash, layout);
      return layout;
    },
    all: () => ready,
  };
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
