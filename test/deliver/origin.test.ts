import { describe, expect, it } from "vitest";
import { judgeHandshake } from "../../engine/deliver/live-upgrade.ts";
import { isAllowedOrigin, isOwnHost } from "../../engine/deliver/origin.ts";

const loopback = { host: "127.0.0.1", allowedOrigins: ["https://crm.example"] };

describe("who may talk to the engine", () => {
  it.each([
    ["", "127.0.0.1:8080", true],
    ["http://127.0.0.1:8080", "127.0.0.1:8080", true],
    ["http://localhost:8080", "localhost:8080", true],
    ["https://crm.example", "127.0.0.1:8080", true],
    ["http://localhost:9999", "localhost:8080", false],
    ["https://evil.example", "127.0.0.1:8080", false],
    ["https://crm.example.evil.example", "127.0.0.1:8080", false],
    ["null", "127.0.0.1:8080", false],
  ])("origin %j for host %j: %j", (origin, host, allowed) => {
    expect(isAllowedOrigin(loopback, origin, host)).toBe(allowed);
  });

  it.each([
    ["127.0.0.1:8080", true],
    ["localhost:8080", true],
    ["LOCALHOST", true],
    ["[::1]:8080", true],
    ["crm.example", true],
    ["evil.example:8080", false],
    ["", false],
  ])("on loopback, host %j is its own: %j (DNS rebinding)", (host, own) => {
    expect(isOwnHost(loopback, host)).toBe(own);
  });

  it("elsewhere, the names are the business of the network", () => {
    expect(isOwnHost({ host: "0.0.0.0", allowedOrigins: [] }, "nba.bank.example")).toBe(true);
  });
});

describe("the handshake of /v1/live", () => {
  const headers = { host: "localhost:8080", origin: "", offered: "" };

  it.each([
    ["", "nba.v1.json", ""],
    ["nba.v1.json", "nba.v1.json", "nba.v1.json"],
    ["nba.v1.msgpack", "nba.v1.msgpack", "nba.v1.msgpack"],
    ["nba.v9.cbor, nba.v1.msgpack", "nba.v1.msgpack", "nba.v1.msgpack"],
  ])("offered %j speaks %s", (offered, subprotocol, answered) => {
    const handshake = judgeHandshake({ ...headers, offered }, loopback, false);
    expect(handshake).toEqual({ kind: "accepted", subprotocol, answered });
  });

  it.each([
    [{ ...headers, offered: "graphql-ws" }, false, "invalid-parameter"],
    [{ ...headers, origin: "http://evil.example" }, false, "forbidden-origin"],
    [{ ...headers, host: "evil.example" }, false, "wrong-host"],
    [headers, true, "unavailable"],
  ])("refuses %j (draining: %j) as %s", (given, draining, problem) => {
    expect(judgeHandshake(given, loopback, draining)).toMatchObject({ kind: "refused", problem });
  });
});
