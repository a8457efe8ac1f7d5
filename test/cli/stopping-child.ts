// A process that serves and, told to stop, never comes to its end: run by stopping.test.ts with how long that may take.
import { serve } from "../../engine/cli/serve.ts";
import { firstSignal } from "../../engine/cli/signals.ts";
import { createLog } from "../../engine/observe/log.ts";

const never = new Promise<never>(() => undefined);
setInterval(() => undefined, 1_000); // as the sockets of an engine do, this keeps it alive
const log = createLog({ level: "info", readable: false, write: (line) => void process.stdout.write(line) });
const engine = { url: "http://127.0.0.1:0", share: () => never, stop: () => never, broken: never };
await serve(engine, log, "listening", firstSignal(), Number(process.argv[2]));
