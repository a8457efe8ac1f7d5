// An engine on a Redis with TLS, as a user that may do what it needs and nothing else.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineAclRule } from "../../engine/journal/acl.ts";
import { commandNames, shapeOf } from "../../engine/journal/command-table.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { freePort, startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { eventually, startCluster } from "./start-cluster.ts";

const dir = mkdtempSync(join(tmpdir(), "nba-tls-"));
let redis: TestRedis;
let tlsPort: number;
let admin: Redis;
let engine: EngineProcess | undefined;

beforeAll(async () => {
  makeCertificates();
  tlsPort = await freePort();
  redis = await startTestRedis({ args: ["--tls-port", String(tlsPort), ...certificates()] });
  admin = new Redis(redis.socket);
  await admin.call("ACL", "SETUSER", "engine", "on", ">secret-of-the-test", ...engineAclRule());
}, 60_000);
afterAll(async () => {
  await engine?.stop();
  admin?.disconnect();
  await redis?.stop();
  rmSync(dir, { recursive: true, force: true });
});

function certificates(): readonly string[] {
  const own = ["--tls-cert-file", join(dir, "server.crt"), "--tls-key-file", join(dir, "server.key")];
  return [...own, "--tls-ca-cert-file", join(dir, "ca.crt"), "--tls-auth-clients", "no"];
}

/** An authority of our own, and a certificate by it for 127.0.0.1. */
function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  const subject = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  openssl(
    "req",
    "-x509",
    ...subject,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=test-authority",
    "-days",
    "2",
  );
  openssl("req", ...subject, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1");
  writeFileSync(join(dir, "names"), "subjectAltName=IP:127.0.0.1\n");
  const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
  openssl("x509", "-req", "-in", "server.csr", "-out", "server.crt", ...by);
}

const settings = (): Record<string, string> => ({
  REDIS_URL: `rediss://engine:secret-of-the-test@127.0.0.1:${tlsPort}`,
  NODE_EXTRA_CA_CERTS: join(dir, "ca.crt"),
  PARTITIONS: "4",
  RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
  MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
});

/** What an engine does that takes a purchase over a named stream, decides, dispatches and answers. */
async function liveWith(started: EngineProcess, at: (key: string) => Promise<Redis>): Promise<void> {
  const sent = { id: "tls-1", type: "purchase", customer: "tess", ts: Date.now(), props: { amount: 500 } };
  await (await at("transactions")).xadd("transactions", "*", "d", JSON.stringify(sent));
  const stream = "nba:channel:push";
  await eventually("the push", async () => (await (await at(stream)).xlen(stream)) || undefined);
  const post = (path: string, body: object) =>
    fetch(`${started.url}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", "idempotency-key": "k" },
    });
  const asked = { customer: "tess", channel: "app", placements: [{ name: "app-home" }] };
  expect((await post("/v1/decisions", asked)).status).toBe(200);
  expect((await fetch(`${started.url}/v1/customers/tess`)).status).toBe(200);
}

const dryRun = async (...command: string[]): Promise<string> =>
  String(await admin.call("ACL", "DRYRUN", "engine", ...command));

describe("the Redis user of an engine", () => {
  it.each([
    ["HSET", "nba:{3}:checkpoint", "a", "b"],
    ["XADD", "nba:{3}:events", "*", "a", "b"],
    ["XREAD", "STREAMS", "nba:{0}:events", "clickstream", "0", "0"],
    ["XTRIM", "transactions", "MAXLEN", "1"],
    ["HGET", "{nba:channel:push}:from", "1"],
    ["EVALSHA", "0", "1", "nba:{quota:x}:contacts:total"],
    ["CLUSTER", "SLOTS"],
    ["WAIT", "1", "100"],
    ["XINFO", "STREAM", "nba:{0}:events"],
    ["RENAME", "nba:a", "nba:b"],
    ["SCAN", "0"],
  ])("may do what it needs: %s %s", async (...command) => {
    expect(await dryRun(...command)).toBe("OK");
  });

  it.each([
    ["CONFIG", "GET", "dir"],
    ["CONFIG", "SET", "dir", "/"],
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["KEYS", "*"],
    ["ACL", "LIST"],
    ["DEBUG", "SLEEP", "1"],
    ["SHUTDOWN"],
    ["SCRIPT", "FLUSH"],
    ["FUNCTION", "LIST"],
    ["REPLICAOF", "h", "1"],
    ["CLUSTER", "RESET"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "ID", "1"],
    ["MONITOR"],
    ["PUBLISH", "c", "m"],
    ["SUBSCRIBE", "c"],
    ["GET", "foreign"],
    ["SET", "other:nba:x", "1"],
    ["EVAL", "return 1", "1", "foreign"],
    ["RENAME", "nba:a", "foreign"],
  ])("may do nothing else: %s %s", async (...command) => {
    expect(await dryRun(...command)).toMatch(/no permissions|can't run|No permissions/i);
  });

  it("may send every command of the table, and none is missing from it", async () => {
    const user = (await admin.call("ACL", "GETUSER", "engine")) as unknown[];
    const rights = String(user[user.indexOf("commands") + 1]).split(" ");
    // Where a user may send all of a category Redis names that, and what of it is taken away again.
    const categories = rights.filter((right) => right.startsWith("+@")).map((right) => right.slice(2));
    const listed = await Promise.all(categories.map((category) => admin.call("ACL", "CAT", category)));
    const allowed = new Set([...rights, ...(listed.flat() as string[]).map((name) => `+${name}`)]);
    for (const name of commandNames()) {
      expect([name, allowed.has(`+${name}`) && !rights.includes(`-${name}`)]).toEqual([name, true]);
    }
    for (const file of readdirSync(join(repositoryRoot, "engine"), { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts") || /^cli\/(redis-server|demo|traffic)/.test(file)) continue;
      const source = readFileSync(join(repositoryRoot, "engine", file), "utf8");
      for (const [, first, second] of source.matchAll(/command\(\s*\[\s*"([A-Z]+)"(?:,\s*"([A-Z]+)")?/g)) {
        if (first === "ASKING") continue;
        expect(() => shapeOf([first as string, second ?? "", "0"]), `${file}: ${first}`).not.toThrow();
      }
    }
  });
});

describe("over TLS and as that user", () => {
  it("the engine takes its partitions, folds, decides and dispatches", async () => {
    engine = await startEngineProcess(settings());
    await liveWith(engine, async () => admin);
    const log = await admin.call("ACL", "LOG");
    expect(log, "refused to the engine").toEqual([]);
    expect(await engine.stop()).toBe(0);
    engine = undefined;
  }, 60_000);

  it("so it does on a cluster, of which every node asks for TLS and that user", async () => {
    const cluster = await startCluster({ replicas: 0, tls: certificates() });
    try {
      for (const node of cluster.nodes) {
        await node.admin.call("ACL", "SETUSER", "engine", "on", ">secret-of-the-test", ...engineAclRule());
      }
      const urls = cluster.nodes.map(({ tlsPort: port }) => `rediss://engine:secret-of-the-test@127.0.0.1:${port}`);
      engine = await startEngineProcess({ ...settings(), REDIS_URL: urls.join(",") });
      await liveWith(engine, cluster.open);
      for (const node of cluster.nodes) expect(await node.admin.call("ACL", "LOG"), "refused to it").toEqual([]);
      expect(await engine.stop()).toBe(0);
      engine = undefined;
    } finally {
      await engine?.kill();
      await cluster.stop();
    }
  }, 90_000);

  it("without the authority it does not connect, and no password is in what it says", async () => {
    const { NODE_EXTRA_CA_CERTS: _, ...without } = settings();
    engine = await startEngineProcess(without, "listening");
    await eventually("the reason", async () => engine?.log().includes("certificate") || undefined);
    expect(engine.log()).not.toContain("secret-of-the-test");
    await engine.kill();
    engine = undefined;
  }, 30_000);
});
