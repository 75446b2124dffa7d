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
 * A destination for log lines that never blocks the event loop and never holds more than `maxBufferedBytes`: while its reader is slower
 * than the log, lines are dropped and counted. A synchronous destination would stop the whole process at a full pipe instead.
 */
export function createLogDestination(options: LogDestinationOptions): DestinationStream {
  const { fd = process.stdout.fd, maxBufferedBytes = usualBufferedBytes, onDrop, onDrain } = options;
  const destination = pino.destination({
    dest: fd,
    sync: false,
    maxLength: maxBufferedBytes,
    maxWrite: maxWriteBytes,
  });
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
