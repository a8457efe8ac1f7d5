// OpenAPI 3.1 from the routes and the schemas that validate: no second description that could differ.
import type { TSchema } from "typebox";
import type { ProblemKind } from "./problem.ts";
import { PROBLEM_TYPE, PROBLEMS } from "./problem.ts";
import type { Route } from "./route.ts";
import { ProblemBody } from "./wire.ts";

type Json = Readonly<Record<string, unknown>>;

export function openApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const operations = paths[route.path] ?? {};
    operations[route.method.toLowerCase()] = operationOf(route);
    paths[route.path] = operations;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "nba-engine",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description: "Next best actions: ask, report outcomes, hand in events, look at customers and decisions.",
    },
    paths,
    components: {
      schemas: { Problem: ProblemBody },
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "a JSON Web Token or an API key; not asked for while AUTH is off",
        },
      },
    },
  };
}

function operationOf(route: Route): Json {
  const parameters = [...pathParameters(route.path), ...queryParameters(route), ...headerParameters(route)];
  return {
    operationId: route.operation,
    summary: route.summary,
    ...securityOf(route),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.request === undefined ? {} : { requestBody: requestBody(route.consumes, route.request) }),
    responses: { ...successes(route), ...problemResponses(problemsOf(route)) },
  };
}

/** One of several scopes is enough: each is a requirement of its own (OpenAPI 3.1 lists roles of any scheme). */
function securityOf({ access }: Route): Json {
  if (typeof access === "string") return {};
  const scopes = access.includes("admin") ? access : [...access, "admin"];
  return { security: scopes.map((scope) => ({ token: [scope] })) };
}

function pathParameters(path: string): readonly Json[] {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  return name === undefined ? [] : [{ name, in: "path", required: true, schema: { type: "string" } }];
}

function queryParameters(route: Route): readonly Json[] {
  return Object.entries(route.query ?? {}).map(([name, { schema, description }]) => ({
    name,
    in: "query",
    required: false,
    description,
    schema,
  }));
}

function headerParameters(route: Route): readonly Json[] {
  if (route.method !== "POST" || route.leavesNoTrace === true) return [];
  return [
    {
      name: "Idempotency-Key",
      in: "header",
      required: false,
      description: "kept for 24 h: the same answer again; with another body 422",
      schema: { type: "string", minLength: 1, maxLength: 255 },
    },
    { name: "traceparent", in: "header", required: false, schema: { type: "string" } },
  ];
}

function requestBody(consumes: readonly string[], schema: TSchema): Json {
  const content = consumes.map((type) => [type, isLines(type) ? { schema: { type: "string" } } : { schema }]);
  return { required: true, content: Object.fromEntries(content) };
}

/** One JSON value a line: OpenAPI 3.1 cannot say it. */
function isLines(mediaType: string): boolean {
  return /ndjson|jsonl/.test(mediaType);
}

function successes(route: Route): Json {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { description, schema, mediaType }]) => [
      status,
      { description, ...(schema === undefined ? {} : { content: { [mediaType ?? "application/json"]: { schema } } }) },
    ]),
  );
}

/** Every POST may meet a bad key, a foreign origin or a key in use; what is not open, a caller who is not let in. */
function problemsOf(route: Route): readonly ProblemKind[] {
  const keyed: readonly ProblemKind[] =
    route.leavesNoTrace === true ? [] : ["invalid-parameter", "idempotency-key-busy", "idempotency-key-reused"];
  const always: readonly ProblemKind[] = route.method === "POST" ? ["forbidden-origin", ...keyed] : [];
  const guarded: readonly ProblemKind[] =
    typeof route.access === "string" ? [] : ["unauthenticated", "forbidden", "rate-limited", "unavailable"];
  const read: readonly ProblemKind[] = route.bodyMax > 0 ? ["too-slow"] : [];
  return [...new Set([...route.problems, ...read, ...always, ...guarded, "internal" as const])];
}

function problemResponses(kinds: readonly ProblemKind[]): Json {
  const byStatus = new Map<number, ProblemKind[]>();
  for (const kind of kinds) byStatus.set(PROBLEMS[kind].status, [...(byStatus.get(PROBLEMS[kind].status) ?? []), kind]);
  const mediaType = PROBLEM_TYPE.split(";")[0] as string;
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      String(status),
      {
        description: names.map((kind) => `/problems/${kind}: ${PROBLEMS[kind].title}`).join("; "),
        content: { [mediaType]: { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}
