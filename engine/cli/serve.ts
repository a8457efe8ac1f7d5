import { LIMITS } from "../limits.ts";
import type { Log } from "../observe/log.ts";

/** An engine that serves. */
export interface RunningEngine {
  /** http://HOST:PORT as really listened on. */
  readonly url: string;
  /** Once it can serve, takes a part of the connections to this port, which other workers of this machine listen on, too. */
  readonly share: (port: number) => Promise<void>;
  /** Settles when everything accepted is durable and every socket was told. */
  readonly stop: () => Promise<void>;
  /** Rejects where the engine cannot go on; never resolves. */
  readonly broken: Promise<never>;
}

/**
 * Until something ends it, or it cannot go on. A stop that takes longer than `stopMs` is cut off, with exit code 1: what is not
 * stored by then is recovered by the next owner, as after a kill.
 */
export async function serve(
  engine: RunningEngine,
  log: Log,
  said: string,
  ending: Promise<string>,
  stopMs: number = LIMITS.stopMs,
): Promise<void> {
  log.info(said, { pid: process.pid, url: engine.url });
  const why = await Promise.race([ending, engine.broken]);
  log.info("stopping", { signal: why });
  let isStopped = false;
  const cutOff = setTimeout(() => {
    if (isStopped) log.error("all is stopped, and something still keeps the process alive", { what: keptAliveBy() });
    else log.error("the stop did not come to its end in time");
    process.exit(1);
  }, stopMs);
  cutOff.unref();
  await engine.stop();
  isStopped = true;
}

/** The standard streams, two or three of PipeWrap or TTYWrap, are always among them. */
function keptAliveBy(): string {
  return process.getActiveResourcesInfo().join(" ");
}
