// Compiles beside the decisions of a running engine: YAML is read in a thread of its own, and what only this thread can make
// of it is made in slices with a turn of the event loop between them.
import { setImmediate as turn } from "node:timers/promises";
import { compileInSteps } from "../rulebook/compile.ts";
import { createFaultLog } from "../rulebook/fault.ts";
import { readText } from "../rulebook/read-text.ts";
import type { Reading } from "../rulebook/reading.ts";
import { isReadable } from "../rulebook/rulebook-size.ts";
import { isRulebookFile } from "../rulebook/variants.ts";
import type { Compiler } from "./compiler.ts";
import { readAside } from "./read-aside.ts";

/** A decision waits for several turns: for its bytes, for Redis, for its answer. */
const SLICE_MS = 1;

export const ASIDE: Compiler = {
  compile: async (input) => {
    const texts = Object.entries(input.files).flatMap(([path, text]) => (isRulebookFile(path) ? [text] : []));
    // What is too large is refused by its size; the thread need not read it.
    const readings = isReadable(input.files, createFaultLog()) ? await readAside(texts) : new Map<string, Reading>();
    // What a variant is called is written by the compiler itself, into a text that no file has.
    return await inSlices(compileInSteps({ ...input, read: (text) => readings.get(text) ?? readText(text) }));
  },
  work: inSlices,
};

async function inSlices<T>(steps: Iterator<void, T>): Promise<T> {
  for (;;) {
    const until = performance.now() + SLICE_MS;
    do {
      const { done, value } = steps.next();
      if (done === true) return value;
    } while (performance.now() < until);
    await turn();
  }
}
