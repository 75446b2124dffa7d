import { once } from "node:events";
import { addAbortSignal, PassThrough, type Readable } from "node:stream";

/** Small lines are joined up to this many characters, because one write for each would be most of the work. */
const gatherCharacters = 65_536;

export type LineFile = {
  /** How many lines it has. */
  lines(): number;
  /** Writes one line, and waits while the store is slower. Rejects when the file cannot be written any more. */
  write(text: string | AsyncIterable<string>): Promise<void>;
  /** Resolves when the file is stored. False where there was no line: then no file is created. */
  end(): Promise<boolean>;
  /** Discards the file, and waits until no write is running. */
  abandon(reason: unknown): Promise<void>;
};

/**
 * A file that is written line by line while it is uploaded, so that it is never in memory. `create` is called with its first bytes,
 * and reads its body to the end or destroys it.
 */
export function createLineFile(create: (body: Readable) => Promise<unknown>, signal: AbortSignal): LineFile {
  let upload: { body: PassThrough; created: Promise<unknown> } | null = null;
  const broken = new AbortController();
  const stop = AbortSignal.any([signal, broken.signal]);
  let gathered = "";
  let lines = 0;

  function begin() {
    const body = addAbortSignal(signal, new PassThrough());
    // `create` reports errors of the stream, or the caller knows of them.
    body.on("error", () => {});
    const created = create(body);
    created.catch((error: unknown) => broken.abort(error));
    return { body, created };
  }

  async function flush(): Promise<void> {
    stop.throwIfAborted();
    if (gathered === "") return;
    upload ??= begin();
    const isFull = !upload.body.write(gathered);
    gathered = "";
    if (isFull) await once(upload.body, "drain", { signal: stop }).catch(() => stop.throwIfAborted());
  }

  async function add(text: string): Promise<void> {
    gathered += text;
    if (gathered.length >= gatherCharacters) await flush();
  }

  return {
    lines: () => lines,
    async write(text) {
      if (typeof text === "string") {
        await add(`${text}\n`);
      } else {
        for await (const part of text) await add(part);
        await add("\n");
      }
      lines++;
    },
    async end() {
      await flush();
      upload?.body.end();
      await upload?.created;
      return upload !== null;
    },
    async abandon(reason) {
      upload?.body.destroy(reason instanceof Error ? reason : new Error("The file was given up", { cause: reason }));
      await upload?.created.catch(() => {});
    },
  };
}
