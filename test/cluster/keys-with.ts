// What the masters of a cluster hold, looked through by hand.
import { type ClusterNode, isAlive, type TestCluster } from "./start-cluster.ts";

/** Keys that have it in their name or in what they hold, on any master. */
export async function keysWith(cluster: TestCluster, needle: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { admin } of await mastersOf(cluster)) {
    for (const key of await admin.keys("*")) {
      const kind = await admin.type(key);
      const ranged = kind === "zset" || kind === "list";
      const held: Buffer[][] | Buffer[] | Buffer | null =
        kind === "stream"
          ? (await admin.xrangeBuffer(key, "-", "+")).flatMap(([, fields]) => fields)
          : kind === "hash"
            ? ((await admin.callBuffer("HGETALL", key)) as Buffer[])
            : ranged
              ? await admin.zrangeBuffer(key, 0, "-1")
              : await admin.getBuffer(key);
      if (key.includes(needle) || Buffer.concat([held ?? []].flat(2)).includes(needle)) found.push(key);
    }
  }
  return found;
}

/** Those that live. */
export async function mastersOf(cluster: TestCluster): Promise<readonly ClusterNode[]> {
  const roles = await Promise.all(
    cluster.nodes.map(async (node) => isAlive(node) && /role:master/.test(await node.admin.info("replication"))),
  );
  return cluster.nodes.filter((_, index) => roles[index] === true);
}
