// The only importer of uWebSockets.js: a native binary for each platform and Node version, so that it is checked before use.

import type * as Uws from "uWebSockets.js";
import { createRequire } from "node:module";

export type UwsModule = Pick<typeof Uws, "App" | "us_listen_socket_close" | "us_socket_local_port" | "DISABLED">;
export type App = Uws.TemplatedApp;
export type Response = Uws.HttpResponse;
export type Request = Uws.HttpRequest;
export type Upgrade = Uws.us_socket_context_t;
export type ListenSocket = Uws.us_listen_socket;
export type Socket<State> = Uws.WebSocket<State>;

const ADVICE =
  "use Node 20 on Linux with glibc 2.27 or later (Node 22 needs 2.38, as in Debian 13), or macOS, or install the " +
  "official build: npm install uWebSockets.js@github:uNetworking/uWebSockets.js";

/** Loads the native server. Throws one line that says what to do where no binary fits or a slow substitute was installed. */
export function loadUws(): UwsModule {
  const loaded = requireUws();
  if (!isNative(loaded.App) || !isNative(loaded.us_listen_socket_close))
    throw new Error(`uWebSockets.js runs as a JavaScript substitute on Node ${process.version}: ${ADVICE}`);
  return loaded;
}

/** LIBUS_LISTEN_EXCLUSIVE_PORT of the library. */
const EXCLUSIVE_PORT = 1;

/** SO_REUSEPORT: whoever listens in this way has a part of the connections. */
const SHARED_PORT = 0;

/**
 * `exclusive`: on a port that nobody else has, or two engines would share it unasked and a caller reach either. The library
 * takes host and options together, its types know only one of the two.
 */
export function listenOn(
  app: App,
  at: { readonly host: string; readonly port: number; readonly exclusive: boolean },
  told: (socket: ListenSocket | false) => void,
): void {
  type Listen = (host: string, port: number, options: number, told: (socket: ListenSocket | false) => void) => unknown;
  (app.listen as unknown as Listen).call(app, at.host, at.port, at.exclusive ? EXCLUSIVE_PORT : SHARED_PORT, told);
}

function requireUws(): UwsModule {
  try {
    return createRequire(import.meta.url)("uWebSockets.js") as UwsModule;
  } catch (error) {
    const why = error instanceof Error ? (error.message.split("\n")[0] as string) : String(error);
    throw new Error(
      `uWebSockets.js has no binary for ${process.platform}-${process.arch}, Node ${process.version}: ${ADVICE} (${why})`,
    );
  }
}

function isNative(value: unknown): boolean {
  return typeof value === "function" && Function.prototype.toString.call(value).includes("[native code]");
}
