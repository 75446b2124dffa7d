import { createHash, hash } from "node:crypto";
import { Readable } from "node:stream";
import type { Followed } from "../image-follower.ts";
import type { SpoolSource } from "./spool-source.ts";

/** Read from the file at a time. */
const readBytes = 128 * 1024;

type SpooledFile = {
  file: SpoolSource;
  byteLength: number;
  sha256: string;
  /** What was found out about the image while it came. */
  followed?: Followed | undefined;
  /** Called once, when the file is closed. */
  onRelease: () => void;
};

/**
 * The bytes of an image in an unlinked file, or in memory where the disk did not take them. The code that holds them has to release them, and
 * then they are gone.
 */
export class SpooledBytes {
  readonly byteLength: number;
  /** Of all of the bytes, in hexadecimal. */
  readonly sha256: string;
  /** What was found out about the image while it came; undefined where only a decoder can tell what it is. */
  readonly followed: Followed | undefined;
  readonly #file: SpoolSource;
  readonly #onRelease: () => void;
  #isReleased = false;
  /** Something may read its buffers after the release. */
  #isShared = false;
  #lent = 0;

  constructor({ file, byteLength, sha256, followed, onRelease }: SpooledFile) {
    this.byteLength = byteLength;
    this.sha256 = sha256;
    this.followed = followed;
    this.#file = file;
    this.#onRelease = onRelease;
  }

  /** Where another process of this user finds the file while it is open here, which only Linux has. Undefined where it has none of its own. */
  get path(): string | undefined {
    const { fd } = this.#file;
    if (process.platform !== "linux" || this.#isReleased || fd === undefined) return undefined;
    return `/proc/${process.pid}/fd/${fd}`;
  }

  /** Reads it from the first byte, as often as it is called. The stream fails when the bytes are released. */
  stream(): Readable {
    this.#isShared = true;
    return Readable.from(this.#pieces(), { objectMode: false });
  }

  /**
   * Lends a stream until `borrow` resolves, which says that nothing reads its buffers any more: they are used again after the release. Where it
   * rejects, a socket may send them still, and they are not.
   */
  async lend<T>(borrow: (stream: Readable) => Promise<T>): Promise<T> {
    this.#lent++;
    const result = await borrow(Readable.from(this.#pieces(), { objectMode: false }));
    this.#lent--;
    return result;
  }

  /** Reads all of it into memory. */
  async read(): Promise<Buffer> {
    const bytes = Buffer.alloc(this.byteLength);
    let at = 0;
    for await (const piece of this.#pieces()) at += piece.copy(bytes, at);
    return bytes;
  }

  /** The first bytes of it, in its place: these are not to be used any more. */
  async shortenedTo(byteLength: number): Promise<SpooledBytes> {
    const digest = createHash("sha256");
    for await (const piece of this.#pieces(byteLength)) digest.update(piece);
    return new SpooledBytes({
      file: this.#file,
      byteLength,
      sha256: digest.digest("hex"),
      onRelease: this.#onRelease,
    });
  }

  /**
   * Closes the file, once reads that are under way have ended. Does nothing the second time. Never rejects: the descriptor is free also
   * where closing fails, and nobody needs the bytes any more. The images beside them do not fail with them.
   */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const mayReuse = !this.#isShared && this.#lent === 0;
    await this.#file.close(mayReuse).catch(() => {});
    this.#onRelease();
  }

  async *#pieces(end = this.byteLength): AsyncGenerator<Buffer> {
    for (let at = 0; at < end;) {
      if (this.#isReleased) throw new Error("The bytes were released.");
      const inMemory = this.#file.view?.(at).subarray(0, Math.min(readBytes, end - at));
      if (inMemory !== undefined) {
        at += inMemory.length;
        yield inMemory;
        continue;
      }
      const { bytesRead, buffer } = await this.#file.read({
        buffer: Buffer.allocUnsafe(Math.min(readBytes, end - at)),
        position: at,
      });
      if (bytesRead === 0) throw new Error(`Of ${this.byteLength} bytes on disk ${at} could be read.`);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}

/** The bytes of an image: a small one is in memory. */
export type ImageBytes = Uint8Array | SpooledBytes;

/** The SHA-256 of an image in hexadecimal. */
export const sha256Of = (bytes: ImageBytes): string =>
  bytes instanceof SpooledBytes ? bytes.sha256 : hash("sha256", bytes);

/** What is sent to a store: a small image itself, else a new stream of it. */
export const bodyOf = (bytes: ImageBytes): Uint8Array | Readable =>
  bytes instanceof SpooledBytes ? bytes.stream() : bytes;

/** Says that nobody needs the bytes any more. */
export async function releaseBytes(bytes: ImageBytes): Promise<void> {
  if (bytes instanceof SpooledBytes) await bytes.release();
}
