// Docs are code: what README.md, CONTRIBUTING.md and engine/README.md name is there.
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RULEBOOK_FILE_BYTES_MAX, RULEBOOK_FILES_MAX } from "../../engine/cli/read-rulebook.ts";
import { createCheck } from "../../engine/deliver/check-body.ts";
import { MESSAGE_BYTES_MAX } from "../../engine/deliver/live-messages.ts";
import * as live from "../../engine/deliver/live-peer.ts";
import { BATCH_BODY_MAX, DECISION_BODY_MAX } from "../../engine/deliver/route.ts";
import { EVENTS_MAX } from "../../engine/deliver/route-events.ts";
import {
  DEADLINE_DEFAULT_MS,
  DEADLINE_MAX_MS,
  DECISION_PLACEMENTS_MAX,
  DecisionBody,
  OUTCOMES_MAX,
} from "../../engine/deliver/wire.ts";
import { STAGES } from "../../engine/domain/drop.ts";
import * as incoming from "../../engine/ingest/bounds.ts";
import { SEEN_ENTRIES } from "../../engine/ingest/seen-window.ts";
import { engineAclRule } from "../../engine/journal/acl.ts";
import { LIMITS } from "../../engine/limits.ts";
import * as profile from "../../engine/profile/bounds.ts";
import { anaDecides } from "./ana-decides.ts";
import { blocks, readDocument, repository, section } from "./readme.ts";

const root = fileURLToPath(repository);
const readme = readDocument("README.md");
const manifest = JSON.parse(readDocument("package.json")) as {
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
};

/** As GitHub writes them behind a #. */
function headings(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(["README.md", "engine/README.md", "models/README.md", "test/README.md", "CONTRIBUTING.md"])(
  "%s",
  (path) => {
    const text = readDocument(path);

    it("links to what there is", () => {
      const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
      for (const link of links.filter((target) => !/^https?:/.test(target))) {
        const [file, heading] = link.split("#") as [string, string | undefined];
        expect([link, existsSync(join(root, dirname(path), file))]).toEqual([link, true]);
        if (heading === undefined) continue;
        const there = headings(file === "" ? text : readDocument(join(dirname(path), file)));
        expect([link, there.includes(heading)]).toEqual([link, true]);
      }
    });

    it("names npm scripts and commands that there are", () => {
      const scripts = [...text.matchAll(/`?npm (?:run )?(start|test|[a-z]+:?[a-z]*)\b/g)].map(
        ([, name]) => name as string,
      );
      for (const name of scripts.filter((script) => !["ci", "run", "audit"].includes(script))) {
        expect([name, Object.hasOwn(manifest.scripts, name)]).toEqual([name, true]);
      }
      const commands = readFileSync(join(root, "engine/cli/create-program.ts"), "utf8");
      for (const [, name] of text.matchAll(/npx nba ([a-z]+)/g))
        expect(commands).toMatch(new RegExp(`^ {2}${name}: `, "m"));
    });

    it("names source files that there are", () => {
      for (const [, file] of text.matchAll(/`((?:engine|rules|models|test)\/[\w./-]+\.\w+)`/g)) {
        if (file === "rules/actions/loyalty.yaml") continue; // what the reader is to write
        expect([file, existsSync(join(root, file as string))]).toEqual([file, true]);
      }
    });
  },
);

describe("README.md", () => {
  it("shows small pictures", () => {
    const pictures = [...readme.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, path]) => path as string);
    expect(pictures.length).toBeGreaterThanOrEqual(2);
    for (const picture of pictures) expect(statSync(join(root, picture)).size).toBeLessThan(250_000);
  });

  it("shows the decision that the engine makes of the delivered rules, with its whole funnel", async () => {
    const decided = section(readme, "One decision, with its whole funnel");
    const { body, funnel, stages } = await anaDecides();
    expect(createCheck(DecisionBody)(body)).toMatchObject({ kind: "valid" });
    expect(JSON.parse(blocks(decided, "json")[0] as string)).toEqual(body);
    // Hashes change with every text of a rule, and with every training of a model.
    const withoutHashes = (text: string): string => text.replace(/\([0-9a-f]{12}\)/g, "(hash)").trimEnd();
    expect(withoutHashes(blocks(decided, "text")[0] as string)).toBe(withoutHashes(funnel));
    expect(stages.length).toBeGreaterThanOrEqual(5);
    expect(decided.replaceAll("\n", " ")).toContain(`tested in this order: ${STAGES.join(", ")}.`);
  });

  it("states the bounds that are enforced", () => {
    const stated = section(readme, "Limits").replaceAll(",", "");
    const kib = (bytes: number): string => (bytes < 1 << 20 ? `${bytes / 1024} KiB` : `${bytes / 1024 / 1024} MiB`);
    for (const words of [
      `${kib(incoming.PAYLOAD_BYTES_MAX)}; ${incoming.PROPS_MAX} flat`,
      `texts of ${incoming.TEXT_LENGTH_MAX} characters lists of ${incoming.SET_MAX}`,
      `${profile.CONTACTS_MAX} contacts so a limit of at most ${LIMITS.contactLimitMax}`,
      `${profile.OPEN_CASES_MAX} open cases ${profile.TASKS_MAX} tasks ${profile.CONSENTS_MAX} consents`,
      `${RULEBOOK_FILES_MAX} files of ${kib(RULEBOOK_FILE_BYTES_MAX)}`,
      `an expression of ${LIMITS.expressionCharsMax} characters`,
      `${kib(DECISION_BODY_MAX)} ${DECISION_PLACEMENTS_MAX} placements ${DEADLINE_DEFAULT_MS} ms`,
      `at most ${DEADLINE_MAX_MS / 1000} s; beyond ${LIMITS.asksWaitingMax} asks`,
      `${LIMITS.requestsInFlightMax} of an engine ${kib(LIMITS.requestBytesInFlightMax)} of bodies`,
      `${kib(BATCH_BODY_MAX)}; ${EVENTS_MAX} events ${OUTCOMES_MAX} outcomes`,
      `${live.SUBSCRIPTIONS_MAX} topics messages of ${kib(MESSAGE_BYTES_MAX)} ${live.MESSAGES_PER_SECOND_MAX} of them a second`,
      `${kib(live.BUFFERED_BYTES_MAX)} are left unread`,
      `last ${LIMITS.channelStreamEntriesMax} messages`,
    ]) {
      expect(stated).toContain(words);
    }
    expect(section(readme, "What holds").replaceAll(",", "")).toContain(`last ${SEEN_ENTRIES}`);
  });

  it("gives the Redis user of the engine what it needs, and nothing else", () => {
    const shown = /<!-- acl -->\n```text\n([\s\S]*?)```\n<!-- \/acl -->/.exec(readme)?.[1] ?? "";
    const words = ["ACL", "SETUSER", "nba", "on", ">PASSWORD", ...engineAclRule()];
    expect(shown.trim().split(/\s+/)).toEqual(words);
  });

  it("leaves room for the measured numbers", () => {
    expect(readme).toMatch(/<!-- numbers -->\n[\s\S]*<!-- \/numbers -->/);
  });
});

describe("CONTRIBUTING.md", () => {
  it("has a sentence for each dependency, and for none that is not there", () => {
    const rows = [...readDocument("CONTRIBUTING.md").matchAll(/^\| (`[^|]+`) \| ([^|]+) \|$/gm)];
    const told = rows
      .filter(([, names]) => !/`(npm|npx) /.test(names as string))
      .flatMap(([, names]) => [...(names as string).matchAll(/`([^`]+)`/g)].map(([, name]) => name as string));
    const used = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    expect(told.toSorted()).toEqual(used.toSorted());
    for (const [, , sentence] of rows) expect((sentence as string).length).toBeGreaterThan(10);
  });
});
