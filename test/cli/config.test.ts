import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Config, OPTIONS, optionHelp, optionTable, parseConfig } from "../../engine/config.ts";
import { isLoopback } from "../../engine/config-check.ts";
import { DAY_MS } from "../../engine/domain/time.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

function faults(env: Record<string, string>): readonly string[] {
  const parsed = parseConfig(env);
  return parsed.kind === "faulty" ? parsed.faults.map((fault) => fault.message) : [];
}

function config(env: Record<string, string>): Config {
  const parsed = parseConfig(env);
  if (parsed.kind === "faulty") throw new Error(parsed.faults.map((fault) => fault.message).join("; "));
  return parsed.config;
}

describe("parseConfig", () => {
  it("takes an empty environment, and empty values as unset", () => {
    const standard = {
      redisUrl: undefined,
      port: 8080,
      host: "127.0.0.1",
      workers: 1,
      partitions: 64,
      durability: { replicas: 0 },
      rulesDir: "rules",
      modelsDir: "models",
      stateDir: ".nba",
      auth: "off",
      jwtSecret: undefined,
      jwksUrl: undefined,
      jwtIssuer: undefined,
      jwtAudience: "nba",
      apiKeysFile: undefined,
      allowedOrigins: [],
      rateLimit: undefined,
      idempotency: { keepMs: DAY_MS, bytesMax: 4 * 2 ** 30 },
      profilesMax: 1_000_000,
      leaseMs: 3_000,
      retention: { journalMs: 30 * DAY_MS, logMs: 3 * DAY_MS, bytes: 4 * 2 ** 30 },
      archiveDir: undefined,
      logLevel: "info",
    };
    expect(config({})).toEqual(standard);
    expect(config({ PORT: "", REDIS_URL: "", PATH: "/usr/bin" })).toEqual(standard);
  });

  it.each([
    [{ REDIS_URL: "unix:///run/redis.sock" }, { redisUrl: "unix:///run/redis.sock" }],
    [{ REDIS_URL: "rediss://u:p@h:6380/0" }, { redisUrl: "rediss://u:p@h:6380/0" }],
    [{ PORT: "0" }, { port: 0 }],
    [{ HOST: "::1" }, { host: "::1" }],
    [{ HOST: "localhost" }, { host: "localhost" }],
    [{ HOST: "127.8.0.1" }, { host: "127.8.0.1" }],
    [{ PARTITIONS: "4096" }, { partitions: 4_096 }],
    [
      { LOG_LEVEL: "debug", AUTH: "off" },
      { logLevel: "debug", auth: "off" },
    ],
    [
      { HOST: "0.0.0.0", JWT_SECRET: SECRET },
      { auth: "jwt", jwtSecret: SECRET },
    ],
    [
      { AUTH: "jwt", JWKS_URL: "http://127.0.0.1:9/keys" },
      { auth: "jwt", jwksUrl: "http://127.0.0.1:9/keys" },
    ],
    [{ NBA_API_KEYS_FILE: "keys.yaml" }, { auth: "jwt", apiKeysFile: "keys.yaml" }],
    [
      { NBA_ALLOWED_ORIGINS: "https://a.example, http://localhost:3000" },
      { allowedOrigins: ["https://a.example", "http://localhost:3000"] },
    ],
    [{ NBA_STATE_DIR: "/var/lib/nba", NBA_LONG: "1", NBA_TOKEN: "t" }, { stateDir: "/var/lib/nba" }],
  ])("takes %j", (env, expected) => {
    expect(config(env as Record<string, string>)).toMatchObject(expected);
  });

  it.each([
    [{ PORT: "65536" }, 'PORT: "65536" is not a whole number from 0 to 65535'],
    [{ PORT: "80.5" }, 'PORT: "80.5" is not a whole number from 0 to 65535'],
    [{ PORT: "-1" }, 'PORT: "-1" is not a whole number from 0 to 65535'],
    [{ PARTITIONS: "0" }, 'PARTITIONS: "0" is not a whole number from 1 to 4096'],
    [{ PARTITIONS: "1e2" }, 'PARTITIONS: "1e2" is not a whole number from 1 to 4096'],
    [{ MAX_PROFILES: "many" }, 'MAX_PROFILES: "many" is not a whole number from 1000 to 50000000'],
    [{ LOG_LEVEL: "INFO" }, 'LOG_LEVEL: "INFO" is none of trace, debug, info, warn, error, fatal, silent'],
    [{ HOST: "not a host" }, 'HOST: "not a host" is neither an address nor a host name; e.g. 127.0.0.1'],
    [{ HOST: "127.0.0.256" }, 'HOST: "127.0.0.256" is neither an address nor a host name; e.g. 127.0.0.1'],
    [
      { HOST: "0.0.0.0" },
      'HOST: "0.0.0.0" is reachable from other machines while AUTH is "off"; use 127.0.0.1, ::1 or localhost, or tokens',
    ],
    [{ AUTH: "jwt" }, 'AUTH: "jwt" needs one of JWT_SECRET, JWKS_URL, NBA_API_KEYS_FILE'],
    [{ AUTH: "none" }, 'AUTH: "none" is none of off, jwt'],
    [{ AUTH: "off", JWT_SECRET: SECRET }, 'JWT_SECRET: is set, but AUTH is "off"; leave one of the two out'],
    [{ JWT_SECRET: "short" }, "JWT_SECRET: has 5 bytes: at least 32 are needed, e.g. openssl rand -base64 32"],
    [
      { JWT_SECRET: SECRET, JWKS_URL: "https://idp.example/keys" },
      "JWKS_URL: is set beside JWT_SECRET; use one of the two",
    ],
    [
      { JWKS_URL: "http://idp.example/keys" },
      'JWKS_URL: "http://idp.example/keys": want https://..., or http:// on loopback, without a password',
    ],
    [
      { NBA_ALLOWED_ORIGINS: "https://crm.example/" },
      'NBA_ALLOWED_ORIGINS: "https://crm.example/" is no origin; want scheme and host as browsers send them, e.g. https://crm.example',
    ],
    [{ NBA_RATE_LIMIT: "0" }, 'NBA_RATE_LIMIT: "0" is not a whole number from 1 to 1000000'],
    [
      { REDIS_URL: "http://h" },
      'REDIS_URL: "http:" is no way to reach Redis; want redis://host:6379, rediss://host:6379 or unix:///path/to/socket',
    ],
    [
      { REDIS_URL: "localhost" },
      'REDIS_URL: "localhost" is not a URL; want redis://host:6379, rediss://host:6379 or unix:///path/to/socket',
    ],
    [
      { REDIS_URL: "redis://a:1,rediss://u:secret@b:2" },
      'REDIS_URL: "redis://a:1,rediss://***@b:2" mixes redis: and rediss:: nodes of one cluster are reached one way',
    ],
    [
      { REDIS_URL: "redis://a:1,unix:///b" },
      'REDIS_URL: "unix:///b" is a socket: nodes of a cluster are reached by host and port',
    ],
    [
      { REDIS_URL: "," },
      'REDIS_URL: "," names no server; want redis://host:6379, rediss://host:6379 or unix:///path/to/socket',
    ],
    [{ DURABILITY: "wait:0" }, 'DURABILITY: "wait:0" is neither "commit" nor "wait:N" with N from 1 to 9'],
    [{ NBA_PORT: "1" }, "NBA_PORT: no such option; did you mean PORT?"],
  ])("refuses %j", (env, message) => {
    expect(faults(env as Record<string, string>)).toEqual([message]);
  });

  it("tells what options there are where none is near", () => {
    expect(faults({ NBA_TURBO: "1" })[0]).toMatch(/^NBA_TURBO: no such option; there are REDIS_URL, PORT, /);
  });

  it("tells all faults at once, each on one line", () => {
    const told = faults({ PORT: "x", PARTITIONS: "y\nz", NBA_TURBO: "1", HOST: "10.0.0.1" });
    expect(told).toHaveLength(4);
    for (const line of told) expect(line).not.toContain("\n");
  });

  it("ignores what Kubernetes adds for a Service named nba, but not without one", () => {
    const links = { NBA_PORT: "tcp://10.0.0.1:80", NBA_PORT_80_TCP_ADDR: "10.0.0.1", NBA_SERVICE_PORT_HTTP: "80" };
    expect(faults({ ...links, NBA_SERVICE_HOST: "10.0.0.1" })).toEqual([]);
    expect(faults(links)).toHaveLength(3);
  });

  it("is total: any text in any option is a value or a fault on one line", () => {
    const names = Object.values(OPTIONS).map((option) => option.name);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.string({ unit: "binary-ascii" })), (env) => {
        return faults(env).every((line) => /^[A-Z_]+: [^\n]+$/.test(line));
      }),
      { numRuns: process.env["NBA_LONG"] === "1" ? 10_000 : 200 },
    );
  });
});

describe("isLoopback", () => {
  it("knows 127/8, ::1 and localhost, and nothing that only looks like them", () => {
    expect(["127.0.0.1", "127.255.1.2", "::1", "localhost"].map(isLoopback)).toEqual([true, true, true, true]);
    expect(["127.evil.example", "0.0.0.0", "::", "10.0.0.1", "localhost.example"].some(isLoopback)).toBe(false);
  });
});

describe("the table of options", () => {
  it("is in README.md as generated", () => {
    const file = new URL("../../README.md", import.meta.url);
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, "utf8")).toContain(`<!-- options -->\n${optionTable()}\n<!-- /options -->`);
  });

  it("has a line of help for each option", () => {
    expect(optionHelp().split("\n")).toHaveLength(Object.keys(OPTIONS).length);
  });
});

it("no fault shows a password, also where the slashes before it were forgotten", () => {
  for (const url of [
    "user:secret@a:6379",
    "redis:/user:secret@a:6379",
    "http://user:secret@a",
    "redis://u:secret@a,http://u:secret@b",
    "redis:// u:sec/secret@a b",
  ]) {
    const parsed = parseConfig({ REDIS_URL: url });
    expect(parsed.kind, url).toBe("faulty");
    expect(JSON.stringify(parsed), url).not.toContain("secret");
  }
});
