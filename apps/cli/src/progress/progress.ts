/** How far something is. */
export type Step = {
  done: number;
  total: number;
  /** What there is to say besides, in a few words with commas between, the weightiest first: `lines, 3 failed`. */
  words: string;
};

/** Shows a person, on stderr, how something goes on. */
export type Progress = {
  show: (step: Step) => void;
  /** A sentence that stays where it is while the progress goes on below it. */
  note: (sentence: string) => void;
  /** Leaves the terminal as it was. Safe to call twice. */
  stop: () => void;
};
