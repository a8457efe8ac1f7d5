import { describe, expect, it } from "vitest";
import type { Method } from "../../engine/deliver/router.ts";
import { createRouter } from "../../engine/deliver/router.ts";

const route = createRouter(
  (
    [
      ["GET", "/v1/customers/{id}"],
      ["DELETE", "/v1/customers/{id}"],
      ["GET", "/v1/customers/{id}/events"],
      ["POST", "/v1/decisions"],
      ["GET", "/v1/decisions/{id}"],
      ["GET", "/v1/rulebook"],
      ["POST", "/v1/rulebook:reload"],
      ["GET", "/"],
    ] as readonly [Method, string][]
  ).map(([method, path]) => ({ method, path })),
);

describe("routing", () => {
  it.each([
    ["GET", "/v1/customers/c-17", "/v1/customers/{id}", "c-17"],
    ["GET", "/v1/customers/anon%3Ab", "/v1/customers/{id}", "anon:b"],
    ["GET", "/v1/customers/a%2Fb", "/v1/customers/{id}", "a/b"],
    ["HEAD", "/v1/customers/c-17", "/v1/customers/{id}", "c-17"],
    ["GET", "/v1/customers/a%2Fb/events", "/v1/customers/{id}/events", "a/b"],
    ["GET", "/v1/customers/events", "/v1/customers/{id}", "events"],
    ["POST", "/v1/decisions", "/v1/decisions", ""],
    ["POST", "/v1/rulebook:reload", "/v1/rulebook:reload", ""],
    ["GET", "/", "/", ""],
  ])("%s %s is %s", (method, path, pattern, parameter) => {
    expect(route(method, path)).toMatchObject({
      kind: "found",
      route: { path: pattern },
      parameter,
      head: method === "HEAD",
    });
  });

  it.each([
    "/v1",
    "/v1/customers",
    "/v1/customers/",
    "/v1/customers/a/b",
    "/v1/customers//events",
    "/v1/customers/a/b/events",
    "/v1/decisions/",
    "//",
    "/v1/rulebook:x",
  ])("there is no %s", (path) => expect(route("GET", path)).toEqual({ kind: "no-path" }));

  it("names the methods that a path takes", () => {
    expect(route("PUT", "/v1/customers/c")).toEqual({ kind: "no-method", allow: "DELETE, GET, HEAD" });
    expect(route("GET", "/v1/decisions")).toEqual({ kind: "no-method", allow: "POST" });
    expect(route("get", "/v1/rulebook")).toEqual({ kind: "no-method", allow: "GET, HEAD" });
  });

  it("refuses a broken percent-encoding", () => {
    expect(route("GET", "/v1/customers/%zz")).toEqual({ kind: "bad-parameter" });
    expect(route("GET", "/v1/customers/%ff")).toEqual({ kind: "bad-parameter" });
  });

  it("does not start with two routes for one call, or a parameter in the middle of a path", () => {
    const twice = { method: "GET", path: "/a" } as const;
    expect(() => createRouter([twice, twice])).toThrow("two routes for GET /a");
    expect(() => createRouter([{ method: "GET", path: "/a/{b}/c/d" }])).toThrow("the one parameter must be");
  });
});
