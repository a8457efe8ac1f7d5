// What operators and authors write: options, replay files, API keys, tokens, model cards and model files.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { MAPPINGS } from "../../engine/cli/mappings.ts";
import { linesOf, rowsOf } from "../../engine/cli/replay-rows.ts";
import { OPTIONS, parseConfig } from "../../engine/config.ts";
import { createApiKeys, newApiKey } from "../../engine/deliver/auth/api-keys.ts";
import { createGuard } from "../../engine/deliver/auth/guard.ts";
import { parseModelCard } from "../../engine/score/model-card.ts";
import { onnxFault } from "../../engine/score/onnx-contents.ts";
import { hs256, SECRET, token } from "../deliver/auth/tokens.ts";
import { fuzzTarget } from "./fuzz-target.ts";
import { mutateBytes } from "./mutate-bytes.ts";

const dir = mkdtempSync(join(tmpdir(), "nba-fuzz-"));
const quiet = { warn: () => undefined };
const server = newApiKey({ name: "server", scopes: ["decide", "events"], topics: ["customer/*"] });
const keysFile = join(dir, "keys.yaml");
writeFileSync(keysFile, JSON.stringify({ keys: [server.entry] }));
const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
const guard = createGuard({ auth: { tokens, apiKeysFile: keysFile }, perSecond: 1_000_000 }, quiet);
afterAll(() => {
  guard.close();
  rmSync(dir, { recursive: true });
});

const VALUES: Readonly<Record<string, string>> = {
  REDIS_URL: "redis://user:pass@a:6379,redis://b:6379",
  HOST: "::1",
  ADVERTISE: "10.0.0.1:8080",
  DURABILITY: "wait:2",
  AUTH: "jwt",
  JWT_SECRET: SECRET,
  JWKS_URL: "https://id.example/keys",
  NBA_ALLOWED_ORIGINS: "https://crm.example,http://localhost:1",
  RETENTION: "30d,log=3d,4GiB",
  ARCHIVE_DIR: "/tmp/archive",
  LOG_LEVEL: "debug",
};
const options = Object.values(OPTIONS).map(
  ({ name, default: byDefault }) => [name, VALUES[name] ?? byDefault ?? "7"] as const,
);

describe("what operators write", () => {
  fuzzTarget({
    name: "an option: a value, or one line that names it and shows no password",
    from: options.map(([name, value]) => `${name}=${value}`),
    some: 1_500,
    many: 30_000,
    judge: (bytes) => {
      const text = bytes.toString();
      const at = text.indexOf("=");
      const parsed = parseConfig({ [text.slice(0, Math.max(0, at))]: text.slice(at + 1) });
      if (parsed.kind === "config") return "config";
      for (const { message } of parsed.faults) {
        expect(message.includes("\n") || message.length > 1_000, message).toBe(false);
        if (text.startsWith("REDIS_URL=")) expect(message).not.toContain("user:pass@");
      }
      return "faulty";
    },
    expect: ["config", "faulty"],
  });

  fuzzTarget({
    name: "a file of API keys: keys, or one line",
    from: [
      JSON.stringify({ keys: [server.entry] }),
      `keys:\n  - name: a\n    sha256: ${"0".repeat(64)}\n    scopes: [admin]\n`,
    ],
    some: 150,
    many: 5_000,
    judge: (bytes) => {
      const path = join(dir, "mutated.yaml");
      writeFileSync(path, bytes);
      try {
        createApiKeys(path, quiet).close();
        return "keys";
      } catch (error) {
        expect((error as Error).message).toMatch(/^NBA_API_KEYS_FILE: "[^\n]+$/);
        return "refused";
      }
    },
    expect: ["keys", "refused"],
  });

  const rows = MAPPINGS.map(({ separator, header, cells }) =>
    [
      header?.join(","),
      Array.from({ length: cells }, (_, index) => `${index}20200101`).join(separator === "spaces" ? " " : separator),
    ].join("\n"),
  );
  fuzzTarget({
    name: "rows of a recorded file: an event, or why not",
    from: [...rows, '"a ""b""",c\n1,"2\n3",4\n', '{"type":"page_view","ts":1}\n{"type":1}\n'],
    some: 1_000,
    many: 20_000,
    judge: async (bytes, chance) => {
      const mapping = chance.pick(MAPPINGS);
      const chunks = (async function* () {
        yield bytes.subarray(0, 10);
        yield bytes.subarray(10);
      })();
      for await (const { cells } of rowsOf(
        linesOf(chunks, () => undefined),
        mapping.separator,
      )) {
        if (cells?.length !== mapping.cells) continue;
        const row = mapping.row(cells);
        if (row.kind === "event") expect(Number.isSafeInteger(row.ts), `ts ${row.ts}`).toBe(true);
      }
      return "read";
    },
    expect: ["read"],
  });
});

describe("what callers show", () => {
  const shown: string[] = [server.key];
  fuzzTarget({
    name: "the header Authorization: who it is, or 401, 403, 429",
    from: [`Bearer ${server.key}`],
    some: 500,
    many: 20_000,
    mutate: (seed, chance, all) =>
      chance.below(5) === 0 ? seed : mutateBytes(Buffer.from(`Bearer ${chance.pick(shown)}`), chance, all),
    judge: async (bytes, chance) => {
      if (shown.length === 1)
        shown.push(
          await token({ scope: "decide events" }),
          await token({ topics: ["customer/c-1"], aud: ["nba"] }),
          await token({ exp: -1 }),
          await token({}, hs256("another secret of 32 bytes, or more of them")),
        );
      const verdict = await guard.judge(["decide"], bytes.toString("latin1"), () => String(chance.below(1_000_000)));
      if (verdict.kind === "let-in") return "let-in";
      expect([401, 403, 429]).toContain(verdict.answer.status);
      expect(verdict.answer.body).not.toContain(server.key);
      return "refused";
    },
    expect: ["let-in", "refused"],
  });
});

const model = (name: string): URL => new URL(`../score/fixtures/${name}.onnx`, import.meta.url);
const card = readFileSync(new URL("../../models/churn/model.yaml", import.meta.url));

describe("models", () => {
  fuzzTarget({
    name: "the bytes of a model: taken, or why not",
    from: ["logistic", "root", "zipmap"].map((name) => readFileSync(model(name))),
    some: 800,
    many: 20_000,
    judge: (bytes) => {
      const fault = onnxFault(bytes);
      if (fault !== undefined) expect(fault.length < 300 && !fault.includes("\n"), fault).toBe(true);
      return fault === undefined ? "taken" : "refused";
    },
    expect: ["taken", "refused"],
  });

  fuzzTarget({
    name: "a model card: a card, or faults with their places",
    from: [card],
    some: 80,
    many: 5_000,
    judge: (bytes) => {
      const parsed = parseModelCard(bytes.toString(), "churn/model.yaml");
      if (parsed.kind === "card") return "card";
      expect(parsed.faults.length).toBeGreaterThan(0);
      for (const { line, column, message } of parsed.faults)
        expect(line >= 1 && column >= 1 && message !== "", `${line}:${column}: ${message}`).toBe(true);
      return "faulty";
    },
    expect: ["card", "faulty"],
  });
});
