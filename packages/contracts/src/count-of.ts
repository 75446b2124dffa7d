/** A number and what it counts, in words: `1 line`, `2 lines`. The noun is one whose plural has an s. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
