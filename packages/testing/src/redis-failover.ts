import { Redis } from "ioredis";
import { type NetworkNamespace, openNetworkNamespace } from "./network-namespace.ts";
import { type PrivateRedis, startRedis, startSentinel } from "./redis-process.ts";
import { untilTrue } from "./until-true.ts";

/** A primary, two replicas, so that there is one left after a failover, and three Sentinels. */
export type FailoverGroup = {
  /** As REDIS_URL names it. */
  url: string;
  primary: PrivateRedis;
  replicas: readonly PrivateRedis[];
  /** Cuts the primary off from everything else. Throws where it does not run in a network of its own. */
  cutOff: () => Promise<void>;
  /** Resolves when the Sentinels say that a replica is the primary now. */
  untilFailedOver: () => Promise<void>;
  stop: () => Promise<void>;
};

/** A tenth of Sentinel's default: a failover begins this many milliseconds after the primary has fallen silent. */
const downAfterMs = 3_000;

/**
 * Starts a group in which one failover happens by itself when the primary is lost.
 * @param inNetwork whether the primary runs in a network of its own, which can be cut off (`canCutOff`)
 */
export async function startFailoverGroup({ inNetwork = false } = {}): Promise<FailoverGroup> {
  await using opened = new AsyncDisposableStack();
  let network: NetworkNamespace | undefined;
  if (inNetwork) {
    network = await openNetworkNamespace();
    opened.defer(network.close);
  }
  const outside = network?.outside ?? "127.0.0.1";
  const inside = network?.inside ?? "127.0.0.1";
  // Both let in who comes from the other network.
  const args = ["--protected-mode", "no", "--repl-diskless-sync-delay", "0"];
  const primary = await startRedis({ host: inside, args, ...(network && { launcher: network.launcher }) });
  opened.defer(primary.stop);
  const replicas = await Promise.all(
    [1, 2].map(async () => startRedis({ host: outside, args: [...args, "--replicaof", inside, String(primary.port)] })),
  );
  for (const replica of replicas) opened.defer(replica.stop);
  await Promise.all(replicas.map(async ({ url }) => untilReplicates(url)));
  const sentinels: { port: number; stop: () => Promise<void> }[] = [];
  for (let i = 0; i < 3; i++) {
    const watched = { host: inside, port: primary.port };
    sentinels.push(await startSentinel(watched, { host: outside, quorum: 2, downAfterMs }));
  }
  opened.defer(async () => void (await Promise.all(sentinels.map(({ stop }) => stop()))));
  const [asked] = sentinels;
  const sentinel = new Redis({ host: outside, port: asked?.port ?? 0 });
  opened.defer(() => sentinel.disconnect());
  await untilTrue(async () => {
    const text = String(await sentinel.call("INFO", "sentinel"));
    return /slaves=2,sentinels=3/.test(text);
  });
  const owned = opened.move();
  return {
    url: `redis-sentinel://${sentinels.map(({ port }) => `${outside}:${port}`).join(",")}/watched`,
    primary,
    replicas,
    async cutOff() {
      if (network === undefined) throw new Error("The primary shares the network of this machine");
      await network.cut();
    },
    untilFailedOver: async () =>
      untilTrue(async () => {
        const address = await sentinel.call("SENTINEL", "get-master-addr-by-name", "watched");
        return Array.isArray(address) && address[1] !== String(primary.port);
      }),
    stop: () => owned.disposeAsync(),
  };
}

async function untilReplicates(url: string): Promise<void> {
  const redis = new Redis(url);
  await untilTrue(async () => /master_link_status:up/.test(await redis.info("replication")));
  redis.disconnect();
}
