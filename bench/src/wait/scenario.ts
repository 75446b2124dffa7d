export type Row = Record<string, string | number>;

export type ScenarioSettings = {
  /** Small counts and one round, for a look within a minute. */
  quick: boolean;
  /** How many lines a batch has. */
  lines: number;
  /** The neighbours, or the systems that move bytes, that are measured, by their names. Undefined: all. */
  only: readonly string[] | undefined;
  /** With how many workers each a fleet is measured. Undefined: 1, 4 and 16. */
  workers: readonly number[] | undefined;
  profileTo: string | undefined;
  /** Says what is going on, on standard error. */
  tell: (text: string) => void;
};

export type Scenario = {
  number: number;
  title: string;
  run(settings: ScenarioSettings): Promise<Row[]>;
};
