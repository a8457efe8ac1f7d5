// Options that say who may call, and what they may be together.
import type { Config, ConfigFault } from "./config.ts";
import { type Checked, isLoopback, quote, withoutPassword } from "./config-check.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const SECRET_BYTES_MIN = 32;
/** Any of them means that callers are known by what they show. */
const CREDENTIALS = ["JWT_SECRET", "JWKS_URL", "NBA_API_KEYS_FILE"] as const;

const isSet = (env: Environment, name: string): boolean => (env[name] ?? "") !== "";

/** What AUTH is where it is not set. */
export function authOf(env: Environment): Config["auth"] {
  return CREDENTIALS.some((name) => isSet(env, name)) ? "jwt" : "off";
}

/** What each option may be, but not together. What is faulty by itself is not told twice. */
export function contradictions(config: Config, env: Environment, told: readonly ConfigFault[]): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const say = (option: string, words: string): void => {
    if (!told.some((fault) => fault.option === option)) faults.push({ option, message: `${option}: ${words}` });
  };
  const given = CREDENTIALS.filter((name) => isSet(env, name));
  const isAuthFaulty = told.some(({ option }) => option === "AUTH");
  if (config.auth === "off" && given[0] !== undefined && !isAuthFaulty)
    say(given[0], 'is set, but AUTH is "off"; leave one of the two out');
  if (config.auth === "jwt" && given.length === 0) say("AUTH", `"jwt" needs one of ${CREDENTIALS.join(", ")}`);
  if (isSet(env, "JWT_SECRET") && isSet(env, "JWKS_URL"))
    say("JWKS_URL", "is set beside JWT_SECRET; use one of the two");
  if (config.workers > 1 && config.port + config.workers > 65_535)
    say("PORT", `${config.port} leaves no ports above it for ${config.workers} workers, one for each`);
  if (config.auth === "off" && !isLoopback(config.host) && !isAuthFaulty) {
    const host = quote(config.host);
    say(
      "HOST",
      `${host} is reachable from other machines while AUTH is "off"; use 127.0.0.1, ::1 or localhost, or tokens`,
    );
  }
  return faults;
}

/** Never quoted. */
export function parseSecret(text: string): Checked<string> {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes >= SECRET_BYTES_MIN) return { value: text };
  return { fault: `has ${bytes} bytes: at least ${SECRET_BYTES_MIN} are needed, e.g. openssl rand -base64 32` };
}

export function parseJwksUrl(text: string): Checked<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(bare(url.hostname)));
  if (isSafe && url?.username === "" && url.password === "") return { value: text };
  return { fault: `${quote(withoutPassword(text))}: want https://..., or http:// on loopback, without a password` };
}

export function parseOrigins(text: string): Checked<readonly string[]> {
  const origins = text.split(",").map((origin) => origin.trim());
  const wrong = origins.find((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin);
  if (wrong === undefined) return { value: origins };
  return {
    fault: `${quote(wrong)} is no origin; want scheme and host as browsers send them, e.g. https://crm.example`,
  };
}

/** `[::1]` -> `::1` */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
