/** A catalogue file that cannot be used. Holds every mistake in it, each as `file:line:column: path: reason`. */
export class CatalogueError extends Error {
  override readonly name = "CatalogueError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The model catalogue cannot be used:\n${mistakes.join("\n")}`);
    this.mistakes = mistakes;
  }
}
