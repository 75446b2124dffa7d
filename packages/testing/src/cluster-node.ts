import { Redis } from "ioredis";
import { type PrivateRedis, startRedis } from "./redis-process.ts";

/**
 * A Redis in Cluster mode that owns one slot, the one of `prefix`, which stands in braces. It refuses every key outside of that slot, also
 * one that a script uses without having declared it. So whatever runs on it keeps all its keys in one slot.
 */
export async function startClusterNode(prefix: string): Promise<PrivateRedis> {
  // Its other port is 10,000 above its own unless it is told another, and there may be none.
  const args = ["--cluster-enabled", "yes", "--cluster-port", "0", "--cluster-require-full-coverage", "no"];
  const node = await startRedis({ persist: false, args });
  const admin = new Redis(node.url);
  try {
    await admin.call("CLUSTER", "ADDSLOTS", String(await admin.cluster("KEYSLOT", prefix)));
    // The node takes a moment to see that it is the whole cluster.
    while (!/^cluster_state:ok/m.test(await admin.cluster("INFO"))) await admin.ping();
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  } finally {
    admin.disconnect();
  }
}
