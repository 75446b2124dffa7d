/** Times in seconds, the earliest first: a binary heap, because a fleet has hundreds of thousands of calls under way. */
export class TimeHeap {
  readonly #times: number[] = [];

  get size(): number {
    return this.#times.length;
  }

  /** The earliest; Infinity when there is none. */
  get earliest(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  push(time: number): void {
    const times = this.#times;
    let at = times.push(time) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = times[above] ?? 0;
      if (other <= time) break;
      times[at] = other;
      at = above;
    }
    times[at] = time;
  }

  pop(): void {
    const times = this.#times;
    const last = times.pop();
    if (last === undefined || times.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= times.length) break;
      if (below + 1 < times.length && (times[below + 1] ?? 0) < (times[below] ?? 0)) below++;
      const other = times[below] ?? 0;
      if (other >= last) break;
      times[at] = other;
      at = below;
    }
    times[at] = last;
  }
}
