import { costs } from "./costs.ts";
import type { Load } from "./load.ts";

/** What causes the work of a Redis. */
type RedisCause = "generations" | "webhooks" | "removal" | "running" | "fleet" | "audit";

export type RedisPlan = {
  memoryBytes: number;
  /** Parts of the memory, in bytes. */
  memory: { ended: number; underWay: number; tombstones: number; idempotencyKeys: number; ledger: number };
  /** What to set `maxmemory` to. */
  maxmemoryBytes: number;
  /** Those inside of scripts included. */
  commandsPerSecond: number;
  commands: Record<RedisCause, number>;
  /** Of one core, of the thread that runs commands. */
  coreShare: number;
  connections: number;
};

/** The busiest and the mean rate of generations, and the processes of the installation. */
export type RedisUsers = { generationsPerSecond: number; meanPerSecond: number; workers: number; apis: number };

/** What the Redis of an installation takes: memory by what is kept, commands by what ends, runs and waits. */
export function planRedis(load: Load, users: RedisUsers): RedisPlan {
  const { redis } = costs;
  const memory = planMemory(load, users);
  const memoryBytes = redis.idleBytes + sumOf(memory);
  const commands = planCommands(load, users);
  const webhooksPerSecond = load.hasWebhooks ? users.generationsPerSecond : 0;
  return {
    memoryBytes,
    memory,
    maxmemoryBytes: memoryBytes / redis.usedShareOfMemory,
    commandsPerSecond: sumOf(commands),
    commands,
    coreShare:
      users.generationsPerSecond * redis.cpuSecondsPerGeneration +
      webhooksPerSecond * redis.cpuSecondsPerWebhook +
      users.meanPerSecond * redis.cpuSecondsPerRemoval +
      (commands.running + commands.fleet + commands.audit) * redis.cpuSecondsPerCommand,
    connections: users.workers * redis.connectionsPerWorker + users.apis * redis.connectionsPerApi,
  };
}

const sumOf = (parts: Record<string, number>): number => Object.values(parts).reduce((sum, part) => sum + part, 0);

function planMemory(load: Load, { generationsPerSecond, meanPerSecond }: RedisUsers): RedisPlan["memory"] {
  const { redis } = costs;
  const kept = meanPerSecond * load.retentionSeconds;
  const perEnded = redis.bytesPerEndedGeneration + (load.imagesPerGeneration - 1) * redis.bytesPerFurtherImage;
  const waitingEntries = Math.min(
    redis.ledgerEntriesThatWait + meanPerSecond * redis.ledgerLookSeconds,
    meanPerSecond * (redis.ledgerAgeSeconds + redis.ledgerLookSeconds),
  );
  return {
    ended: kept * perEnded,
    underWay: generationsPerSecond * load.serviceSeconds * redis.bytesPerRunningGeneration,
    tombstones: meanPerSecond * load.tombstoneSeconds * bytesPerTombstone(meanPerSecond),
    idempotencyKeys: kept * load.idempotencyKeyShare * redis.bytesPerIdempotencyKey,
    ledger: waitingEntries * redis.bytesPerLedgerEntry,
  };
}

/** The more of them are in a hash, the less each takes, until Redis keeps the hash in another form. */
function bytesPerTombstone(perSecond: number): number {
  const { hashes, togetherSeconds, bytesPerHash, bytesInListpack, mostInListpack, bytesInHashTable } = costs.tombstones;
  const together = Math.max((perSecond * togetherSeconds) / hashes, 1);
  return bytesPerHash / together + (together > mostInListpack ? bytesInHashTable : bytesInListpack);
}

function planCommands(load: Load, users: RedisUsers): RedisPlan["commands"] {
  const { redis } = costs;
  const { generationsPerSecond: perSecond, meanPerSecond } = users;
  const underWay = perSecond * load.serviceSeconds;
  const kept = meanPerSecond * load.retentionSeconds * (1 + load.idempotencyKeyShare);
  return {
    generations: perSecond * redis.commandsPerGeneration,
    webhooks: load.hasWebhooks ? perSecond * redis.commandsPerWebhook : 0,
    removal: meanPerSecond * redis.commandsPerRemoval,
    running: underWay * (redis.commandsPerRunningSecond + load.waitingShare * redis.commandsPerWaitingSecond),
    fleet:
      redis.commandsOfFirstWorkerPerSecond +
      (users.workers - 1) * redis.commandsOfWorkerPerSecond +
      users.apis * redis.commandsOfApiPerSecond,
    audit: auditCommandsPerSecond(underWay + kept),
  };
}

/** In the mean: the audit reads all keys, rests, and begins again. */
function auditCommandsPerSecond(keys: number): number {
  const { commandsOfAuditPerSecond, auditedKeysPerSecond, auditRestSeconds } = costs.redis;
  const passSeconds = keys / auditedKeysPerSecond;
  return (commandsOfAuditPerSecond * passSeconds) / (passSeconds + auditRestSeconds);
}
