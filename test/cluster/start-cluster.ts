// A real Redis Cluster for one test file: masters and their replicas on loopback, in a temporary folder, gone at the end.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { slotOf } from "../../engine/journal/cluster-slots.ts";
import { freePort } from "../redis.ts";

export interface ClusterNode {
  readonly port: number;
  /** Where it speaks TLS; 0: nowhere. */
  readonly tlsPort: number;
  readonly admin: Redis;
  readonly child: ChildProcess;
}

export interface TestCluster {
  /** As REDIS_URL takes it. */
  readonly url: string;
  readonly nodes: readonly ClusterNode[];
  /** The node that is master of this slot by its own opinion just now. Waits until there is one that lives. */
  readonly masterOf: (slot: number) => Promise<ClusterNode>;
  /** Replicas that follow this master now. */
  readonly replicasOf: (master: ClusterNode) => Promise<readonly ClusterNode[]>;
  /** A client that knows the cluster, to look at what is there. */
  readonly open: (key: string) => Promise<Redis>;
  readonly stop: () => Promise<void>;
}

const MASTERS = 3;
const SLOTS = 16_384;

export async function startCluster(options: {
  readonly replicas: number;
  readonly args?: readonly string[];
  /** Where certificates are to be found, as options of the server: with them it speaks TLS too. */
  readonly tls?: readonly string[];
}): Promise<TestCluster> {
  const dir = await mkdtemp(join(tmpdir(), "nba-cluster-"));
  const count = MASTERS * (1 + options.replicas);
  const started = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => startNode(dir, index, options.args ?? [], options.tls)),
  );
  const nodes = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const stop = async (): Promise<void> => {
    for (const { admin } of nodes) admin.disconnect();
    await Promise.all(nodes.map(({ child }) => endNode(child)));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    for (const one of started) if (one.status === "rejected") throw one.reason;
    await joinAll(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  const masterOf = async (slot: number): Promise<ClusterNode> =>
    await eventually(`a master of slot ${slot}`, async () => {
      for (const node of nodes)
        if (isAlive(node) && (await ownSlots(node)).some(([from, to]) => from <= slot && slot <= to)) return node;
      return undefined;
    });
  return {
    url: nodes.map(({ port }) => `redis://127.0.0.1:${port}`).join(","),
    nodes,
    masterOf,
    replicasOf: async (master) => {
      const id = await master.admin.cluster("MYID");
      const following = await Promise.all(
        nodes.map(async (node) => isAlive(node) && myself(await nodesOf(node.admin)).includes(` slave ${id} `)),
      );
      return nodes.filter((_, index) => following[index] === true);
    },
    open: async (key) => (await masterOf(slotOf(key))).admin,
    stop,
  };
}

export function isAlive({ child }: ClusterNode): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Asks until there is an answer; within half a minute. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = performance.now() + 30_000;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (performance.now() > giveUpAt) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Ends it without warning, and waits until it is gone. */
export async function killNode(node: ClusterNode): Promise<void> {
  node.admin.disconnect();
  await endNode(node.child);
}

/** Others take ports as well: one that was free a moment ago may be taken now, and the node ends at once. */
const ATTEMPTS = 5;

async function startNode(
  dir: string,
  index: number,
  args: readonly string[],
  certificates: readonly string[] | undefined,
): Promise<ClusterNode> {
  const own = join(dir, String(index));
  await mkdir(own);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const node = await launchNode(own, args, certificates);
    const isUp = await eventually(
      `node ${index}`,
      async () => isAlive(node) && (await node.admin.ping()) === "PONG",
    ).catch(() => false);
    if (isUp) return node;
    await killNode(node);
  }
  throw new Error(`node ${index} does not come up: ${await readFile(join(own, "redis.log"), "utf8")}`);
}

async function launchNode(
  own: string,
  args: readonly string[],
  certificates: readonly string[] | undefined,
): Promise<ClusterNode> {
  const [port, bus] = [await freePort(), await freePort()];
  const tlsPort = certificates === undefined ? 0 : await freePort();
  const tls =
    certificates === undefined ? [] : ["--tls-port", String(tlsPort), "--tls-cluster", "yes", ...certificates];
  const settings = [
    ["--port", String(port)],
    ["--cluster-port", String(bus)],
    ["--bind", "127.0.0.1"],
    ["--dir", own],
    ["--logfile", join(own, "redis.log")],
    ["--save", ""],
    ["--appendonly", "no"],
    ["--cluster-enabled", "yes"],
    ["--cluster-node-timeout", "1000"],
    ["--cluster-require-full-coverage", "no"],
    ["--cluster-replica-validity-factor", "0"],
    ["--repl-diskless-sync-delay", "0"],
    ["--repl-backlog-size", "16mb"],
  ].flat();
  const child = spawn("redis-server", [...settings, ...tls, ...args], { stdio: "ignore" });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.removeListener("exit", killAtExit));
  const admin = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 50, maxRetriesPerRequest: 200 });
  admin.on("error", () => undefined); // while it starts, and once it is killed
  return { port, tlsPort, admin, child };
}

/** Slots, acquaintance, replicas; resolves when every node agrees and every replica is in step. */
async function joinAll(nodes: readonly ClusterNode[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS);
  const share = Math.ceil(SLOTS / MASTERS);
  for (const [index, { admin }] of nodes.entries()) {
    await admin.cluster("SET-CONFIG-EPOCH", index + 1);
    const from = index * share;
    if (index < MASTERS) await admin.call("CLUSTER", "ADDSLOTSRANGE", from, Math.min(SLOTS, from + share) - 1);
  }
  const [{ admin: first }] = masters as [ClusterNode];
  for (const node of nodes.slice(1)) {
    const bus = (await node.admin.config("GET", "cluster-port")) as string[];
    await first.call("CLUSTER", "MEET", "127.0.0.1", node.port, bus[1] as string);
  }
  await known(nodes, (text) => text.split("\n").filter((line) => line.includes("connected")).length === nodes.length);
  for (const [index, node] of nodes.slice(MASTERS).entries()) {
    const master = masters[index % MASTERS] as ClusterNode;
    await node.admin.cluster("REPLICATE", await master.admin.cluster("MYID"));
  }
  const replicas = nodes.length - MASTERS;
  await known(nodes, (text) => (text.match(/ (?:myself,)?slave /g) ?? []).length === replicas);
  for (const node of nodes.slice(MASTERS)) {
    await eventually(
      "a replica in step",
      async () => /master_link_status:up/.test(await node.admin.info("replication")) || undefined,
    );
  }
  for (const { admin } of nodes) {
    await eventually(
      "a cluster in order",
      async () => /cluster_state:ok/.test(await admin.cluster("INFO")) || undefined,
    );
  }
}

async function known(nodes: readonly ClusterNode[], isSo: (nodes: string) => boolean): Promise<void> {
  for (const { admin } of nodes) {
    await eventually("every node to know the others", async () => isSo(await nodesOf(admin)) || undefined);
  }
}

async function nodesOf(admin: Redis): Promise<string> {
  return String(await admin.cluster("NODES"));
}

function myself(nodes: string): string {
  return nodes.split("\n").find((line) => line.includes("myself")) ?? "";
}

async function ownSlots({ admin }: ClusterNode): Promise<(readonly [number, number])[]> {
  const line = myself(await nodesOf(admin));
  if (!/myself,master/.test(line)) return [];
  return line
    .split(" ")
    .slice(8)
    .filter((each) => !each.startsWith("["))
    .map((each) => each.split("-").map(Number))
    .map(([from, to]) => [from as number, to ?? (from as number)] as const);
}

async function endNode(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await exit;
}
