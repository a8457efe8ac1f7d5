// Commands as the engine sends them, and some that it does not, at random over a few keys of every type.
import { readFileSync } from "node:fs";
import { sourceFile } from "../../engine/journal/source-file.ts";
import type { Chance } from "../decide/chance.ts";

const KEYS = ["{t}:a", "{t}:b", "{t}:c", "{t}:d", "{t}:e"];
const MEMBERS = ["x", "y", "z", "Ünder", "anon:1", ""];
const lua = (path: string): string => readFileSync(sourceFile(path), "utf8");
/** By a time of its own: the clock of a real server is not known to the millisecond. */
const appendOnce = (ms: number): string => lua("engine/ingest/append-once.lua").replace("'*'", `'${ms}-*'`);
const QUOTA = lua("engine/journal/quota.lua");
/** Of what Lua counts and writes otherwise from version to version. */
const COUNTING = `
  local n = tonumber(ARGV[1])
  local found = {}
  for word in string.gmatch(ARGV[2], '%S+') do found[#found + 1] = word end
  redis.call('SET', KEYS[1], n * 1000)
  local text = redis.call('GET', KEYS[1])
  local failed = redis.pcall('HGET', KEYS[1], 'f')
  return { n, text, tostring(n), string.format('%.0f', n * 1000), math.floor(n / 3), #found, failed.err:match('^%S+'),
    redis.call('TYPE', KEYS[1]).ok, redis.call('EXISTS', KEYS[2]), { unpack(found, 1, math.min(#found, 2)) }, math.max(n, 7) }
`;

export function randomCommand(chance: Chance): readonly string[] {
  return chance.pick(MAKERS)(chance);
}

const key = (chance: Chance): string => chance.pick(KEYS);
const member = (chance: Chance): string => chance.pick(MEMBERS);
const number = (chance: Chance): string => String(chance.below(40) - 10);
const id = (chance: Chance): string => `${chance.below(30)}-${chance.below(3)}`;
const score = (chance: Chance): string => chance.pick(["1", "2.5", "-3", "inf", "1763800000000", "-inf"]);
const from = (chance: Chance): string => chance.pick(["-", id(chance), `(${id(chance)}`, "5", "0"]);
const to = (chance: Chance): string => chance.pick(["+", id(chance), `(${id(chance)}`, "20"]);
const count = (chance: Chance): readonly string[] => chance.pick([[], ["COUNT", String(1 + chance.below(4))]]);

const MAKERS: readonly ((chance: Chance) => readonly string[])[] = [
  (chance) => ["SET", key(chance), member(chance), ...chance.pick([[], ["NX"], ["XX"], ["EX", "100"], ["KEEPTTL"]])],
  (chance) => ["GET", key(chance)],
  (chance) => ["MGET", key(chance), key(chance), "{t}:none"],
  (chance) => ["DEL", key(chance), key(chance)],
  (chance) => ["EXISTS", key(chance), key(chance)],
  (chance) => ["TYPE", key(chance)],
  (chance) => ["SETRANGE", key(chance), String(chance.below(9)), member(chance)],
  (chance) => ["STRLEN", key(chance)],
  (chance) => ["HSET", key(chance), member(chance), number(chance), member(chance), member(chance)],
  (chance) => ["HSETNX", key(chance), member(chance), number(chance)],
  (chance) => ["HGET", key(chance), member(chance)],
  (chance) => ["HMGET", key(chance), member(chance), "nothing"],
  (chance) => ["HGETALL", key(chance)],
  (chance) => ["HDEL", key(chance), member(chance), member(chance)],
  (chance) => ["HLEN", key(chance)],
  (chance) => ["HINCRBY", key(chance), member(chance), number(chance)],
  (chance) => ["ZADD", key(chance), score(chance), member(chance), score(chance), member(chance)],
  (chance) => ["ZADD", key(chance), chance.pick(["NX", "XX", "GT", "LT", "CH"]), score(chance), member(chance)],
  (chance) => ["ZREM", key(chance), member(chance)],
  (chance) => ["ZCARD", key(chance)],
  (chance) => ["ZSCORE", key(chance), member(chance)],
  (chance) => ["ZMSCORE", key(chance), member(chance), "nothing"],
  (chance) => ["ZRANGE", key(chance), number(chance), number(chance), ...chance.pick([[], ["WITHSCORES"]])],
  (chance) => ["ZRANGEBYSCORE", key(chance), score(chance), `(${score(chance)}`, "WITHSCORES", "LIMIT", "0", "3"],
  (chance) => ["ZRANGEBYSCORE", key(chance), "-inf", score(chance)],
  (chance) => ["XADD", key(chance), id(chance), "d", member(chance)],
  (chance) => ["XADD", key(chance), "MAXLEN", "=", "4", id(chance), "d", member(chance), "s", "1"],
  (chance) => ["XADD", key(chance), id(chance), "d"],
  (chance) => ["XLEN", key(chance)],
  (chance) => ["XRANGE", key(chance), from(chance), to(chance), ...count(chance)],
  (chance) => ["XREVRANGE", key(chance), to(chance), from(chance), ...count(chance)],
  (chance) => ["XTRIM", key(chance), "MINID", id(chance)],
  (chance) => ["XTRIM", key(chance), "MAXLEN", String(chance.below(6))],
  (chance) => ["XDEL", key(chance), id(chance), id(chance)],
  (chance) => ["XREAD", ...count(chance), "STREAMS", "{t}:a", "{t}:b", id(chance), id(chance)],
  (chance) => [
    "EVAL",
    COUNTING,
    "2",
    "{t}:counted",
    key(chance),
    chance.pick(["7", "1763800000000", "2.5"]),
    "a bc  d",
  ],
  (chance) => {
    const ids = [id(chance), id(chance)];
    const first = chance.pick(["", ids[0] ?? ""]);
    const counts = chance.pick(["1", "1", "1 1", "2", "1 3", "0"]);
    const shared = chance.pick([["1", "d"], ["3", "s", "x", "d"], ["0"]]);
    const own = Array.from({ length: chance.pick([2, 2, 4]) }, () => member(chance));
    const head = [member(chance), chance.pick(["0", "0", "1", "x"]), ids.join(" "), first, ids[1] ?? "", counts];
    return [
      "EVAL",
      appendOnce(1_763_800_000_000 + chance.below(4)),
      "2",
      key(chance),
      key(chance),
      ...head,
      ...shared,
      ...own,
    ];
  },
  (chance) => [
    "EVAL",
    QUOTA,
    "1",
    chance.pick(["{t}:quota", key(chance)]),
    "1000",
    "8",
    "0",
    ...row(chance),
    ...row(chance),
  ],
];

function row(chance: Chance): readonly string[] {
  const whole = (bound: number): string => String(chance.below(bound));
  const partition = chance.pick(["0", "1"]);
  if (chance.is(0.3)) return ["give", partition, whole(4), whole(50), whole(80), "0", "0"];
  return ["ask", partition, whole(4), whole(50), "1", whole(20), whole(200)];
}
