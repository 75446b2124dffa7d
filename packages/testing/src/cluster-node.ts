import { Redis } from "ioredis";
import { freePort } from "./free-port.ts";
import { type PrivateRedis, startRedis } from "./redis-process.ts";
import { untilTrue } from "./until-true.ts";

/**
 * A Redis in Cluster mode that owns one slot, the one of `prefix`, which stands in braces. It refuses every key outside of that slot, also
 * one that a script uses without having declared it. So whatever runs on it keeps all its keys in one slot.
 */
export async function startClusterNode(prefix: string): Promise<PrivateRedis> {
  const node = await startNode("0");
  const admin = new Redis(node.url);
  try {
    await ownSlot(admin, prefix);
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  } finally {
    admin.disconnect();
  }
}

/** The node that owns the slot of a prefix, and its replica. */
export type ClusterPair = {
  owner: PrivateRedis;
  replica: PrivateRedis;
  /** Makes the replica the owner, whether or not the owner lives. */
  takeOver: () => Promise<void>;
  stop: () => Promise<void>;
};

/** A cluster of two nodes, as `startClusterNode`. One of two cannot elect an owner by itself: `takeOver` does. */
export async function startClusterPair(prefix: string): Promise<ClusterPair> {
  await using opened = new AsyncDisposableStack();
  const buses = [await freePort(), await freePort()];
  const open = async (bus: number | undefined) => {
    const node = await startNode(String(bus));
    opened.defer(node.stop);
    // A test may kill the node.
    const admin = new Redis(node.url).on("error", () => {});
    opened.defer(() => admin.disconnect());
    return { node, admin };
  };
  const first = await open(buses[0]);
  const second = await open(buses[1]);
  await ownSlot(first.admin, prefix);
  await second.admin.call("CLUSTER", "MEET", "127.0.0.1", String(first.node.port), String(buses[0]));
  const id = String(await first.admin.call("CLUSTER", "MYID"));
  await untilTrue(async () => String(await second.admin.call("CLUSTER", "NODES")).includes(id));
  await second.admin.call("CLUSTER", "REPLICATE", id);
  await untilTrue(async () => /master_link_status:up/.test(await second.admin.info("replication")));
  const owned = opened.move();
  return {
    owner: first.node,
    replica: second.node,
    async takeOver() {
      await second.admin.call("CLUSTER", "FAILOVER", "TAKEOVER");
      await untilTrue(async () => /role:master/.test(await second.admin.info("replication")));
    },
    stop: () => owned.disposeAsync(),
  };
}

/** @param bus the port on which nodes speak to each other; it is 10,000 above the other unless it is told another, and there may be none */
const startNode = async (bus: string): Promise<PrivateRedis> =>
  startRedis({
    persist: false,
    args: ["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-require-full-coverage", "no"],
  });

async function ownSlot(admin: Redis, prefix: string): Promise<void> {
  await admin.call("CLUSTER", "ADDSLOTS", String(await admin.cluster("KEYSLOT", prefix)));
  // The node takes a moment to see that it is the whole cluster.
  await untilTrue(async () => /^cluster_state:ok/m.test(await admin.cluster("INFO")));
}
