// What an engine is called in leases: where it runs, so that whoever starts again on the same machine need not wait for the lease
// of one that was killed there.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** `host:pid:random@machine`; without the machine where it cannot be told which one this is. */
export function createEngineId(): string {
  const name = `${hostname()}:${process.pid}:${randomBytes(6).toString("hex")}`;
  return THIS_MACHINE === undefined ? name : `${name}@${THIS_MACHINE}`;
}

/** It ran on this machine, and its process is gone for certain. False for whatever cannot be known from here. */
export function isGone(engineId: string): boolean {
  const [, pid, machine] = /:(\d+):[0-9a-f]+@([0-9a-f]+)$/.exec(engineId) ?? [];
  if (pid === undefined || machine !== THIS_MACHINE) return false;
  try {
    process.kill(Number(pid), 0); // asks only
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Process ids mean the same to whoever has the same one: this boot of this machine, this space of process ids. */
const THIS_MACHINE = machineOf();

function machineOf(): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const processes = readlinkSync("/proc/self/ns/pid");
    return createHash("sha256").update(`${boot} ${processes}`).digest("hex").slice(0, 16);
  } catch {
    return undefined; // no Linux: leases are waited for
  }
}
