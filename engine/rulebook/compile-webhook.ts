// The part `webhook` of a channel in rules/channels.yaml.
import { MINUTE_MS, parseDuration } from "../domain/time.ts";
import type { FaultLog } from "./fault.ts";
import type { Webhook } from "./rulebook.ts";
import type { WrittenChannel } from "./schema.ts";
import type { Path, Source } from "./source.ts";

const TIMEOUT_DEFAULT = "5s";
const IN_FLIGHT_DEFAULT = 16;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Undefined for a channel of another kind, and where there is a fault. */
export function compileWebhook(
  { kind, webhook }: WrittenChannel,
  channel: Path,
  source: Source,
  faults: FaultLog,
): Webhook | undefined {
  const path: Path = [...channel, "webhook"];
  if (webhook === undefined) {
    if (kind === "webhook") {
      const message = "a channel of kind webhook needs webhook: { url, secretFrom }";
      faults.add(source.placeOf([...channel, "kind"]), message);
    }
    return undefined;
  }
  if (kind !== "webhook") {
    faults.add(source.placeOf(path), `webhook is for channels of kind webhook, and this one is "${kind}"`);
    return undefined;
  }
  const fault = urlFault(webhook.url, webhook.allowHttp === true);
  if (fault !== undefined) faults.add(source.placeOf([...path, "url"]), fault);
  if (webhook.secretFrom.startsWith("NBA_")) {
    const message = `secretFrom "${webhook.secretFrom}" must not begin with NBA_, as the engine's own options do`;
    faults.add(source.placeOf([...path, "secretFrom"]), message);
  }
  const timeoutMs = parseDuration(webhook.timeout ?? TIMEOUT_DEFAULT) as number;
  if (timeoutMs < 100 || timeoutMs > MINUTE_MS) {
    const message = `timeout ${JSON.stringify(webhook.timeout)} must be at least 100ms and at most 1m`;
    faults.add(source.placeOf([...path, "timeout"]), message);
  }
  const inFlight = webhook.inFlight ?? IN_FLIGHT_DEFAULT;
  return { url: webhook.url, secretFrom: webhook.secretFrom, timeoutMs, inFlight };
}

function urlFault(written: string, allowHttp: boolean): string | undefined {
  const quoted = JSON.stringify(written);
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return `url ${quoted} must be an address that begins with https://`;
  }
  if (url.username !== "" || url.password !== "") {
    return "url must not hold a user or a password: messages are signed with the secret that secretFrom names";
  }
  if (url.protocol === "http:" && !allowHttp && !LOOPBACK.test(url.hostname)) {
    return `url ${quoted} must begin with https://, unless it is on a loopback address or allowHttp is true`;
  }
  return undefined;
}
