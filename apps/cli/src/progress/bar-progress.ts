import { printable, printableLines } from "@darkroom/contracts";
import cliProgress, { type GenericFormatter } from "cli-progress";
import type { Progress, Step } from "./progress.ts";

const longestBar = 24;
/** A shorter one says nothing that the numbers do not. */
const shortestBar = 8;

/**
 * One line that fits the terminal, whatever its width: what does not would be cut off by it. The words are worth more than the bar, and the
 * first of them, with commas between, more than the last.
 */
const fittingLine: GenericFormatter = (
  options,
  { progress, value, total, maxWidth },
  { words }: Pick<Step, "words">,
) => {
  let text = `${value}/${total} ${printable(words)}`;
  while (text.length > maxWidth && text.includes(", ")) text = text.slice(0, text.lastIndexOf(", "));
  const barsize = Math.min(longestBar, maxWidth - text.length - "[] ".length);
  if (barsize < shortestBar) return text;
  return `[${cliProgress.Format.BarFormat(progress, { ...options, barsize })}] ${text}`;
};

/** A bar that is drawn over again and gone at the end. For terminals. */
export function barProgress(stream: NodeJS.WritableStream): Progress {
  let bar: cliProgress.SingleBar | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  const start = ({ done, total, words }: Step) => {
    const options = { stream, format: fittingLine, barsize: longestBar, clearOnComplete: true };
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
      stream.write(`${printableLines(sentence)}\n`);
    },
    stop,
  };
}
