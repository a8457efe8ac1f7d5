/** CPU time of one call in us, over as many as fit into `turnMs` of it. What other processes do meanwhile is not charged. */
export function cpuMicroseconds(call: () => number, turnMs: number): number {
  let [calls, sum, tookUs, stride] = [0, 0, 0, 1];
  const before = process.cpuUsage();
  while (tookUs < turnMs * 1_000) {
    for (let n = 0; n < stride; n++) sum += call();
    calls += stride;
    const { user, system } = process.cpuUsage(before);
    tookUs = user + system;
    // Few looks at the clock, and none of them much too late.
    stride = Math.max(1, Math.min(4_096, Math.floor(((calls / Math.max(1, tookUs)) * turnMs * 1_000) / 20)));
  }
  if (Number.isNaN(sum)) throw new Error("a call did not do its work");
  return tookUs / calls;
}

/** CPU time of one of `count` pieces of work, in us. */
export async function cpuOf(count: number, work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
