export { redisUrlSchema } from "./address/redis-url.ts";
export { checkRedis } from "./check-redis.ts";
export { defineScript, readScript, type Script } from "./define-script.ts";
export { encodeFormerPlace, formerPlaceMs, readFormerScore } from "./former-place.ts";
export { createFleet, type Fleet } from "./fleet/fleet.ts";
export { type FleetMember, joinFleet } from "./fleet/join-fleet.ts";
export { type LaneService, readLaneServices } from "./fleet/lane-services.ts";
export type { FleetProcess, ProcessFacts } from "./fleet/process-facts.ts";
export { infoField } from "./info-field.ts";
export { keyNames, keyTypes } from "./key-kinds.ts";
export { createKeys, generationKeys, type Keys, tombstoneField } from "./key-names.ts";
export { createFullnessCheck, createMemoryGuard } from "./memory-guard.ts";
export {
  createQuarantine,
  type Quarantine,
  type QuarantineEntry,
  type QuarantineKind,
  quarantinePauseMs,
} from "./quarantine/quarantine.ts";
export { isDamage } from "./quarantine/explain-error.ts";
export { createWriteProbe } from "./probe-writes.ts";
export { readTenantPages, type TenantPages, type TenantPagesOptions } from "./read-tenant-pages.ts";
export { type Page, readPage, type UnreadableRecord } from "./read-page.ts";
export {
  connectBatchWorker,
  connectProducer,
  connectReplicaWait,
  connectSubscriber,
  connectWorker,
  untilConnected,
} from "./redis-connections.ts";
export { adviseOnRedis, tellRedisError } from "./redis-faults.ts";
export { createReplicaWait, NotReplicatedError, type ReplicaWait } from "./replica-wait.ts";
export { redisTime } from "./redis-time.ts";
export { createTenantMemory } from "./tenant-memory.ts";
export { CommandTimeoutError } from "./ioredis-patches/time-out-commands.ts";
export type { OwnedTaskOptions, TaskLease } from "./task-leases/task-hold.ts";
export { createTaskLeases, type OwnedTask, type TaskLeases } from "./task-leases/task-leases.ts";
