const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ctrl-C under `npm start` arrives twice at once: from the terminal and from npm. That is one wish. */
const SAME_WISH_MS = 1_000;

/** Settles at the first signal to end; a later one ends the process at once, as someone who presses Ctrl-C again wants. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    const listener = (signal: NodeJS.Signals): void => {
      firstAtMs ??= performance.now();
      if (performance.now() - firstAtMs > SAME_WISH_MS) process.exit(130);
      resolve(signal);
    };
    for (const signal of ENDING) process.on(signal, listener);
  });
}
