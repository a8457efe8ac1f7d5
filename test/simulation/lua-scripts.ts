// Runs the engine's own Lua files, by a Lua 5.3 that is made to count as the 5.1 of Redis does: every number is a double.
import { type LuaFunction, type LuaState, lauxlib, lua, lualib, to_luastring } from "fengari";
import { type Answer, SimpleError, Status } from "./database.ts";

/** Executes one command for a script. */
export type Call = (args: readonly string[]) => Answer;

export interface LuaScripts {
  /** Throws SimpleError where the script does not compile or ends in an error. */
  readonly run: (source: string, keys: readonly string[], args: readonly string[], call: Call) => Answer;
}

/** What 5.1 has and 5.3 has not, and numbers that never wrap at 32 bits as fengari's integers do. */
const PRELUDE = `
  unpack = table.unpack
  local whole, plain, floor, ceil = tonumber, tostring, math.floor, math.ceil
  tonumber = function(value, base)
    local number
    if base then number = whole(value, base) else number = whole(value) end
    return number and number + 0.0
  end
  tostring = function(value)
    if type(value) == 'number' then return string.format('%.14g', value) end
    return plain(value)
  end
  math.floor = function(value) return floor(value) + 0.0 end
  math.ceil = function(value) return ceil(value) + 0.0 end
  math.pow = function(base, power) return base ^ power end
`;

export function createLuaScripts(): LuaScripts {
  const state = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(state);
  const compiled = new Map<string, number>();
  const current: { call: Call } = { call: () => null };
  pushRedis(state, current);
  lua.lua_setglobal(state, to_luastring("redis"));
  runReference(state, compile(state, PRELUDE));
  lua.lua_settop(state, 0);
  return {
    run: (source, keys, args, call) => {
      const reference = compiled.get(source) ?? compile(state, source);
      compiled.set(source, reference);
      current.call = call;
      pushTexts(state, keys);
      lua.lua_setglobal(state, to_luastring("KEYS"));
      pushTexts(state, args);
      lua.lua_setglobal(state, to_luastring("ARGV"));
      try {
        runReference(state, reference);
        return toAnswer(state, -1);
      } finally {
        lua.lua_settop(state, 0);
      }
    },
  };
}

function compile(state: LuaState, source: string): number {
  const text = bytes(source);
  if (lauxlib.luaL_loadbuffer(state, text, text.length, to_luastring("@user_script")) !== lua.LUA_OK) {
    throw new SimpleError(`ERR Error compiling script (new function): ${textAt(state, -1)}`);
  }
  return lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX);
}

function runReference(state: LuaState, reference: number): void {
  lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, reference);
  if (lua.lua_pcall(state, 0, 1, 0) === lua.LUA_OK) return;
  if (lua.lua_type(state, -1) !== lua.LUA_TTABLE) throw new SimpleError(`ERR ${textAt(state, -1)}`);
  lua.lua_getfield(state, -1, to_luastring("err"));
  throw new SimpleError(textAt(state, -1));
}

function pushRedis(state: LuaState, current: { readonly call: Call }): void {
  const functions: Readonly<Record<string, LuaFunction>> = {
    call: (inner) => {
      const answer = called(inner, current.call);
      if (!(answer instanceof SimpleError)) return pushAnswer(inner, answer);
      pushField(inner, "err", answer.message);
      return lua.lua_error(inner);
    },
    pcall: (inner) => {
      const answer = called(inner, current.call);
      if (!(answer instanceof SimpleError)) return pushAnswer(inner, answer);
      return pushField(inner, "err", answer.message);
    },
    error_reply: (inner) => {
      const text = textAt(inner, 1);
      return pushField(inner, "err", /^\S+ /.test(text) ? text : `ERR ${text}`);
    },
    status_reply: (inner) => pushField(inner, "ok", textAt(inner, 1)),
  };
  lua.lua_createtable(state, 0, 4);
  for (const [name, body] of Object.entries(functions)) {
    lua.lua_pushcfunction(state, body);
    lua.lua_setfield(state, -2, to_luastring(name));
  }
}

function called(state: LuaState, call: Call): Answer | SimpleError {
  const args: string[] = [];
  for (let at = 1; at <= lua.lua_gettop(state); at++) {
    const isNumber = lua.lua_type(state, at) === lua.LUA_TNUMBER;
    args.push(isNumber ? numberText(lua.lua_tonumber(state, at)) : textAt(state, at));
  }
  try {
    return call(args);
  } catch (error) {
    if (error instanceof SimpleError) return error;
    throw error;
  }
}

/** As "%.17g" writes a double of up to 2^53. */
function numberText(value: number): string {
  if (Number.isInteger(value)) return value.toFixed(0);
  return String(Number(value.toPrecision(17)));
}

function pushField(state: LuaState, name: string, text: string): 1 {
  lua.lua_createtable(state, 0, 1);
  lua.lua_pushstring(state, bytes(text));
  lua.lua_setfield(state, -2, to_luastring(name));
  return 1;
}

function pushTexts(state: LuaState, texts: readonly string[]): void {
  lua.lua_createtable(state, texts.length, 0);
  for (const [at, text] of texts.entries()) {
    lua.lua_pushstring(state, bytes(text));
    lua.lua_rawseti(state, -2, at + 1);
  }
}

function pushAnswer(state: LuaState, answer: Answer): 1 {
  if (answer === null) lua.lua_pushboolean(state, false);
  else if (typeof answer === "number") lua.lua_pushnumber(state, answer);
  else if (typeof answer === "string") lua.lua_pushstring(state, bytes(answer));
  else if (answer instanceof Status) pushField(state, "ok", answer.text);
  else {
    lua.lua_createtable(state, answer.length, 0);
    for (const [at, item] of answer.entries()) {
      pushAnswer(state, item);
      lua.lua_rawseti(state, -2, at + 1);
    }
  }
  return 1;
}

function toAnswer(state: LuaState, at: number): Answer {
  switch (lua.lua_type(state, at)) {
    case lua.LUA_TNUMBER:
      return Math.trunc(lua.lua_tonumber(state, at));
    case lua.LUA_TSTRING:
      return textAt(state, at);
    case lua.LUA_TBOOLEAN:
      return lua.lua_toboolean(state, at) ? 1 : null;
    case lua.LUA_TTABLE:
      return tableAnswer(state);
    default:
      return null;
  }
}

/** Of the table on top. */
function tableAnswer(state: LuaState): Answer {
  const top = lua.lua_gettop(state);
  try {
    for (const name of ["err", "ok"]) {
      if (lua.lua_getfield(state, top, to_luastring(name)) === lua.LUA_TSTRING) {
        const text = textAt(state, -1);
        if (name === "err") throw new SimpleError(text);
        return new Status(text);
      }
      lua.lua_settop(state, top);
    }
    const items: Answer[] = [];
    for (let index = 1; lua.lua_rawgeti(state, top, index) !== 0; index++) {
      items.push(toAnswer(state, -1));
      lua.lua_settop(state, top);
    }
    return items;
  } finally {
    lua.lua_settop(state, top);
  }
}

function textAt(state: LuaState, at: number): string {
  return Buffer.from(lua.lua_tostring(state, at) ?? new Uint8Array()).toString("latin1");
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
