// Who may talk to an engine that has no tokens: pages of its own host, or of an allow-list; and only under a host name that
// is its own, or a page elsewhere could point its name at the loopback address (DNS rebinding).

export interface OriginPolicy {
  /** HOST as configured. */
  readonly host: string;
  /** `https://crm.example` ... */
  readonly allowedOrigins: readonly string[];
}

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Is the Host header one that this engine answers for? Checked only while it listens on a loopback address. */
export function isOwnHost(policy: OriginPolicy, hostHeader: string): boolean {
  if (!isLoopback(policy.host)) return true;
  const name = hostHeader.replace(/:\d+$/, "").toLowerCase();
  if (LOOPBACK_NAMES.has(name) || name === policy.host || name === `[${policy.host}]`) return true;
  return policy.allowedOrigins.some((origin) => hostOf(origin)?.replace(/:\d+$/, "") === name);
}

/** Programs send no Origin and are let in; a browser's must be the same host or on the list. */
export function isAllowedOrigin(policy: OriginPolicy, origin: string, hostHeader: string): boolean {
  if (origin === "") return true;
  if (policy.allowedOrigins.includes(origin)) return true;
  return hostOf(origin) === hostHeader.toLowerCase();
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
