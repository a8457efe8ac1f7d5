// A power cut in the middle of a script: the own Redis starts without any of it, and later starts bring back none of it either.
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cutHalfScript } from "../../engine/cli/cut-half-script.ts";
import { startRedis } from "../../engine/cli/redis-server.ts";
import { connectRedis, text } from "../../engine/journal/redis.ts";

const MANIFEST = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";

let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "nba-half-"));
  await mkdir(join(dir, "appendonlydir"));
  file = join(dir, "appendonlydir/appendonly.aof.1.incr.aof");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const command = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
const script = (value: string): string =>
  [["MULTI"], ["SET", "a", value], ["SET", "b", value], ["EXEC"]].map((words) => command(...words)).join("");

async function cutOf(content: string): Promise<{ cut: number; left: string }> {
  await writeFile(join(dir, "appendonlydir/appendonly.aof.manifest"), MANIFEST);
  await writeFile(file, content);
  const cut = await cutHalfScript(dir);
  return { cut, left: await readFile(file, "utf8") };
}

it("cuts a script that is not whole at its begin, wherever it ends, and leaves all else", async () => {
  const whole = `${command("SELECT", "0") + script("1")}#TS:1\r\n${command("SET", "c", "1")}`;
  const half = script("2").slice(0, -1);
  for (let length = 0; length <= half.length; length++) {
    const isSure = length >= command("MULTI").length;
    const content = whole + half.slice(0, length);
    expect(await cutOf(content), `${length} bytes`).toEqual({
      cut: isSure ? length : 0, // of less, Redis itself leaves nothing
      left: isSure ? whole : content,
    });
  }
  expect(await cutOf(whole + script("2"))).toEqual({ cut: 0, left: whole + script("2") });
});

it("is not taken in by what somebody sent, nor touches what is faulty", async () => {
  const sent = command("SET", "a", command("MULTI"));
  expect((await cutOf(sent)).cut).toBe(0);
  expect((await cutOf(script(command("EXEC") + command("MULTI")) + sent)).cut).toBe(0);
  expect((await cutOf(`${script("1")}nonsense${command("MULTI")}`)).cut).toBe(0);
  await rm(join(dir, "appendonlydir"), { recursive: true });
  expect(await cutHalfScript(dir)).toBe(0);
});

it("reads a file larger than its window, with a command that is larger, too", async () => {
  const large = command("SET", "large", "x".repeat(9 * 2 ** 20));
  const content = large + script("1") + large + sentLike() + script("2").slice(0, -3);
  const { cut, left } = await cutOf(content);
  expect(cut).toBe(script("2").length - 3);
  expect(left.length).toBe(content.length - cut);
}, 30_000);

const sentLike = (): string => command("SET", "sent", command("MULTI"));

it("lets the own Redis start, and start again, without half of a script", async () => {
  const said: string[] = [];
  const start = () => startRedis({ redisUrl: undefined, dir, durable: true, say: (line) => void said.push(line) });
  const run = async (url: string, ...commands: string[][]): Promise<string[]> => {
    const connection = await connectRedis({ url, silenceMs: 5_000 });
    const replies: string[] = [];
    for (const each of commands) replies.push(text(await connection.command(each)));
    connection.close();
    return replies;
  };
  const both = (value: string): string[] => [
    "EVAL",
    "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) return 'OK'",
    ...["2", "{k}a", "{k}b", value],
  ];
  const read = [
    ["GET", "{k}a"],
    ["GET", "{k}b"],
  ];
  let redis = await start();
  try {
    await run(redis.url, both("1"), both("2"));
    await redis.stop();
    const written = await readFile(file, "latin1");
    await truncate(file, written.lastIndexOf("{k}b") + 2); // the second half of the second script
    redis = await start();
    expect(said.join()).toMatch(/cut \d+ bytes off the append-only file .*: a script that was not written to its end/);
    expect(await run(redis.url, ...read)).toEqual(["1", "1"]);
    await run(redis.url, ["SET", "later", "1"]);
    await redis.stop();
    redis = await start();
    expect(await run(redis.url, ...read, ["GET", "later"])).toEqual(["1", "1", "1"]);
  } finally {
    await redis.stop();
  }
}, 30_000);
