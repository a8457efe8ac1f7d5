import type { Log } from "../observe/log.ts";
import { sayUnlessClosed } from "./say-unless-closed.ts";
import type { Session } from "./session.ts";

/** Looks now and then whether somebody waits for units that are idle here; what is to be done is done by the next step. */
export function startQuotaPoll(session: Session, everyMs: number, log: Log): () => void {
  let isPolling = false;
  const poll = async (): Promise<void> => {
    if (isPolling) return;
    isPolling = true;
    try {
      await session.quotas.poll(session.partitions);
    } catch (error) {
      sayUnlessClosed(session, log, "quotas could not be looked after; looking again", error);
    } finally {
      isPolling = false;
    }
  };
  const polling = setInterval(() => void poll(), everyMs);
  return () => clearInterval(polling);
}
