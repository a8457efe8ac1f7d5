// Sorted sets of the simulated Redis.
import { type Answer, arity, type Database, existing, integer, made, remove, SimpleError, SYNTAX } from "./database.ts";
import type { Command } from "./plain-commands.ts";

type Scored = readonly [member: string, score: number];

function sorted(db: Database, key: string): readonly Scored[] {
  const set = existing(db, key, "zset");
  if (set === undefined) return [];
  set.sorted ??= [...set.scores].sort(([a, scoreA], [b, scoreB]) => scoreA - scoreB || (a < b ? -1 : 1));
  return set.sorted;
}

function score(text: string | undefined): number {
  const lower = text?.toLowerCase();
  if (lower === "inf" || lower === "+inf") return Number.POSITIVE_INFINITY;
  if (lower === "-inf") return Number.NEGATIVE_INFINITY;
  const parsed = Number(text);
  if (text === undefined || text.trim() === "" || Number.isNaN(parsed)) {
    throw new SimpleError("ERR value is not a valid float");
  }
  return parsed;
}

/** As Redis writes a double. */
function written(number: number): string {
  if (number === Number.POSITIVE_INFINITY) return "inf";
  return number === Number.NEGATIVE_INFINITY ? "-inf" : String(number);
}

function zadd(db: Database, [name = "", key = "", ...rest]: readonly string[]): Answer {
  const options = new Set<string>();
  let at = 0;
  for (; ["NX", "XX", "GT", "LT", "CH"].includes(rest[at]?.toUpperCase() ?? ""); at++) {
    options.add((rest[at] as string).toUpperCase());
  }
  const pairs = rest.slice(at);
  if (pairs.length === 0) throw arity(name);
  if (pairs.length % 2 !== 0) throw new SimpleError(SYNTAX);
  const given = pairs.filter((_, index) => index % 2 === 0).map(score);
  const set = made(db, key, "zset");
  let added = 0;
  let changed = 0;
  for (const [index, wanted] of given.entries()) {
    const member = pairs[index * 2 + 1] as string;
    const before = set.scores.get(member);
    if (before === undefined ? options.has("XX") : options.has("NX")) continue;
    if (before !== undefined && options.has("GT") && wanted <= before) continue;
    if (before !== undefined && options.has("LT") && wanted >= before) continue;
    if (before === undefined) added++;
    else if (before !== wanted) changed++;
    set.scores.set(member, wanted);
    db.written.push(["ZADD", key, written(wanted), member]);
  }
  set.sorted = undefined;
  if (set.scores.size === 0) remove(db, key);
  return options.has("CH") ? added + changed : added;
}

function zrem(db: Database, [, key = "", ...members]: readonly string[]): Answer {
  const set = existing(db, key, "zset");
  const gone = members.filter((member) => set?.scores.delete(member));
  if (set !== undefined) set.sorted = undefined;
  if (set?.scores.size === 0) remove(db, key);
  if (gone.length > 0) db.written.push(["ZREM", key, ...gone]);
  return gone.length;
}

function listed(scored: readonly Scored[], withScores: boolean): readonly string[] {
  return scored.flatMap(([member, value]) => (withScores ? [member, written(value)] : [member]));
}

function zrange(db: Database, [, key = "", from, to, ...options]: readonly string[]): Answer {
  const all = sorted(db, key);
  const place = (index: number): number => (index < 0 ? all.length + index : index);
  const [first, last] = [place(integer(from)), place(integer(to))];
  const withScores = options.some((option) => option.toUpperCase() === "WITHSCORES");
  if (options.length > (withScores ? 1 : 0)) throw new SimpleError(SYNTAX);
  return listed(all.slice(Math.max(0, first), Math.max(0, last + 1)), withScores);
}

function bound(text: string | undefined): (value: number) => number {
  const isOpen = text?.startsWith("(") === true;
  let limit: number;
  try {
    limit = score(isOpen ? text?.slice(1) : text);
  } catch {
    throw new SimpleError("ERR min or max is not a float");
  }
  return (value) => (value === limit ? (isOpen ? Number.NaN : 0) : value - limit);
}

function between(db: Database, key: string, from: string | undefined, to: string | undefined): readonly Scored[] {
  const [least, most] = [bound(from), bound(to)];
  return sorted(db, key).filter(([, value]) => least(value) >= 0 && most(value) <= 0);
}

function zrangeByScore(db: Database, [, key = "", from, to, ...options]: readonly string[]): Answer {
  let withScores = false;
  let skip = 0;
  let count = Number.POSITIVE_INFINITY;
  for (let at = 0; at < options.length; at++) {
    const option = options[at]?.toUpperCase();
    if (option === "WITHSCORES") withScores = true;
    else if (option === "LIMIT") {
      skip = integer(options[++at]);
      const wanted = integer(options[++at]);
      count = wanted < 0 ? Number.POSITIVE_INFINITY : wanted;
    } else throw new SimpleError(SYNTAX);
  }
  return listed(between(db, key, from, to).slice(skip, skip + count), withScores);
}

/** Members in the order of a hash of theirs, the cursor being the last one's: who is there all along is told of. */
function zscan(db: Database, [, key = "", cursor, ...options]: readonly string[]): Answer {
  const after = integer(cursor);
  const countAt = options.findIndex((option) => option.toUpperCase() === "COUNT");
  const count = countAt < 0 ? 10 : integer(options[countAt + 1]);
  const left = sorted(db, key)
    .map(([member, value]) => ({ member, value, place: placeOf(member) }))
    .filter(({ place }) => place > after)
    .sort((a, b) => a.place - b.place || (a.member < b.member ? -1 : 1));
  const last = left[count - 1];
  const page = last === undefined ? left : left.filter(({ place }) => place <= last.place);
  const next = page.length === left.length ? "0" : String(last?.place);
  return [next, page.flatMap(({ member, value }) => [member, written(value)])];
}

function placeOf(member: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < member.length; at++) hash = Math.imul(hash ^ member.charCodeAt(at), 0x01000193) >>> 0;
  return hash + 1;
}

function scoreOf(db: Database, key: string, member: string): string | null {
  const found = existing(db, key, "zset")?.scores.get(member);
  return found === undefined ? null : written(found);
}

export const SORTED_SET_COMMANDS: Readonly<Record<string, Command>> = {
  ZADD: zadd,
  ZREM: zrem,
  ZCARD: (db, [, key = ""]) => existing(db, key, "zset")?.scores.size ?? 0,
  ZCOUNT: (db, [, key = "", from, to]) => between(db, key, from, to).length,
  ZSCORE: (db, [, key = "", member = ""]) => scoreOf(db, key, member),
  ZMSCORE: (db, [, key = "", ...members]) => members.map((member) => scoreOf(db, key, member)),
  ZRANGE: zrange,
  ZRANGEBYSCORE: zrangeByScore,
  ZSCAN: zscan,
};
