import type { FileHandle } from "node:fs/promises";

/** Where the bytes of an image are: a file of its own, a part of a file, or memory. A `FileHandle` is one. */
export type SpoolSource = {
  /** Reads as many bytes as `buffer` has, or fewer, into its beginning. */
  read(options: { buffer: Buffer; position: number }): Promise<{ bytesRead: number; buffer: Buffer }>;
  /** `mayReuse`: nothing reads its buffers any more. */
  close(mayReuse: boolean): Promise<void>;
  /** The descriptor of a file that is this image and nothing else. */
  readonly fd?: number;
  /** The bytes from `position` on, as far as they stand together in memory. Only of an image that is in memory. */
  view?(position: number): Buffer;
};

export const memorySource = (bytes: Buffer): SpoolSource => ({
  read: async ({ buffer, position }) => ({ bytesRead: bytes.copy(buffer, 0, position), buffer }),
  close: async () => {},
  view: (position) => bytes.subarray(position),
});

/** An image in pieces of one length, of which the last may be shorter. */
export function piecesSource(
  pieces: readonly Buffer[],
  pieceBytes: number,
  onClose: (mayReuse: boolean) => void,
): SpoolSource {
  const view = (position: number) =>
    pieces[Math.floor(position / pieceBytes)]?.subarray(position % pieceBytes) ?? Buffer.alloc(0);
  return {
    read: async ({ buffer, position }) => ({ bytesRead: view(position).copy(buffer), buffer }),
    close: async (mayReuse) => onClose(mayReuse),
    view,
  };
}

export type SharedFile = {
  /** The part that begins where the file ends now; undefined while another one is written. */
  newPart(): Promise<FilePart | undefined>;
};

/** A part of a file that is written from its first byte to its last, and then read. */
export type FilePart = SpoolSource & {
  write(bytes: Buffer, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  /** Ends the writing, so that another part may begin. `bytes`: how many it has. */
  end(bytes: number): void;
};

/**
 * One file for many images, for a reply that has more of them than there should be descriptors. It is closed with the last of its parts; `onClose`
 * is told how many bytes its parts had. `open` opens an empty one.
 */
export function createSharedFile(open: () => Promise<FileHandle>, onClose: (bytes: number) => void): SharedFile {
  let file: Promise<FileHandle> | undefined;
  let endAt = 0;
  let bytesOfParts = 0;
  let parts = 0;
  let isWritten = false;

  const closePart = async (): Promise<void> => {
    if (--parts > 0) return;
    const [closing, bytes] = [file, bytesOfParts];
    [file, endAt, bytesOfParts] = [undefined, 0, 0];
    try {
      await (await closing)?.close();
    } finally {
      onClose(bytes);
    }
  };

  return {
    async newPart() {
      if (isWritten) return undefined;
      isWritten = true;
      parts++;
      let opened: FileHandle;
      try {
        opened = await (file ??= open());
      } catch (error) {
        isWritten = false;
        file = undefined;
        parts--;
        throw error;
      }
      const startAt = endAt;
      return {
        async write(bytes, offset, length, position) {
          const { bytesWritten } = await opened.write(bytes, offset, length, startAt + position);
          endAt = Math.max(endAt, startAt + position + bytesWritten);
          return { bytesWritten };
        },
        end(bytes) {
          isWritten = false;
          bytesOfParts += bytes;
        },
        read: ({ buffer, position }) => opened.read({ buffer, position: startAt + position }),
        close: closePart,
      };
    },
  };
}
