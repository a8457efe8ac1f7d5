// Finds the route of a path: exact paths, and paths with one `{name}` segment that is the last or the one before it. Pure.

export type Method = "GET" | "POST" | "DELETE";

export interface Routable {
  readonly method: Method;
  /** `/v1/customers/{id}` */
  readonly path: string;
}

export type Routed<R> =
  | { readonly kind: "found"; readonly route: R; readonly parameter: string; readonly head: boolean }
  | { readonly kind: "no-path" }
  | { readonly kind: "bad-parameter" }
  | { readonly kind: "no-method"; readonly allow: string };

/** `route(method, path)`: HEAD is answered wherever GET is. Of two that fit, the exact path wins. */
export function createRouter<R extends Routable>(routes: readonly R[]): (method: string, path: string) => Routed<R> {
  const exact = new Map<string, Map<string, R>>();
  const prefixed = new Map<string, Map<string, R>>();
  for (const route of routes) {
    const open = route.path.indexOf("{");
    const table = open < 0 ? exact : prefixed;
    const key = open < 0 ? route.path : route.path.replace(/\{\w+\}/, OPEN);
    if (open >= 0 && !ONE_PARAMETER.test(route.path))
      throw new Error(`path "${route.path}": the one parameter must be the last segment, or the one before it`);
    const methods = table.get(key) ?? new Map<string, R>();
    if (methods.has(route.method)) throw new Error(`two routes for ${route.method} ${route.path}`);
    methods.set(route.method, route);
    table.set(key, methods);
  }
  return (method, path) => {
    const methods = exact.get(path);
    if (methods !== undefined) return pick(methods, method, "");
    const segments = path.split("/");
    for (const at of [segments.length - 1, segments.length - 2]) {
      const open = prefixed.get(segments.with(at, OPEN).join("/"));
      if (open === undefined || segments[at] === "") continue;
      const parameter = decodeSegment(segments[at] as string);
      return parameter === undefined ? { kind: "bad-parameter" } : pick(open, method, parameter);
    }
    return { kind: "no-path" };
  };
}

const OPEN = "{}";
const ONE_PARAMETER = /^[^{}]*\/\{\w+\}(\/[^{}/]+)?$/;

function pick<R>(methods: ReadonlyMap<string, R>, method: string, parameter: string): Routed<R> {
  const head = method === "HEAD";
  const route = methods.get(head ? "GET" : method);
  if (route !== undefined) return { kind: "found", route, parameter, head };
  const allow = [...methods.keys()].flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name]));
  return { kind: "no-method", allow: allow.sort().join(", ") };
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
