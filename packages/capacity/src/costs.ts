/**
 * What one of each thing costs, measured. The comment at each says where. Times are CPU times of one core of an Intel Xeon at 2.5 GHz.
 * `pnpm bench plan` measures a running installation and compares it with what these predict.
 */
export const costs = {
  /** Of all slots: those that are planned to be busy. The same share as in `darkroom_workers_desired` (packages/queue/src/scale-lane.ts). */
  usedShareOfSlots: 0.8,
  /** Of one core: how busy the main thread of an api or a worker may be before its event loop lags (docs/alerts.md, DarkroomEventLoopLags). */
  usedShareOfCore: 0.7,

  worker: {
    /** Main thread for a generation with a small image: docs/performance.md, "200 concurrent callers", in memory, 4 apis. */
    cpuSecondsPerGeneration: 0.000_286,
    /** From the provider's socket to S3: "Images of megabytes", 9.14 ms a MB after decision 54. */
    cpuSecondsPerByte: 9.14e-9,
    /** The most that it took with small images: "A plan, and what was measured". */
    smallBytes: 225e6,
    /**
     * More for each call, if all replies arrive at the same moment: solved from 294 MB with 20 replies of 2 MB and 433 MB with 4 of 40 MB
     * ("Images of megabytes").
     */
    bytesPerCall: 0.9e6,
    bytesPerReplyByte: 1.28,
  },

  api: {
    /** A request whose caller waits: "200 concurrent callers", 1 and 4 apis. */
    cpuSecondsPerWaitingRequest: 0.000_45,
    /** A submission that answers with an id, or one read of a generation: half of that. */
    cpuSecondsPerShortRequest: 0.000_25,
    /** Reading an image from the store and sending it as base64: "Images of megabytes", 4.13 ms a MB. */
    cpuSecondsPerBase64Byte: 4.13e-9,
    /** With few callers, after some thousand requests: "A plan, and what was measured". */
    smallBytes: 220e6,
    /** The larger of two measurements: "6,000 submissions at once", 4,000 callers. */
    bytesPerHeldRequest: 46_000,
    /** `MAX_HELD_REQUESTS`, by default. */
    maxHeldRequests: 4_000,
    /** One that is restarted or lost leaves the other. */
    least: 2,
  },

  redis: {
    /**
     * A generation whose caller waits, all commands in scripts included, from its submission until its record is compressed. Calibrated with
     * a run of `pnpm bench plan` of 4, 12 and 20 a second with 2 s each. 93 of them are in "The round trips of a generation".
     */
    commandsPerGeneration: 120,
    /** On a busy Redis, as in "200 concurrent callers", its compression included. One with little to do takes several times as much for each. */
    cpuSecondsPerGeneration: 0.000_37,
    /** Its removal when its retention is over: "A fleet's background work". */
    commandsPerRemoval: 14.5,
    cpuSecondsPerRemoval: 0.000_107,
    /** A webhook: "How fast webhooks leave", 4 to 16 workers. Its CPU time by the time that a command inside a script takes. */
    commandsPerWebhook: 47,
    cpuSecondsPerWebhook: 0.000_26,
    /** A generation that runs, each second: the renewal of its lock, and looks at it ("What a fleet asks of Redis while nothing changes"). */
    commandsPerRunningSecond: 0.3 + 0.19,
    /** A caller that waits, each second. */
    commandsPerWaitingSecond: 0.033,
    /** The first worker with nothing to do, each further one, and each api, a second. */
    commandsOfFirstWorkerPerSecond: 37,
    commandsOfWorkerPerSecond: 7,
    commandsOfApiPerSecond: 1,
    /** The audit while it reads, at its default speed ("A plan for 10,000 generations under way"), and its rest after a pass. */
    commandsOfAuditPerSecond: 2_250,
    auditedKeysPerSecond: 2_000,
    auditRestSeconds: 60,
    /** A command that belongs to none of the above, its share of a script included. */
    cpuSecondsPerCommand: 0.000_005,
    /** Connections of a worker with the two lanes of one provider, and of an api, as `pnpm bench plan` counts them. Each further lane takes one. */
    connectionsPerWorker: 7,
    connectionsPerApi: 3,

    /** Memory of an empty Redis with its scripts: "Eight hours in two minutes". */
    idleBytes: 3.5e6,
    /**
     * A generation that has ended, prompt of 280 characters, three values of metadata, one image, asked for over HTTP: 744 bytes of its record,
     * 240 of index and list of retained ones, and the rest in hash tables ("What an ended generation keeps of Redis").
     */
    bytesPerEndedGeneration: 1_050,
    /** More for each further image of it: about what an image takes of a compressed record. */
    bytesPerFurtherImage: 70,
    bytesPerIdempotencyKey: 246,
    /** A generation that is queued or runs, its job included: docs/redis.md. */
    bytesPerRunningGeneration: 4_500,
    /** An entry of the ledger, and how long it may wait for the next look of the export with 1,999 others. */
    bytesPerLedgerEntry: 374,
    ledgerEntriesThatWait: 2_000,
    ledgerLookSeconds: 60,
    ledgerAgeSeconds: 3_600,

    /** Busier than this, Redis delays callers ("A plan for 10,000 generations under way"). */
    usedShareOfCore: 2 / 3,
    /** Of its machine: `maxmemory` is twice what is expected (docs/redis.md), since a rewrite of the append-only file may copy all pages. */
    usedShareOfMemory: 0.5,
    /** `maxclients`, by default. */
    maxConnections: 10_000,
  },

  /** That there was a generation, after its removal. Some are together in one hash (packages/redis/src/key-names.ts). */
  tombstones: {
    /** How many hashes those of 9.3 hours share (2^25 ms): three characters of base 32. */
    hashes: 32 ** 3,
    togetherSeconds: 33_554,
    /** Measured with 1, 12, 51, 400, 1,000 and 4,000 in a hash: 207, 40, 32, 31, 80 and 80 bytes each, the expiry included (Redis 7.0.15). */
    bytesPerHash: 180,
    bytesInListpack: 27,
    bytesInHashTable: 80,
    /** `hash-max-listpack-entries` of Redis 7, by default: with more fields than that it keeps a hash table. Some 500 generations a second. */
    mostInListpack: 512,
  },

  store: {
    /** A generation's objects are removed in calls of up to a thousand. Measured with a hundred: decision 46. */
    objectsPerRemoval: 100,
    /** What Amazon S3 takes of writes a second for one prefix before it answers 503 (docs.aws.amazon.com, "Optimizing Amazon S3 performance"). */
    maxPutsPerSecond: 3_500,
  },
} as const;
