import { type DestinationStream, pino } from "pino";

export type LogDestinationOptions = {
  /** The file descriptor that is written to. Standard output when left out. */
  fd?: number;
  /** How much is kept for a reader that is slow, in bytes. */
  maxBufferedBytes?: number;
  /** Called for each line that is dropped. */
  onDrop: () => void;
  /** Called when all that was kept is written, with the number of lines that were dropped before. */
  onDrain: (dropped: number) => void;
};

/** Ten seconds of a busy process, and little beside the heap: without a bound a reader that stands still ends the process. */
const usualBufferedBytes = 4_194_304;

/** What one write takes. With the 16 KB of sonic-boom's default a busy process, which writes once per turn of the event loop, falls behind. */
const maxWriteBytes = 262_144;

/**
 * How long a process that ends waits for a reader of its last lines, in milliseconds. It is a part of the time that Docker and Kubernetes
 * give a process to end.
 */
const flushWithinMs = 1_000;

/**
 * A destination for log lines that never blocks the event loop and never holds more than `maxBufferedBytes`: while its reader is slower
 * than the log, lines are dropped and counted. A synchronous destination would stop the whole process at a full pipe instead. A write that
 * fails, as on a full disk, is tried again with the next line. At the end of the process the last lines are written, but only while that
 * works, and for a second at most.
 */
export function createLogDestination(options: LogDestinationOptions): DestinationStream {
  const { fd = process.stdout.fd, maxBufferedBytes = usualBufferedBytes, onDrop, onDrain } = options;
  let isFailing = false;
  let flushUntilMs = Infinity;
  const destination = pino.destination({
    dest: fd,
    sync: false,
    maxLength: maxBufferedBytes,
    maxWrite: maxWriteBytes,
    retryEAGAIN: () => performance.now() < flushUntilMs,
  });
  // Without a listener the error ends the process. There is no other place to report it.
  destination.on("error", () => (isFailing = true));
  destination.on("write", () => (isFailing = false));
  // pino calls it when the process ends, and by itself it tries until it succeeds: the process would not end.
  const flushSync = destination.flushSync.bind(destination);
  destination.flushSync = () => {
    if (isFailing) return;
    flushUntilMs = performance.now() + flushWithinMs;
    try {
      flushSync();
    } catch {
      // The reader did not take them in time.
    } finally {
      flushUntilMs = Infinity;
    }
  };
  let dropped = 0;
  destination.on("drop", () => {
    dropped++;
    onDrop();
  });
  destination.on("drain", () => {
    if (dropped === 0) return;
    const told = dropped;
    dropped = 0;
    onDrain(told);
  });
  return destination;
}
