// One channel of kind `webhook` as all partitions of an engine share it: its gate and its secret.
import type { Channel, Webhook } from "../rulebook/rulebook.ts";
import type { DispatchItem } from "./dispatch-items.ts";
import type { Log } from "./ports.ts";
import { createWebhookGate, type WebhookGate } from "./webhook-gate.ts";
import type { Posted, Poster } from "./webhook-post.ts";
import { parseWebhookSecret, webhookHeaders } from "./webhook-signature.ts";

export interface WebhookChannel {
  readonly gate: WebhookGate;
  readonly post: (item: DispatchItem) => Promise<Posted>;
}

export interface WebhookDeps {
  readonly poster: Poster;
  /** By the name of an environment variable. */
  readonly secret: (name: string) => string | undefined;
  readonly random: () => number;
  readonly log: Log;
}

/** By name; a channel whose settings have changed gets a new gate, and the old one serves what it has let in. */
export function createWebhookChannels(deps: WebhookDeps): {
  readonly of: (channel: Channel) => WebhookChannel;
  readonly close: () => Promise<void>;
} {
  const open = new Map<string, { readonly settings: string; readonly channel: WebhookChannel }>();
  return {
    of: ({ name, webhook }) => {
      if (webhook === undefined) throw new Error(`channel "${name}" is no webhook`);
      const settings = JSON.stringify(webhook);
      const known = open.get(name);
      if (known?.settings === settings) return known.channel;
      const channel = openChannel(deps, name, webhook);
      open.set(name, { settings, channel });
      return channel;
    },
    close: async () => {
      for (const { channel } of open.values()) channel.gate.close();
      await deps.poster.close();
    },
  };
}

function openChannel({ poster, secret, random, log }: WebhookDeps, name: string, webhook: Webhook): WebhookChannel {
  const gate = createWebhookGate({
    inFlightMax: webhook.inFlight,
    random,
    onRest: (restMs) => log.warn("a webhook rests after failures", { channel: name, restMs: Math.round(restMs) }),
    onOpen: () => log.warn("a webhook is answering again", { channel: name }),
  });
  const { url, secretFrom, timeoutMs } = webhook;
  const written = secret(secretFrom);
  const key = written === undefined ? { why: "is not set" } : parseWebhookSecret(written);
  if (!Buffer.isBuffer(key)) {
    log.error("messages of a webhook wait: its secret cannot be used", {
      channel: name,
      why: `${secretFrom} ${key.why}`,
    });
    const failed: Posted = { kind: "failed", why: `${secretFrom} ${key.why}`, afterMs: undefined };
    return { gate, post: async () => failed };
  }
  return {
    gate,
    post: async (item) => {
      const body = bodyOf(item);
      return await poster.post({
        url,
        headers: webhookHeaders(key, item.trackingCode, Date.now(), body),
        body,
        timeoutMs,
      });
    },
  };
}

/** The same bytes at every attempt. */
function bodyOf({ message, decidedAt }: DispatchItem): string {
  return `{"type":"nba.message","timestamp":"${new Date(decidedAt).toISOString()}","data":${message}}`;
}
