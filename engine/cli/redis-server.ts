// The Redis that the engine starts for itself where REDIS_URL is not set: append-only, in a folder of its own, reachable
// by a unix socket (1.7 times the throughput of loopback TCP) and on a free loopback port for redis-cli.
// Who owns it is told by an open connection named OWNER: the kernel closes it when its process dies, however it dies.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readFile, realpath, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis, type RedisConnection, text } from "../journal/redis.ts";
import { LIMITS } from "../limits.ts";
import { cutHalfScript } from "./cut-half-script.ts";
import { ensureProgram, REDIS } from "./programs.ts";
import { CommandTrouble } from "./terminal.ts";

export interface RunningRedis {
  /** What the engine connects to. */
  readonly url: string;
  /** What a person gives to `redis-cli -u`. */
  readonly tcpUrl: string;
  readonly origin: "given" | "started" | "adopted";
  /** Resolves with the reason when it is gone or lost from sight; never where it was given. */
  readonly ended: Promise<string>;
  /** Ends it and waits until it is gone; does nothing where it was given. */
  readonly stop: () => Promise<void>;
}

export interface RedisServerOptions {
  /** REDIS_URL; undefined: start one. */
  readonly redisUrl: string | undefined;
  /** Its folder, made where missing. */
  readonly dir: string;
  /** appendfsync always: what is acknowledged survives a power cut. Else each second. */
  readonly durable: boolean;
  /** On loopback; left out: any that is free. */
  readonly port?: number | undefined;
  readonly say: (line: string) => void;
}

class RedisServerTrouble extends CommandTrouble {
  constructor(message: string) {
    super(message, 1);
  }
}

const OWNER = "nba-owner";
/** XTRIM MINID and XADD NOMKSTREAM. */
const VERSION_MIN = [6, 2] as const;
/** sun_path holds 104 bytes on macOS, 108 on Linux. */
const SOCKET_PATH_MAX = 100;
const POLL_MS = 20;

const never = new Promise<never>(() => undefined);

export async function startRedis(options: RedisServerOptions): Promise<RunningRedis> {
  const { redisUrl } = options;
  if (redisUrl !== undefined) {
    return { url: redisUrl, tcpUrl: redisUrl, origin: "given", ended: never, stop: async () => undefined };
  }
  await mkdir(options.dir, { recursive: true });
  const dir = await realpath(options.dir);
  const release = await takeStartLock(dir);
  try {
    const url = `unix://${socketPath(dir)}`;
    const left = await tryConnect(url);
    if (left !== undefined) return await adopt(left, url, dir, options.say);
    return await launch(url, dir, options);
  } finally {
    await release();
  }
}

async function launch(url: string, dir: string, options: RedisServerOptions): Promise<RunningRedis> {
  const program = ensureProgram(REDIS, process.env["PATH"] ?? "", options.say);
  if (program.kind === "missing") throw new RedisServerTrouble(`${program.line}; or set REDIS_URL`);
  await rm(socketPath(dir), { force: true });
  const cut = await cutHalfScript(dir);
  if (cut > 0)
    options.say(`cut ${cut} bytes off the append-only file in ${dir}: a script that was not written to its end`);
  // In a session of its own: Ctrl-C reaches the whole foreground group, and Redis has to outlive the engine's last commit.
  const child = spawn(program.file, await serverArguments(dir, options), { stdio: "ignore", detached: true });
  child.unref();
  const owner = await firstConnection(child, url, dir);
  await owner.command(["CLIENT", "SETNAME", OWNER]);
  return await claimed(owner, url, "started");
}

/** Left over from an engine that was killed: it is ours if its folder is ours and nobody else holds it. */
async function adopt(
  found: RedisConnection,
  url: string,
  dir: string,
  say: (line: string) => void,
): Promise<RunningRedis> {
  const serves = await configValue(found, "dir");
  if (serves !== dir) {
    found.close();
    throw new RedisServerTrouble(
      `the Redis behind ${url} keeps its files in "${serves}", not in "${dir}"; end it or set NBA_STATE_DIR`,
    );
  }
  const clients = text(await found.command(["CLIENT", "LIST"]));
  if (clients.includes(` name=${OWNER} `)) {
    found.close();
    throw new RedisServerTrouble(
      `another engine is running on "${dir}"; stop it, or set NBA_STATE_DIR to another folder`,
    );
  }
  await found.command(["CLIENT", "SETNAME", OWNER]);
  say(`using the Redis that an earlier run left behind in ${dir}`);
  return await claimed(found, url, "adopted");
}

async function claimed(owner: RedisConnection, url: string, origin: "started" | "adopted"): Promise<RunningRedis> {
  const server = text(await owner.command(["INFO", "server"]));
  const pid = Number(/^process_id:(\d+)/m.exec(server)?.[1]);
  const tcpUrl = `redis://127.0.0.1:${await configValue(owner, "port")}`;
  const ended = new Promise<string>((resolve) => owner.onClosed(resolve));
  const stop = async (): Promise<void> => {
    owner.close();
    await endProcess(pid, url.slice("unix://".length));
  };
  const version = /^redis_version:(\d+)\.(\d+)/m.exec(server);
  const [major, minor] = [Number(version?.[1]), Number(version?.[2])];
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1])) {
    await stop();
    throw new RedisServerTrouble(
      `redis ${major}.${minor} is too old; install ${VERSION_MIN.join(".")} or newer, or set REDIS_URL`,
    );
  }
  return { url, tcpUrl, origin, ended, stop };
}

async function serverArguments(dir: string, { durable, port }: RedisServerOptions): Promise<string[]> {
  const pairs: readonly (readonly [string, string])[] = [
    ["--port", String(port ?? (await freePort()))],
    ["--bind", "127.0.0.1"],
    ["--unixsocket", socketPath(dir)],
    ["--unixsocketperm", "700"],
    ["--dir", dir],
    ["--appendonly", "yes"],
    ["--appendfsync", durable ? "always" : "everysec"],
    ["--save", ""],
    ["--maxmemory-policy", "noeviction"],
    ["--daemonize", "no"],
    ["--logfile", join(dir, "redis.log")],
  ];
  return pairs.flat();
}

async function firstConnection(child: ChildProcess, url: string, dir: string): Promise<RedisConnection> {
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  for (let waitedMs = 0; waitedMs < LIMITS.redisStartMs; waitedMs += POLL_MS) {
    const connection = await tryConnect(url);
    if (connection !== undefined) return connection;
    if (failure !== undefined || child.exitCode !== null || child.signalCode !== null) break;
    await sleep(POLL_MS);
  }
  child.kill("SIGKILL");
  const log = join(dir, "redis.log");
  const lines =
    failure?.message ?? (await readFile(log, "utf8").catch(() => "")).trimEnd().split("\n").slice(-2).join("; ");
  throw new RedisServerTrouble(`the Redis in "${dir}" did not start: ${lines} (see ${log})`);
}

/** A server that answers PING, or undefined: none there, or still loading its files. */
async function tryConnect(url: string): Promise<RedisConnection | undefined> {
  let connection: RedisConnection | undefined;
  try {
    connection = await connectRedis({ url, silenceMs: LIMITS.redisStartMs });
    await connection.command(["PING"]);
    return connection;
  } catch (error) {
    connection?.close();
    if (error instanceof Error && error.message.startsWith("LOADING")) {
      await sleep(POLL_MS);
      return tryConnect(url);
    }
    return undefined;
  }
}

async function configValue(connection: RedisConnection, name: string): Promise<string> {
  const reply = await connection.command(["CONFIG", "GET", name]);
  return Array.isArray(reply) ? text(reply[1]) : "";
}

/** SIGTERM lets Redis finish its file; one that does not end within the drain time is killed, which loses nothing that was acknowledged. */
async function endProcess(pid: number, socket: string): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!signalled(pid, signal)) return;
    for (let waitedMs = 0; waitedMs < LIMITS.redisStopMs; waitedMs += POLL_MS) {
      await sleep(POLL_MS);
      // An adopted server is nobody's child: where nothing reaps it, its number stays taken. Its socket closes last of all.
      if (!signalled(pid, 0) || !(await accepts(socket))) return;
    }
  }
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.once("connect", () => connection.destroy());
    connection.once("connect", () => resolve(true));
    connection.once("error", () => resolve(false));
  });
}

/** False where there is no such process any more. */
function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Two engines that start in the same moment would both find no server: the second one waits its turn. */
async function takeStartLock(dir: string): Promise<() => Promise<void>> {
  const file = join(dir, "starting");
  for (let waitedMs = 0; waitedMs < LIMITS.redisStartMs * 2; waitedMs += POLL_MS) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = Number(await readFile(file, "utf8").catch(() => "0"));
    if (holder > 0 && !signalled(holder, 0)) await rm(file, { force: true });
    await sleep(POLL_MS);
  }
  throw new RedisServerTrouble(
    `another engine is starting in "${dir}" for too long; remove "${file}" if that is not so`,
  );
}

function socketPath(dir: string): string {
  const beside = join(dir, "redis.sock");
  if (Buffer.byteLength(beside) <= SOCKET_PATH_MAX) return beside;
  return join(tmpdir(), `nba-${createHash("sha256").update(dir).digest("hex").slice(0, 16)}.sock`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free loopback port was given");
  return address.port;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
