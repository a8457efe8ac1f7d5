// A worker's place among the engines of one command: its ports, and the line to its parent.
import type { Config } from "../config.ts";

/** Options of `nba start` that only the parent of workers gives. */
export const WORKER_FLAG = "--worker";
export const SHARED_PORT_FLAG = "--shared-port";

/** What a worker says to its parent: that callers of the shared port reach it. */
export type WorkerWord = "serving";

/** `worker` from 1 on: it listens alone so many ports above PORT, and where ADVERTISE is set it is reached so many above that. */
export function workerConfig<C extends Pick<Config, "port" | "advertise">>(config: C, worker: number): C {
  const { port, advertise } = config;
  return { ...config, port: port === 0 ? 0 : port + worker, advertise: advertise && portsAbove(advertise, worker) };
}

export function tellParent(word: WorkerWord): void {
  // Rejected where the parent is gone; then `untilOrphaned` settles.
  if (process.connected) process.send?.(word, undefined, undefined, () => undefined);
}

/** Settles when the parent is gone, however it went. */
export function untilOrphaned(): Promise<string> {
  return new Promise((resolve) => process.once("disconnect", () => resolve("the parent is gone")));
}

function portsAbove(address: string, above: number): string {
  const at = address.lastIndexOf(":");
  return `${address.slice(0, at)}:${Number(address.slice(at + 1)) + above}`;
}
