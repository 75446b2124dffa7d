import { costs } from "./costs.ts";
import type { Load } from "./load.ts";
import { meanWaitForSlotSeconds } from "./queue-wait.ts";
import { planRedis, type RedisPlan } from "./plan-redis.ts";

/** How many of a process there are and what each takes. Memory in bytes; `cores` of all of them together, at the peak. */
type ProcessPlan = {
  count: number;
  /** What the number follows from. */
  decidedBy: "calls at a time" | "held requests" | "CPU" | "two, so that one may restart";
  cores: number;
  /** Of each, at most. */
  memoryBytes: number;
};

/** Rates are of the peak, and what is kept is of the mean. */
export type CapacityPlan = {
  load: Load;
  generationsPerSecond: number;
  imagesPerSecond: number;
  /** By Little's law. */
  callsAtATime: number;
  workers: ProcessPlan & { slots: number; meanWaitForSlotSeconds: number };
  apis: ProcessPlan & { heldRequests: number };
  redis: RedisPlan;
  store: {
    putsPerSecond: number;
    getsPerSecond: number;
    deleteCallsPerSecond: number;
    writtenBytesPerSecond: number;
    /** By the api, for base64. What callers fetch by links comes on top. */
    readBytesPerSecond: number;
    objects: number;
    bytes: number;
  };
};

/**
 * What an installation needs for a load: workers by Little's law, processes by their CPU time, Redis, the object store. It is arithmetic on `costs`.
 * Batches, partial images and lists are not in it.
 */
export function planCapacity(load: Load): CapacityPlan {
  const meanPerSecond = load.imagesPerSecond / load.imagesPerGeneration;
  const generationsPerSecond = meanPerSecond * load.peakFactor;
  const imagesPerSecond = load.imagesPerSecond * load.peakFactor;
  const callsAtATime = generationsPerSecond * load.serviceSeconds;
  const workers = planWorkers(load, generationsPerSecond);
  const apis = planApis(load, generationsPerSecond);
  const redis = planRedis(load, { generationsPerSecond, meanPerSecond, workers: workers.count, apis: apis.count });
  const sentAsBase64 = imagesPerSecond * load.base64Share;
  const objects = load.imagesPerSecond * load.retentionSeconds;
  return {
    load,
    generationsPerSecond,
    imagesPerSecond,
    callsAtATime,
    workers,
    apis,
    redis,
    store: {
      putsPerSecond: imagesPerSecond,
      getsPerSecond: sentAsBase64,
      deleteCallsPerSecond: load.imagesPerSecond / costs.store.objectsPerRemoval,
      writtenBytesPerSecond: imagesPerSecond * load.imageBytes,
      readBytesPerSecond: sentAsBase64 * load.imageBytes,
      objects,
      bytes: objects * load.imageBytes,
    },
  };
}

function planWorkers(load: Load, perSecond: number): CapacityPlan["workers"] {
  const { cpuSecondsPerGeneration, cpuSecondsPerByte, smallBytes, bytesPerCall, bytesPerReplyByte } = costs.worker;
  const replyBytes = load.imageBytes * load.imagesPerGeneration;
  const cores = perSecond * (cpuSecondsPerGeneration + cpuSecondsPerByte * replyBytes);
  const forSlots = roundedUp((perSecond * load.serviceSeconds) / (load.concurrency * costs.usedShareOfSlots));
  const forCpu = roundedUp(cores / costs.usedShareOfCore);
  const count = Math.max(forSlots, forCpu);
  const slots = count * load.concurrency;
  return {
    count,
    decidedBy: forSlots >= forCpu ? "calls at a time" : "CPU",
    cores,
    memoryBytes: smallBytes + load.concurrency * (bytesPerCall + bytesPerReplyByte * replyBytes),
    slots,
    meanWaitForSlotSeconds: meanWaitForSlotSeconds({ perSecond, serviceSeconds: load.serviceSeconds, slots }),
  };
}

function planApis(load: Load, perSecond: number): CapacityPlan["apis"] {
  const { api } = costs;
  const waiting = perSecond * load.waitingShare;
  const heldRequests = waiting * load.serviceSeconds;
  const base64Bytes = perSecond * load.imagesPerGeneration * load.base64Share * load.imageBytes;
  const cores =
    waiting * api.cpuSecondsPerWaitingRequest +
    // One that submits, and one that reads.
    (perSecond - waiting) * 2 * api.cpuSecondsPerShortRequest +
    base64Bytes * api.cpuSecondsPerBase64Byte;
  const forHeld = roundedUp(heldRequests / (api.maxHeldRequests * costs.usedShareOfSlots));
  const forCpu = roundedUp(cores / costs.usedShareOfCore);
  const count = Math.max(forHeld, forCpu, api.least);
  const decidedBy = count === forHeld ? "held requests" : count === forCpu ? "CPU" : "two, so that one may restart";
  return {
    count,
    decidedBy,
    cores,
    memoryBytes: api.smallBytes + (heldRequests / count) * api.bytesPerHeldRequest,
    heldRequests,
  };
}

/** At least one. A number that is whole but for the error of its computation is that number. */
const roundedUp = (count: number): number => Math.max(Math.ceil(Number(count.toPrecision(12))), 1);
