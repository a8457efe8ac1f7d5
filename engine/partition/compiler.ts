import { type CompileInput, compileRulebook } from "../rulebook/compile.ts";
import type { CompiledRulebook } from "../rulebook/rulebook.ts";
import { finish, type Steps } from "../rulebook/steps.ts";

/** How files become what decides: what comes out is the same, what else the process does meanwhile is not. */
export interface Compiler {
  /** Rejects only where the surroundings fail. */
  readonly compile: (input: Omit<CompileInput, "read">) => Promise<CompiledRulebook>;
  readonly work: <T>(steps: Steps<T>) => Promise<T>;
}

/** As fast as possible, while everything else waits: for a process that has nothing else to do yet. */
export const AT_ONCE: Compiler = {
  compile: async (input) => compileRulebook(input),
  work: async (steps) => finish(steps),
};
