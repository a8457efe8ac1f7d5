import type { Log } from "../observe/log.ts";
import type { Session } from "./session.ts";

/** Of what is tried again soon and puts nothing in doubt. A connection that is lost is told of by itself. */
export function sayUnlessClosed(
  { connection }: Pick<Session, "connection">,
  log: Log,
  what: string,
  error: unknown,
): void {
  if (connection.isClosed()) return;
  log.warn(what, { why: error instanceof Error ? error.message : String(error) });
}
