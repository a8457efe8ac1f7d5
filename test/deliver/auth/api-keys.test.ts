import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { createApiKeys, type KeyEntry, newApiKey } from "../../../engine/deliver/auth/api-keys.ts";

const dir = mkdtempSync(join(tmpdir(), "nba-keys-"));
const file = join(dir, "keys.yaml");
afterAll(() => rmSync(dir, { recursive: true }));

const silent = { warn: () => undefined };
const write = (...entries: readonly KeyEntry[]): void => writeFileSync(file, JSON.stringify({ keys: entries }));

describe("ACC-6 keys of servers", () => {
  it("are known by their hash, with scopes, topics and a rate of their own", () => {
    const crm = newApiKey({ name: "crm", scopes: ["decide"], perSecond: 5_000 });
    const desk = newApiKey({ name: "desk", scopes: ["agent"], topics: ["customer/*"] });
    write(crm.entry, desk.entry);
    const keys = createApiKeys(file, silent);
    expect(crm.key).toMatch(/^nba_[A-Za-z0-9_-]{43}$/);
    expect(JSON.stringify(crm.entry)).not.toContain(crm.key);
    expect(keys.callerOf(crm.key)).toMatchObject({ id: "key:crm", scopes: new Set(["decide"]), perSecond: 5_000 });
    expect(keys.callerOf(desk.key)).toMatchObject({ id: "key:desk", topics: new Set(["customer/*"]) });
    for (const wrong of [`${crm.key}x`, crm.key.slice(0, -1), crm.entry.sha256, "", "nba_"])
      expect(keys.callerOf(wrong)).toBeUndefined();
    keys.close();
  });

  it("end when they are to end", () => {
    const old = newApiKey({ name: "old", scopes: ["decide"], until: "2020-01-01T00:00:00Z" });
    const fresh = newApiKey({ name: "fresh", scopes: ["decide"], until: "2999-01-01T00:00:00+02:00" });
    write(old.entry, fresh.entry);
    const keys = createApiKeys(file, silent);
    expect([old, fresh].map(({ key }) => keys.callerOf(key)?.id)).toEqual([undefined, "key:fresh"]);
    keys.close();
  });

  it.each([
    ["keys: [", /keys\.yaml": /],
    ["keys: {}", /want keys: \[\{name, sha256, scopes\}\]/],
    ["keys: [{name: a, sha256: abc, scopes: [decide]}]", /\/keys\/0\/sha256/],
    [`keys: [{name: a, sha256: "${"0".repeat(64)}", scopes: [root]}]`, /\/keys\/0\/scopes\/0/],
    [`keys: [{name: a, sha256: "${"0".repeat(64)}", scopes: []}]`, /\/keys\/0\/scopes/],
    [`keys: [{name: a, key: x, sha256: "${"0".repeat(64)}", scopes: [decide]}]`, /\/keys\/0/],
    [`keys: [&a {name: a, sha256: "${"0".repeat(64)}", scopes: [decide]}, *a]`, /keys\.yaml": /],
  ])("%s is refused in a line", (text, expected) => {
    writeFileSync(file, text);
    expect(() => createApiKeys(file, silent)).toThrow(expected);
    expect(() => createApiKeys(file, silent)).toThrow(/^NBA_API_KEYS_FILE: "[^\n]+$/);
  });

  it("two of one name are refused, and a file that is not there", () => {
    const [one, other] = [newApiKey({ name: "a", scopes: ["decide"] }), newApiKey({ name: "a", scopes: ["events"] })];
    write(one.entry, other.entry);
    expect(() => createApiKeys(file, silent)).toThrow(/two keys are named "a"/);
    expect(() => createApiKeys(join(dir, "none"), silent)).toThrow(/cannot be read: ENOENT/);
  });

  it("are read again when the file changes; a faulty one is told, and the last good one holds", () => {
    vi.useFakeTimers();
    const warned: unknown[] = [];
    const [one, other] = [
      newApiKey({ name: "one", scopes: ["decide"] }),
      newApiKey({ name: "other", scopes: ["decide"] }),
    ];
    write(one.entry);
    const keys = createApiKeys(file, { warn: (_message, fields) => void warned.push(fields) });
    try {
      write(one.entry, other.entry);
      expect(keys.callerOf(other.key)).toBeUndefined();
      vi.advanceTimersByTime(5_000);
      expect(keys.callerOf(other.key)?.id).toBe("key:other");
      writeFileSync(file, "keys: oops");
      vi.advanceTimersByTime(10_000);
      expect([keys.callerOf(one.key)?.id, warned.length]).toEqual(["key:one", 1]);
      write(other.entry);
      vi.advanceTimersByTime(5_000);
      expect([keys.callerOf(one.key), keys.callerOf(other.key)?.id]).toEqual([undefined, "key:other"]);
    } finally {
      keys.close();
      vi.useRealTimers();
    }
  });
});
