/** The names of everything the queue keeps in Redis, under one prefix so that installations can share a server. */
export function createKeys(prefix: string) {
  return {
    /** HASH: the truth about one generation. Kept until it ends, then for the retention time. */
    record: (id: string) => `${prefix}:generation:${id}`,
    /** ZSET of ids by time of submission: records that are not known to have a job yet. Empty but for the last moments. */
    unlaned: `${prefix}:unlaned`,
    /** ZSET of ids by time of their latest start: generations that a worker has begun and not put down. */
    running: `${prefix}:running`,
    /** ZSET of ids by time of expiry: queued generations with a deadline for their start. */
    expiring: `${prefix}:expiring`,
    /** HASH tenant → number of its generations on the lane that have not ended. A tenant with none has no field. */
    pending: (lane: string) => `${prefix}:pending:${lane}`,
    /** Prefix of all that BullMQ keeps. */
    lanes: `${prefix}:lane`,
    /** Pub/Sub channel on which one API process hears that a generation ended. */
    replies: (instance: string) => `${prefix}:replies:${instance}`,
  };
}

export type Keys = ReturnType<typeof createKeys>;
