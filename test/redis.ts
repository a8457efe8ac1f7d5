// A real Redis for one test file: in a temporary folder, on a free loopback port and a unix socket, gone at the end.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestRedis {
  /** unix:///... */
  readonly url: string;
  readonly socket: string;
  /** redis://127.0.0.1:PORT, for clients that want TCP. */
  readonly tcpUrl: string;
  readonly port: number;
  readonly dir: string;
  /** Ends the server without warning, as a power cut would; what was acknowledged is there after `restart` if append-only. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same folder, port and socket. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Starts one; `appendOnly` with appendfsync always. Rejects with the server's own log where it does not come up. */
export async function startTestRedis(
  options: { readonly appendOnly?: boolean; readonly args?: readonly string[] } = {},
): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), "nba-redis-"));
  const socket = join(dir, "redis.sock");
  const base = ["--bind", "127.0.0.1", "--unixsocket", socket, "--dir", dir, "--save", ""];
  base.push("--logfile", join(dir, "redis.log"), "--appendonly", options.appendOnly === true ? "yes" : "no");
  base.push("--appendfsync", "always", ...(options.args ?? []));
  const first = await launchOnFreePort(base, socket, dir);
  const { port, args } = first;
  let { child } = first;
  const end = (signal: NodeJS.Signals): Promise<void> => ended(child, signal);
  return {
    url: `unix://${socket}`,
    socket,
    tcpUrl: `redis://127.0.0.1:${port}`,
    port,
    dir,
    kill: () => end("SIGKILL"),
    restart: async () => {
      await end("SIGTERM");
      child = await launch(args, socket, dir);
    },
    stop: async () => {
      await end("SIGKILL");
      // Where it was rewriting its file, the process that it forked for it may still put one there.
      await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

/** A port of the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

/** Others take ports as well: one that was free a moment ago may be taken now. */
const ATTEMPTS = 5;

async function launchOnFreePort(base: readonly string[], socket: string, dir: string) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const args = ["--port", String(port), ...base];
    try {
      return { port, args, child: await launch(args, socket, dir) };
    } catch (error) {
      if (attempt === ATTEMPTS || !String(error).includes("Address already in use")) throw error;
      await rm(join(dir, "redis.log"), { force: true });
    }
  }
}

async function launch(args: readonly string[], socket: string, dir: string): Promise<ChildProcess> {
  await rm(socket, { force: true });
  const child = spawn("redis-server", args, { stdio: "ignore" });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.removeListener("exit", killAtExit));
  const broken = new Promise<never>((_, reject) => child.once("error", reject));
  broken.catch(() => undefined);
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await Promise.race([answersPing(socket), broken])) return child;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await ended(child, "SIGKILL");
  throw new Error(`redis-server did not come up: ${await readFile(join(dir, "redis.log"), "utf8")}`);
}

/** True once it answers PONG; a server that is still loading its files does not. */
function answersPing(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    const settle = (answer: boolean): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.once("error", () => settle(false));
    connection.once("data", (bytes) => settle(bytes.toString("latin1").startsWith("+PONG")));
    connection.once("connect", () => connection.write("PING\r\n"));
    connection.setTimeout(1_000, () => settle(false));
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  await exit;
}
