import { rm } from "node:fs/promises";
import { connectWorker } from "@darkroom/redis";
import { freePort, type PrivateRedis } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";

/** How a Redis that runs comes to answer with an error, and how that ends. */
export type RedisRefusal = { begin: () => Promise<unknown>; end: () => Promise<unknown> };

type RedisRefusals = Record<
  "OOM" | "READONLY" | "MISCONF" | "NOREPLICAS" | "NOPERM" | "WRONGPASS" | "CROSSSLOT",
  RedisRefusal
>;

/** The ways in which a Redis of the test's own answers nothing to what it is asked, or nothing else than that it is busy. */
export function redisOutages(redis: PrivateRedis): Record<"away" | "silent" | "busy", RedisRefusal> {
  const connect = () => {
    const connection = connectWorker(redis.url, () => {});
    onTestFinished(() => connection.disconnect());
    return connection;
  };
  const [admin, slow] = [connect(), connect()];
  return {
    away: { begin: redis.kill, end: () => redis.restart() },
    silent: { begin: async () => redis.freeze(), end: async () => redis.thaw() },
    busy: {
      async begin() {
        await admin.call("CONFIG", "SET", "busy-reply-threshold", "1");
        slow.eval("while true do end", 0).catch(() => {});
        const isBusy = () => admin.ping().catch(String);
        await expect.poll(isBusy, { interval: 5 }).toContain("BUSY");
      },
      end: () => admin.call("SCRIPT", "KILL"),
    },
  };
}

const slotsOfCluster = 16_384;

/** A port where no Redis answers. */
const nobody = "1";

/**
 * The ways in which a Redis of the test's own, started with a password, refuses what it is asked, by the first word of its answer. One
 * at a time.
 */
export function redisRefusals(redis: PrivateRedis): RedisRefusals {
  const password = decodeURIComponent(new URL(redis.url).password);
  const admin = connectWorker(redis.url, () => {});
  onTestFinished(() => admin.disconnect());
  const config = (...pairs: string[]) => admin.call("CONFIG", "SET", ...pairs);
  const setRights = (...rights: string[]) => admin.call("ACL", "SETUSER", "default", ...rights);
  const hangUp = () =>
    Promise.all(["normal", "pubsub"].map((type) => admin.call("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes")));

  return {
    OOM: { begin: () => config("maxmemory", "1"), end: () => config("maxmemory", "0") },
    READONLY: {
      begin: () => admin.call("REPLICAOF", "127.0.0.1", nobody),
      end: () => admin.call("REPLICAOF", "NO", "ONE"),
    },
    NOREPLICAS: {
      begin: () => config("min-replicas-to-write", "1"),
      end: () => config("min-replicas-to-write", "0"),
    },
    NOPERM: {
      // Redis disconnects a client that is subscribed to a channel to which it has lost the right.
      begin: () => setRights("resetkeys", "~elsewhere:*", "resetchannels", "&elsewhere:*"),
      end: () => setRights("allkeys", "allchannels"),
    },
    WRONGPASS: {
      async begin() {
        await config("requirepass", "another");
        await hangUp();
      },
      end: () => config("requirepass", password),
    },
    CROSSSLOT: {
      async begin() {
        await redis.restart(["--cluster-enabled", "yes", "--cluster-port", String(await freePort())]);
        // One by one: it has taken those of its keys already.
        const slots = admin.pipeline();
        for (let slot = 0; slot < slotsOfCluster; slot++) slots.call("CLUSTER", "ADDSLOTS", String(slot));
        await slots.exec();
      },
      end: () => redis.restart(),
    },
    // The last: its folder is gone for good.
    MISCONF: {
      async begin() {
        await rm(redis.folder, { recursive: true, force: true });
        await config("save", "3600 1");
        await admin.call("BGSAVE");
        const failed = async () => (await admin.info("persistence")).includes("rdb_last_bgsave_status:err");
        await expect.poll(failed, { interval: 20 }).toBe(true);
      },
      end: () => config("save", ""),
    },
  };
}
