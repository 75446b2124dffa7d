const noBytes: Buffer = Buffer.alloc(0);

/**
 * The bytes of an image that arrive in parts of any length. A walk passes over them from the first one to the last, and may pass over more
 * than have come. It yields where it needs bytes that have not come.
 */
export class ArrivingBytes {
  #part = noBytes;
  #from = 0;
  /** Passed over before they came. */
  #owed = 0;
  #at = 0;
  #arrived = 0;
  #isOver = false;
  #passes = 0;

  /** How often the walk has passed over bytes: what it has cost. */
  get passes(): number {
    return this.#passes;
  }

  /** Where the next byte stands in the image. */
  get at(): number {
    return this.#at;
  }

  /** How many bytes of the image have come. */
  get arrived(): number {
    return this.#arrived;
  }

  /** How many bytes have come that were not passed over. */
  get left(): number {
    return this.#part.length - this.#from;
  }

  /** No more bytes come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  push(part: Buffer): void {
    this.#arrived += part.length;
    const owed = Math.min(this.#owed, part.length);
    this.#owed -= owed;
    const rest = part.subarray(owed);
    this.#part = this.left === 0 ? rest : Buffer.concat([this.#part.subarray(this.#from), rest]);
    this.#from = 0;
  }

  /** Copies what is left, so that the part that came last may be overwritten. */
  detach(): void {
    this.#part = this.left === 0 ? noBytes : Buffer.from(this.#part.subarray(this.#from));
    this.#from = 0;
  }

  end(): void {
    this.#isOver = true;
    this.#at -= this.#owed;
    this.#owed = 0;
  }

  /** Passes over so many bytes. At the end of the image it passes over as many as there are. */
  pass(count: number): void {
    const come = Math.min(count, this.left);
    this.#passes++;
    this.#from += come;
    this.#at += this.#isOver ? come : count;
    if (!this.#isOver) this.#owed += count - come;
  }

  /** Passes over the bytes before the next one of this value, or over all that have come. */
  passUpTo(value: number): void {
    const found = this.#part.indexOf(value, this.#from);
    this.pass((found === -1 ? this.#part.length : found) - this.#from);
  }

  /** The byte at this distance from the next one. Only of those that are left. */
  peek(offset: number): number {
    return this.#part[this.#from + offset] ?? 0;
  }

  /** The next bytes, of those that are left, without passing over them. Use them before the walk yields. */
  next(count: number): Buffer {
    return this.#part.subarray(this.#from, this.#from + count);
  }
}

/** Waits until so many bytes are there, and answers them without passing over them; undefined where the image ends before. */
export function* arrivalOf(bytes: ArrivingBytes, count: number): Generator<void, Buffer | undefined, void> {
  while (bytes.left < count) {
    if (bytes.isOver) return undefined;
    yield;
  }
  return bytes.next(count);
}
