/** The names that `next` leads to from a first one, up to the first that comes again: `[a, b, a]`. Undefined where it comes to an end. */
export function roundFrom(first: string, next: (name: string) => string | undefined): string[] | undefined {
  const line = [first];
  for (let name = next(first); name !== undefined; name = next(name)) {
    const isAgain = line.includes(name);
    line.push(name);
    if (isAgain) return line;
  }
  return undefined;
}
