import cliProgress from "cli-progress";
import type { Progress, Step } from "./progress.ts";

/** A bar that is drawn over again and gone at the end. For terminals. */
export function barProgress(stream: NodeJS.WritableStream): Progress {
  let bar: cliProgress.SingleBar | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  const start = ({ done, total, words }: Step) => {
    const options = { stream, format: "[{bar}] {value}/{total} {words}", barsize: 24, clearOnComplete: true };
    // Without a total there is nothing yet, and not everything done.
    const made = new cliProgress.SingleBar({ ...options, emptyOnZero: true });
    made.start(total, done, { words });
    return made;
  };
  return {
    show: (step) => {
      bar ??= start(step);
      bar.setTotal(step.total);
      bar.update(step.done, { words: step.words });
    },
    note: (sentence) => {
      stop();
      stream.write(`${sentence}\n`);
    },
    stop,
  };
}
