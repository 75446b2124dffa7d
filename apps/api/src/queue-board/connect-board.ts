import { batchesLanes } from "@darkroom/batches";
import { connectProducer, type Keys, untilConnected } from "@darkroom/redis";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import { lanesOf } from "../fleet-figures.ts";
import type { Queue } from "../open-queue.ts";
import { createQueueBoard, type QueueBoard } from "./queue-board.ts";

export type ConnectBoardOptions = {
  redisUrl: string;
  keys: Keys;
  operator: Pick<Queue["operator"], "laneNames">;
  catalogue: Pick<Catalogue, "models">;
  /** Where callers reach this service. Behind a proxy it may have a path, which a browser has to send. */
  publicBaseUrl: string | undefined;
  log: Logger;
  idleMs?: number;
};

/** As long as a caller waits for Redis. */
const connectWithinMs = 2_000;

/** The board of the lanes of an installation, with a connection of its own for as long as somebody looks at it. */
export function connectBoard(options: ConnectBoardOptions): QueueBoard {
  const { redisUrl, keys, operator, catalogue, publicBaseUrl, log } = options;
  const { idleMs } = options;
  const proxied = publicBaseUrl === undefined ? "" : new URL(publicBaseUrl).pathname.replace(/\/+$/, "");
  const names = [...batchesLanes, ...lanesOf(catalogue)];
  return createQueueBoard({
    async connect() {
      const redis = connectProducer(redisUrl, (error) =>
        log.warn({ err: error }, "The connection to Redis of the board reports an error"),
      );
      try {
        await untilConnected(redis, connectWithinMs);
      } catch (error) {
        redis.disconnect();
        throw error;
      }
      return { redis, keys };
    },
    readLanes: () => operator.laneNames(names),
    basePath: `${proxied}/admin/queues`,
    log,
    ...(idleMs !== undefined && { idleMs }),
  });
}
