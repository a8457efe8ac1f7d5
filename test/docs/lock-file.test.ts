import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8"));
const EXACT = /^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/;

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

it("every dependency has an exact version, and the lock file the hash of every package", () => {
  const { dependencies, devDependencies, overrides } = read("package.json");
  const declared: Record<string, string> = { ...dependencies, ...devDependencies, ...overrides };
  expect(Object.entries(declared).filter(([, version]) => !EXACT.test(version))).toEqual([]);
  const { packages } = read("package-lock.json") as { packages: Record<string, Locked> };
  const locked = Object.entries(packages).filter(([path]) => path !== "");
  expect(locked.length).toBeGreaterThan(100);
  const unsure = locked.filter(([, { integrity, link }]) => link === true || !/^sha512-/.test(integrity ?? ""));
  expect(unsure.map(([path]) => path)).toEqual([]);
  const plain = locked.filter(([, { resolved = "https:" }]) => !resolved.startsWith("https:"));
  expect(plain.map(([path]) => path)).toEqual([]);
});
