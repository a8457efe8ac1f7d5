// Runs the engine's own Lua files against the simulated Redis, each compiled once.
import { type Answer, SimpleError, Status } from "./database.ts";
import { type Compiled, compileLua } from "./lua-compile.ts";
import { LIBRARY } from "./lua-library.ts";
import { exactText } from "./lua-numbers.ts";
import { failed, type LuaFunction, LuaTable, textOf, typeOf } from "./lua-values.ts";

/** Executes one command for a script. */
export type Call = (args: readonly string[]) => Answer;

const compiled = new Map<string, Compiled>();

/** Throws SimpleError where the script does not compile or ends in an error. */
export function runLua(source: string, keys: readonly string[], args: readonly string[], call: Call): Answer {
  let script = compiled.get(source);
  if (script === undefined) {
    script = compileLua(source);
    compiled.set(source, script);
  }
  const [value] = script({
    ...LIBRARY,
    redis: redisFor(call),
    KEYS: new LuaTable([...keys]),
    ARGV: new LuaTable([...args]),
  });
  return toAnswer(value);
}

function redisFor(call: Call): LuaTable {
  const run: LuaFunction = (...args) => [toLua(call(args.map(argument)))];
  const tried: LuaFunction = (...args) => {
    try {
      return run(...args);
    } catch (error) {
      if (!(error instanceof SimpleError)) throw error;
      return [tableWith("err", error.message)];
    }
  };
  const functions: Readonly<Record<string, LuaFunction>> = {
    call: run,
    pcall: tried,
    error_reply: (value) => {
      const text = textOf(value);
      return [tableWith("err", /^\S+ /.test(text) ? text : `ERR ${text}`)];
    },
    status_reply: (value) => [tableWith("ok", textOf(value))],
  };
  const table = new LuaTable();
  for (const [name, body] of Object.entries(functions)) table.put(name, body);
  return table;
}

function argument(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return exactText(value);
  throw failed(`Lua redis lib command arguments must be strings or integers, and one is a ${typeOf(value)}`);
}

function tableWith(name: string, text: string): LuaTable {
  const table = new LuaTable();
  table.put(name, text);
  return table;
}

function toLua(answer: Answer): unknown {
  if (answer === null) return false;
  if (typeof answer !== "object") return answer;
  return answer instanceof Status ? tableWith("ok", answer.text) : new LuaTable(answer.map(toLua));
}

function toAnswer(value: unknown): Answer {
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value === "string") return value;
  if (value === true) return 1;
  if (!(value instanceof LuaTable)) return null;
  const error = value.get("err");
  if (typeof error === "string") throw new SimpleError(error);
  const status = value.get("ok");
  if (typeof status === "string") return new Status(status);
  const end = value.list.indexOf(undefined);
  return (end < 0 ? value.list : value.list.slice(0, end)).map(toAnswer);
}
