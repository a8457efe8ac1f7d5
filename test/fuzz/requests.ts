// HTTP requests that are right for every documented operation, and what may be wrong with them.
import { gzipSync } from "node:zlib";
import type { Chance } from "./chance.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateValue } from "./mutate-value.ts";
import { EVENTS } from "./valid-inputs.ts";

export interface Operation {
  readonly method: string;
  /** As /openapi.json has it. */
  readonly path: string;
}

export interface WrittenRequest {
  readonly bytes: Buffer;
  readonly isHead: boolean;
}

const PLACEMENTS = [{ name: "app-home", limit: 2 }];
const CODE = "AAECAwQFBgcICQoLDA0ODw.1";
const outcome = { trackingCode: CODE, outcome: "later", reason: "busy", until: 1_763_900_000_000, value: 3 };

/** By path; a POST that is not here takes no body. */
const BODIES: Readonly<Record<string, (chance: Chance) => unknown>> = {
  "/v1/decisions": () => ({
    customer: "c-17",
    channel: "app",
    placements: PLACEMENTS,
    context: { amount: 5, tags: ["a"] },
    locale: "en",
    deadlineMs: 25,
  }),
  "/v1/decisions:simulate": () => ({
    anonymousId: "device-1",
    channel: "app",
    direction: "inbound",
    placements: PLACEMENTS,
    overrides: {
      now: Date.now(),
      attributes: { tier: "gold", first_name: null },
      features: { spend_all: 5, views_1h: null },
      models: {},
      consents: [{ channel: "app", purpose: "marketing", granted: true }],
      openCases: [{ kind: "complaint" }],
      contacts: "none",
    },
  }),
  "/v1/outcomes": (chance) => (chance.below(2) === 0 ? outcome : [outcome, { ...outcome, outcome: "clicked" }]),
  "/v1/events": (chance) => {
    const one = { ...chance.pick(EVENTS), ...(chance.below(2) === 0 ? {} : { ts: Date.now() }) };
    return chance.below(3) === 0 ? [one, chance.pick(EVENTS)] : one;
  },
  "/v1/rulebook:rollback": () => ({ to: "0123456789abcdef" }),
};

const IDS = [
  "c-17",
  "device-1",
  "anon%3Adevice-1",
  "AAECAwQFBgcICQoLDA0ODw",
  "%E2%82%AC",
  "%zz",
  "%00",
  "..",
  "a b",
  "%2F",
  "x".repeat(300),
];
const QUERIES = [
  "",
  "",
  "?explain=true",
  "?limit=5",
  "?limit=-1",
  "?limit=1e9",
  "?explain=%",
  "?a=1&a=2&limit=7",
  `?${"q=1&".repeat(500)}`,
];
const TYPES = [
  "application/json",
  "application/json",
  "application/json; charset=utf-8",
  "application/x-ndjson",
  "application/cloudevents+json",
  "text/plain",
  "",
  "application/msgpack",
  "APPLICATION/JSON",
  "application/vnd.nba.peer",
  "multipart/form-data; boundary=x",
];
const HEADERS = [
  "idempotency-key: k-1",
  "idempotency-key: \x01",
  `idempotency-key: ${"k".repeat(300)}`,
  "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "traceparent: nonsense",
  "content-encoding: gzip",
  "origin: http://evil.example",
  "origin: null",
  "authorization: Bearer x.y.z",
  "authorization: Basic eDp5",
  "accept: application/openmetrics-text",
  "accept: */*;q=0.x",
  "if-none-match: *",
  "x-forwarded-for: 1.2.3.4",
  "connection: close",
  "range: bytes=0-1",
  `x-long: ${"h".repeat(2_000)}`,
  "host: evil.example",
];
const METHODS = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "get", "QUERY"];

/** Close to what the operation takes: one thing or another is wrong with most. Its length is as announced. */
export function writeRequest(operation: Operation, port: number, chance: Chance): WrittenRequest {
  const make = operation.method === "POST" ? BODIES[operation.path] : undefined;
  const value = make?.(chance);
  const method = chance.below(12) === 0 ? chance.pick(METHODS) : operation.method;
  const id = chance.below(3) === 0 ? chance.pick(IDS) : "c-17";
  const path = operation.path.replace(/\{\w+\}/, () => id) + chance.pick(QUERIES);
  const more = chance.below(3) === 0 ? [chance.pick(HEADERS)] : [];
  const type = chance.below(3) === 0 ? chance.pick(TYPES) : "application/json";
  let body = value === undefined && chance.below(4) > 0 ? Buffer.alloc(0) : bodyOf(value, chance);
  if (chance.below(25) === 0) body = gzipSync(body);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    ...(type === "" ? [] : [`content-type: ${type}`]),
  ];
  if (body.length > 0 || method === "POST") lines.push(`content-length: ${body.length}`);
  return {
    bytes: Buffer.concat([Buffer.from([...lines, ...more, "", ""].join("\r\n")), body]),
    isHead: method === "HEAD",
  };
}

function bodyOf(value: unknown, chance: Chance): Buffer {
  switch (chance.below(5)) {
    case 0:
      return Buffer.from(JSON.stringify(value ?? {}));
    case 1:
      return mutateBytes(Buffer.from(JSON.stringify(value ?? {})), chance);
    default:
      return Buffer.from(mutateValue(value ?? {}, chance));
  }
}

const BREAKS = [
  "transfer-encoding: chunked\r\n",
  "content-length: 5\r\n",
  "content-length: -1\r\n",
  "content-length: 99999999999999999999\r\n",
  "content-length: 1\r\ncontent-length: 2\r\n",
  "expect: 100-continue\r\n",
  "host:\r\n",
  ": x\r\n",
  " folded\r\n",
  "upgrade: websocket\r\nconnection: upgrade\r\n",
  "x:y\n",
  "\0: 1\r\n",
  `${"h".repeat(9_000)}: 1\r\n`,
].map((each) => Buffer.from(each));
const HTTP = [
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/2.0",
  "HTTP/9.9",
  "HTTP/",
  "http/1.1",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "",
];

/** Bytes that are hardly HTTP any more: several requests in a row, wrong lengths, chunks, versions, and changed bytes. */
export function breakRequests(operations: readonly Operation[], port: number, chance: Chance): Buffer {
  const parts = Array.from({ length: 1 + chance.below(3) }, () => {
    const { bytes } = writeRequest(chance.pick(operations), port, chance);
    const line = bytes.indexOf("\r\n") + 2;
    switch (chance.below(4)) {
      case 0:
        return Buffer.concat([bytes.subarray(0, line), chance.pick(BREAKS), bytes.subarray(line)]);
      case 1:
        return Buffer.from(
          bytes.toString("latin1").replace("HTTP/1.1", () => chance.pick(HTTP)),
          "latin1",
        );
      case 2:
        return bytes;
      default:
        return mutateBytes(bytes, chance);
    }
  });
  return Buffer.concat(parts);
}
