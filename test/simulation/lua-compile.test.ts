// What is compiled here answers as Redis does is tested in redis-server.test.ts; here: all of the engine's scripts, and nothing else.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { compileLua } from "./lua-compile.ts";
import { runLua } from "./lua-scripts.ts";

const SCRIPTS = readdirSync(`${repositoryRoot}/engine`, { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith(".lua"),
);

describe("Lua", () => {
  test.each(SCRIPTS)("%s compiles", (path) => {
    compileLua(readFileSync(`${repositoryRoot}/engine/${path}`, "latin1"));
  });

  test.each([
    ["a table with names", "return { a = 1 }", "line 1: a plain item of a table expected near '='"],
    ["a goto", "goto out", "line 1: a call expected near 'out'"],
    ["a function that is not in its library", "return string.rep('a', 3)", "does not know string.rep"],
    ["a global that there is not", "return nothing", "nonexistent global variable 'nothing'"],
    ["a global that is written", "ARGS = 1", "a local or an element of a table expected"],
    ["a pattern that regular expressions read otherwise", "return string.match('ab', '%f[b]')", "the class %f"],
    ["arithmetic on nothing", "local a\nreturn a + 1", "attempt to perform arithmetic on a nil value"],
  ])("refuses %s", (_, script, why) => {
    expect(() => runLua(script, [], [], () => null)).toThrow(why);
  });

  test.each([
    ["1 + 2 * 3 - 4 / 2", 5],
    ["(7 % 4) * 10 + -7 % 4", 31],
    ["'a' .. 1 .. 'b' .. 2.5 .. 1e15", "a1b2.51e+15"],
    ["not nil and 'yes' or 'no'", "yes"],
    ["1 < 2 and 'a' < 'b' and 2 >= 2 and 'x' ~= 'y'", 1],
    ["#{ 1, 2, unpack({ 3, 4 }) } + #'abc'", 7],
    ["string.format('%d %.0f %s', 3.7, 2.5, 'x')", "3 2 x"],
    ["tostring(1763800000000) .. tostring(0.1)", "17638000000000.1"],
    ["type(nil) .. type(1 == 1) .. type(1) .. type('1') .. type({})", "nilbooleannumberstringtable"],
    ["(string.match('12-34', '^(%d+)%-(%d+)$'))", "12"],
  ])("%s", (expression, expected) => {
    expect(runLua(`return ${expression}`, [], [], () => null)).toBe(expected);
  });
});
