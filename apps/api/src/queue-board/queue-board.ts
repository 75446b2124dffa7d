import type { QueueConnection } from "@darkroom/generations";
import type { Logger } from "@darkroom/runtime";

/** What the board answers to a GET. */
export type BoardAnswer = { status: number; headers: Readonly<Record<string, string>>; body: Buffer };

/** A board that is open. Its paths begin after that of the board itself: `api/queues`. */
export type OpenBoard = { get: (path: string) => Promise<BoardAnswer>; close: () => Promise<void> };

export type QueueBoardOptions = {
  /** Opens a connection of the board's own, so that what it reads holds up no caller. */
  connect: () => Promise<QueueConnection>;
  /** The lanes that there are now. */
  readLanes: () => Promise<string[]>;
  /** Where a browser finds the board, with the path at which a proxy has the service: `/admin/queues`. */
  basePath: string;
  log: Pick<Logger, "warn">;
  /** How long after the last request the board is closed, in milliseconds. An open page asks every ten seconds. */
  idleMs?: number;
};

const usualIdleMs = 120_000;

/**
 * bull-board, for the low-level view of the lanes. It is loaded and connected when somebody looks at it, and closed some time later: a service
 * whose operator does not use it starts as fast as without it and sends Redis nothing for it.
 */
export function createQueueBoard(options: QueueBoardOptions) {
  const { connect, readLanes, basePath, log, idleMs = usualIdleMs } = options;
  let opened: Promise<OpenBoard> | null = null;
  let requests = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function open(): Promise<OpenBoard> {
    const [{ openBoard }, connection] = await Promise.all([import("./open-board.ts"), connect()]);
    return openBoard({ ...connection, readLanes, basePath });
  }

  async function closeBoard(): Promise<void> {
    clearTimeout(timer);
    const closing = opened;
    opened = null;
    try {
      await (await closing)?.close();
    } catch (error) {
      log.warn({ err: error }, "The board of the queues could not be closed");
    }
  }

  return {
    /** Answers a GET of a page, a file or data of the board. Rejects where Redis does not answer. */
    async get(path: string): Promise<BoardAnswer> {
      clearTimeout(timer);
      requests++;
      try {
        opened ??= open();
        const opening = opened;
        // Redis was away: the next request tries again.
        opening.catch(() => {
          if (opened === opening) opened = null;
        });
        return await (await opening).get(path);
      } finally {
        requests--;
        if (requests === 0 && !isClosed) timer = setTimeout(() => void closeBoard(), idleMs).unref();
      }
    },

    /** Whether it is loaded and connected. */
    isOpen: (): boolean => opened !== null,

    close(): Promise<void> {
      isClosed = true;
      return closeBoard();
    },
  };
}

export type QueueBoard = ReturnType<typeof createQueueBoard>;
