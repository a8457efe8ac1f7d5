// The rules that are delivered, compiled without their ONNX files: a benchmark of what is beside the models gives the
// scores itself.
import { createHash } from "node:crypto";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { createDecider, type Decider } from "../../engine/decide/decide.ts";
import { sourceFile } from "../../engine/journal/source-file.ts";
import { compileLayout, type Layout } from "../../engine/profile/layout.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import type { Rulebook, RulebookFiles } from "../../engine/rulebook/rulebook.ts";

export interface Rules {
  readonly rulebook: Rulebook;
  readonly decider: Decider;
  readonly layout: Layout;
}

export function deliveredFiles(): Promise<RulebookFiles> {
  return readRulebookFolder(sourceFile("rules"));
}

/** Throws with every fault. */
export function compileRules(files: RulebookFiles): Rules {
  const models = ["churn", "propensity"].map((name) => ({ name, sha256: sha256(name) }));
  const compiled = compileRulebook({ files, models, sha256 });
  if (compiled.kind === "faulty") throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
  const { rulebook } = compiled;
  return { rulebook, decider: createDecider(rulebook), layout: compileLayout(rulebook.features, rulebook.attributes) };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
