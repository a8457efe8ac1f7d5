import type { Session } from "./session.ts";

/** Looks now and then whether somebody waits for units that are idle here; what is to be done is done by the next step. */
export function startQuotaPoll(session: Session, everyMs: number, onTrouble: (why: string) => void): () => void {
  let isPolling = false;
  const poll = async (): Promise<void> => {
    if (isPolling) return;
    isPolling = true;
    try {
      await session.quotas.poll(session.partitions);
    } catch (error) {
      onTrouble(error instanceof Error ? error.message : String(error));
    } finally {
      isPolling = false;
    }
  };
  const polling = setInterval(() => void poll(), everyMs);
  return () => clearInterval(polling);
}
