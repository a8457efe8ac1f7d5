// The options that say which Redis, and how much of it must have something before it counts as written.
import { type Checked, quote, withoutPassword } from "./config-check.ts";

/** Replicas that must have what is answered or delivered; 0: none, the master alone. */
export interface Durability {
  readonly replicas: number;
}

const WANTED = "want redis://host:6379, rediss://host:6379 or unix:///path/to/socket";

/** One URL, or the nodes of a cluster with commas between: `redis://a:6379,redis://b:6379`. One node and a comma is a cluster, too. */
export function parseRedisUrl(text: string): Checked<string> {
  if (!text.includes(",")) return parseServer(text, false);
  const nodes = text.split(",").filter((each) => each !== "");
  if (nodes.length === 0) return { fault: `${quote(text)} names no server; ${WANTED}` };
  for (const each of nodes) {
    const node = parseServer(each, true);
    if ("fault" in node) return node;
  }
  const ways = new Set(nodes.map((each) => new URL(each).protocol));
  if (ways.size > 1)
    return {
      fault: `${quote(withoutPassword(text))} mixes ${[...ways].join(" and ")}: nodes of one cluster are reached one way`,
    };
  return { value: text };
}

export function parseDurability(text: string): Checked<Durability> {
  if (text === "commit") return { value: { replicas: 0 } };
  const replicas = /^wait:([1-9])$/.exec(text)?.[1];
  if (replicas !== undefined) return { value: { replicas: Number(replicas) } };
  return { fault: `${quote(text)} is neither "commit" nor "wait:N" with N from 1 to 9` };
}

function parseServer(text: string, isNode: boolean): Checked<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return { fault: `${quote(withoutPassword(text))} is not a URL; ${WANTED}` };
  if (url.protocol === "unix:" && isNode)
    return { fault: `${quote(text)} is a socket: nodes of a cluster are reached by host and port` };
  if (url.protocol === "unix:") {
    return url.pathname.length > 1 ? { value: text } : { fault: `${quote(text)} names no socket; ${WANTED}` };
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    return { fault: `${quote(url.protocol)} is no way to reach Redis; ${WANTED}` };
  return url.hostname === "" ? { fault: `${quote(withoutPassword(text))} names no host; ${WANTED}` } : { value: text };
}
