/**
 * The text after the changes of a diff without line numbers: lines that begin with a blank are there, with `-` they go, with `+` they come.
 * `@@` on a line of its own stands between two places. Throws where a place is not in the text exactly once.
 */
export function applyHunks(text: string, diff: string): string {
  return diff.split(/^@@\n/m).reduce((before, hunk) => {
    const lines = hunk.trimEnd().split("\n");
    const without = (mark: string) =>
      lines
        .filter((line) => !line.startsWith(mark))
        .map((line) => `${line.slice(1)}\n`)
        .join("");
    const [old, changed] = [without("+"), without("-")];
    const places = before.split(old);
    if (places.length !== 2) throw new Error(`This is in the file ${places.length - 1} times, not once:\n${old}`);
    return places.join(changed);
  }, text);
}
