// What the simulation uses of fengari, which has no declarations of its own.
declare module "fengari" {
  /** Opaque. */
  export interface LuaState {
    readonly l_G: unknown;
  }
  export type LuaFunction = (state: LuaState) => number;
  export const lua: {
    readonly LUA_OK: number;
    readonly LUA_REGISTRYINDEX: number;
    readonly LUA_TNUMBER: number;
    readonly LUA_TSTRING: number;
    readonly LUA_TBOOLEAN: number;
    readonly LUA_TTABLE: number;
    readonly lua_pushstring: (state: LuaState, bytes: Uint8Array) => unknown;
    readonly lua_pushnumber: (state: LuaState, value: number) => void;
    readonly lua_pushboolean: (state: LuaState, value: boolean) => void;
    readonly lua_pushnil: (state: LuaState) => void;
    readonly lua_pushcfunction: (state: LuaState, body: LuaFunction) => void;
    readonly lua_createtable: (state: LuaState, items: number, fields: number) => void;
    readonly lua_rawseti: (state: LuaState, at: number, index: number) => void;
    readonly lua_rawgeti: (state: LuaState, at: number, index: number) => number;
    readonly lua_setfield: (state: LuaState, at: number, name: Uint8Array) => void;
    readonly lua_getfield: (state: LuaState, at: number, name: Uint8Array) => number;
    readonly lua_setglobal: (state: LuaState, name: Uint8Array) => void;
    readonly lua_type: (state: LuaState, at: number) => number;
    readonly lua_tostring: (state: LuaState, at: number) => Uint8Array | null;
    readonly lua_tonumber: (state: LuaState, at: number) => number;
    readonly lua_toboolean: (state: LuaState, at: number) => boolean;
    readonly lua_gettop: (state: LuaState) => number;
    readonly lua_settop: (state: LuaState, top: number) => void;
    readonly lua_pcall: (state: LuaState, args: number, results: number, handler: number) => number;
    readonly lua_error: (state: LuaState) => number;
  };
  export const lauxlib: {
    readonly luaL_newstate: () => LuaState;
    readonly luaL_loadbuffer: (state: LuaState, text: Uint8Array, size: number, name: Uint8Array) => number;
    readonly luaL_ref: (state: LuaState, at: number) => number;
  };
  export const lualib: { readonly luaL_openlibs: (state: LuaState) => void };
  export const to_luastring: (text: string) => Uint8Array;
}
