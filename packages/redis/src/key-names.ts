import { keyNames } from "./key-kinds.ts";
import type { ProbeNames } from "./probe-writes.ts";

/**
 * The field of a generation among the tombstones that are together. One of its own took 190 bytes, of which its id and its tenant are 40. So
 * those of generations that were made within nine hours, by the first five characters of their ids, and whose ids end in the same three,
 * are in one hash: twelve of them at a million generations a day. Redis keeps so few in one block. `claim-outlived.lua` makes the same names.
 */
export const tombstoneField = (id: string): string => id.slice(9, -3);

/** The names of everything the queue keeps in Redis, under one prefix so that installations can share a server. */
export function createKeys(prefix: string) {
  const name = keyNames(prefix);
  const probe: ProbeNames = {
    keys: [name("probe"), name("lane", "probe")],
    channel: name("replies", "probe"),
  };
  return {
    /** Begins every name: the root from which `@darkroom/accounts` makes its own, in Lua too. */
    root: `${prefix}:`,
    /** HASH: the truth about one generation. Kept until it ends, then for the retention time. */
    record: (id: string) => name("generation", id),
    /** HASH: a record whose retention is over, while its objects are removed. Only recovery looks for it there. */
    forgotten: (id: string) => name("forgotten", id),
    /** LIST of the partial images of a generation that is watched while it is drawn. Lives as long as the record. */
    partials: (id: string) => name("partials", id),
    /** HASH: generations whose records were dropped a short time ago, by `tombstoneField` → the tenant of each. */
    tombstones: (id: string) => name("tombstones", id.slice(4, 9), id.slice(-3)),
    /** STRING: the tenant of such a generation, as a release before wrote it. It is gone after TOMBSTONE_SECONDS. */
    formerTombstone: (id: string) => name("expired", id),
    /** STRING `tenant score`: where a generation or a batch stood in its tenant's index. Lives some minutes from its removal. */
    formerPlace: (id: string) => name("former-place", id),
    /** ZSET of ids by time of submission: a tenant's generations, until their records are dropped. */
    index: (tenant: string) => name("index", tenant),
    /** STRING: body and generation that an idempotency key of an API key stands for. Its time counts from the ending. */
    claim: (keyId: string, digest: string) => name("claim", keyId, digest),
    /** STRING: the generation that a submission was attached to. Lives some minutes. */
    attached: (submissionId: string) => name("attached", submissionId),
    /** ZSET of the generations that no caller was answered with, of those that an API key has asked for with one body: see `callers.lua`. */
    unanswered: (keyId: string, fingerprint: string) => name("unanswered", keyId, fingerprint),
    /** SET of the callers that wait for the answer of a generation. */
    waiters: (id: string) => name("waiters", id),
    /** ZSET of the reply channels of api processes by the time of their latest heartbeat. */
    instances: name("instances"),
    /** ZSET of all queued generations by a time: of their submission, of the end of their pause, or from which on to look for their job. */
    queued: name("queued"),
    /** ZSET of all running generations by a time: of their latest start, or from which on to look for their job. */
    running: name("running"),
    /** ZSET of ids by time of expiry: queued generations with a deadline for their start. */
    expiring: name("expiring"),
    /** ZSET of ids by the time when their retention is over, or a worker may have died that was removing them. */
    retained: name("retained"),
    /** STRING, a time of `retained`: the records that are on it for no longer are compressed, where they can be. */
    packedUntil: name("packed-until"),
    /** HASH tenant → about how many bytes of Redis its generations take. A tenant with none has no field. */
    tenantMemory: name("tenant-memory"),
    /** HASH: what the loops of the service could not deal with, under an id of its own. See `quarantine.lua`. */
    quarantine: name("quarantine"),
    /** ZSET of the same ids by the time at which a loop last came upon each. */
    quarantineSeen: name("quarantine-seen"),
    /** STRING: what is written before replicas are waited for. Lives a minute. */
    replicated: name("replicated"),
    /** HASH task → `worker until fence`: which worker holds a background task of the fleet, and until when. `-` = none. */
    taskLeases: name("task-leases"),
    /** HASH worker → `until task …`: the workers that take background tasks, and which each can do. */
    taskWorkers: name("task-workers"),
    /** HASH: a process of the fleet, as it describes itself with each heartbeat. Lives some seconds from the latest. */
    process: (process: string) => name("process", process),
    /** ZSET of the names of processes by the time of their latest heartbeat. */
    processes: name("processes"),
    /** HASH lane → since when it takes no new generations, because the operator drains it. */
    drainedLanes: name("drained-lanes"),
    /** HASH lane → `concurrency serviceMs`: the slots of the worker that has told of the lane last, and how long a job holds one (`-`: unknown). */
    laneServices: name("lane-services"),
    /** ZSET of endings (id, version, status) that are not yet deliveries, by the time from which on they are due. Empty but for the last moments. */
    outbox: name("outbox"),
    /** HASH: one webhook delivery. Kept until it is settled, then as long as its index. */
    delivery: (id: string) => name("delivery", id),
    /** ZSET of the delivery ids that are not settled, by the time at which to look at each: of its next attempt, or when its worker may have died. */
    deliveries: name("deliveries"),
    /** ZSET of delivery ids by time: a tenant's deliveries of the last weeks. Lives as long as the latest. */
    deliveryIndex: (tenant: string) => name("delivery-index", tenant),
    /** STRING: an address that answered 410 to an API key's webhooks. Lives some days. */
    addressOff: (keyId: string, digest: string) => name("address-off", keyId, digest),
    /** STRING: an origin that has not answered a tenant's webhook in time. Lives some minutes. */
    addressHung: (tenant: string, origin: string) => name("address-hung", tenant, origin),
    /** HASH: the truth about one batch. */
    batch: (id: string) => name("batch", id),
    /** STRING: the catalogue that batches were accepted by, under its SHA-256. Lives sixty days after the last of them. */
    catalogue: (sha256: string) => name("catalogue", sha256),
    /** LIST of the lines of a batch that have ended and have not been collected: generation ids, and lines that were never taken in. */
    batchEnded: (id: string) => name("batch-ended", id),
    /** SET of the generation ids of a batch's lines that have a record. */
    batchLines: (id: string) => name("batch-lines", id),
    /** STRING: body and batch that an idempotency key of an API key stands for. Its time counts from the ending. Not the claims of generations: each route has its own. */
    batchClaim: (keyId: string, digest: string) => name("batch-claim", keyId, digest),
    /** LIST of the batches that an API key has lately asked for with one body, the latest first. */
    batchBodies: (keyId: string, fingerprint: string) => name("batch-bodies", keyId, fingerprint),
    /** LIST of the times at which an API key made its batches of the last hour, the latest first. */
    batchCreations: (keyId: string) => name("batch-creations", keyId),
    /** ZSET of ids by time of submission: a tenant's batches. */
    batchIndex: (tenant: string) => name("batch-index", tenant),
    /** ZSET of ids by time of submission: batches that have not ended. */
    activeBatches: name("batches-active"),
    /** ZSET of ids by the time when what is left of them may go: batches that have ended. */
    endedBatches: name("batches-ended"),
    /** ZSET of ids by time of acceptance: batches with lines for a lane, or lines on it. */
    feedingBatches: (lane: string) => name("batches-feeding", lane),
    /** HASH tenant → number of its generations on the lane that have not ended. A tenant with none has no field. */
    pending: (lane: string) => name("pending", lane),
    /** HASH tenant → rank of its latest job on the lane, '' → the rank that the lane has come to, and fields of `lane-priority.lua`. Gone when the lane is empty. */
    ranks: (lane: string) => name("ranks", lane),
    /** Begins the names of STRINGs, one for each span of time: how many attempts the lane has begun in it. Each lives some spans. */
    starts: (lane: string) => name("starts", lane, ""),
    /** Begins the names of STRINGs, one for each such span: how many calls the lane's upstream has refused in it for its rate limit. */
    refusals: (lane: string) => name("refusals", lane, ""),
    /** HASH: how a lane backs off from an upstream whose rate limit is reached. Gone when the lane is as fast as before, or after a while. */
    backoff: (lane: string) => name("backoff", lane),
    /** HASH: whether an upstream of the deployments file is closed, and how fast it is. Lives some minutes from its latest call. See `end-call.lua`. */
    deployment: (deployment: string) => name("deployment", deployment),
    /** ZSET of the calls that are under way at a deployment, by the time at which each stops counting. */
    deploymentCalls: (deployment: string) => name("deployment-calls", deployment),
    /** STRING: what a deployment was asked for in each second of the last minute. See `asked.lua`. */
    deploymentAsked: (deployment: string) => name("deployment-asked", deployment),
    /** STRING: the latest time at which a job of a model comes back that found no room at its deployments. Lives some seconds. Batches have their own. */
    deploymentLine: (model: string, isBatch = false) => name("deployment-line", model, ...(isBatch ? ["batch"] : [])),
    /** Prefix of all that BullMQ keeps. */
    lanes: name("lane"),
    /** Begins the names of what BullMQ keeps of a lane. */
    lane: (lane: string) => name("lane", lane, ""),
    /** Pub/Sub channel on which one API process hears that a generation ended or changed. */
    replies: (instance: string) => name("replies", instance),
    /** What a look whether Redis takes writes uses, and takes away. */
    probe,
    /** Pub/Sub channel on which workers hear of running generations that were canceled. */
    cancels: name("cancels"),
    /** Pub/Sub channel on which workers hear that webhook deliveries wait in line. */
    waitingDeliveries: name("waiting-deliveries"),
  };
}

export type Keys = ReturnType<typeof createKeys>;

/** What every script that moves a generation is given, in the order of `records/scripts/generation.lua`; `more` are the script's own. */
export const generationKeys = (keys: Keys, id: string, lane: string, ...more: string[]): string[] => [
  keys.record(id),
  keys.running,
  keys.queued,
  keys.expiring,
  keys.pending(lane),
  keys.retained,
  keys.outbox,
  keys.ranks(lane),
  ...more,
  keys.root,
];
