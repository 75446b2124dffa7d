/** A key list that cannot be used. Holds every mistake in it, by place and reason, and never the text that stands there. */
export class KeyListError extends Error {
  override readonly name = "KeyListError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The list of API keys cannot be used: ${mistakes.join("; ")}`);
    this.mistakes = mistakes;
  }
}
