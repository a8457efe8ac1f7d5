// The thread that reads texts of a rulebook (read-aside.ts): one answer for each text, in their order.
import { parentPort, workerData } from "node:worker_threads";
import { readText } from "../rulebook/read-text.ts";

for (const text of workerData as readonly string[]) {
  const reading = readText(text);
  const moved = reading.kind === "read" ? [reading.places.rows.buffer, reading.places.lineStarts.buffer] : [];
  parentPort?.postMessage(reading, moved as readonly ArrayBuffer[]);
}
