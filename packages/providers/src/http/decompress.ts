import { Readable, type Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";

/** Enough to tell every coding by its first bytes. */
const telling = 8;

/** How images begin. */
const picture = /^(?:\x89PNG|\xFF\xD8\xFF|RIFF|GIF8)/;
/** How JSON, markup, data URLs and events begin. Blanks are those of JSON: Brotli often begins with a vertical tab, which `\s` takes too. */
const text =
  /^(?:\xEF\xBB\xBF|[\t\n\r ]*(?:\{(?:[\t\n\r "}]|$)|\[(?:[\t\n\r "{[\]]|$)|<(?:[a-z!?/]|$))|data:|event:|: )/i;

/**
 * The content of a body, whatever coding it comes in. Nothing is asked for, but servers compress unasked; and gateways lose the label of
 * what they pass on, or pass the label on with a body that they have unpacked. So the first bytes decide, and the label where they do not.
 * A body that ends too early gives what it had.
 *
 * @param label the `Content-Encoding`
 */
export async function* decompressed(chunks: AsyncIterable<Buffer>, label: string | undefined): AsyncGenerator<Buffer> {
  const rest = chunks[Symbol.asyncIterator]();
  try {
    const [head, done] = await firstBytes(rest);
    const body = joined(head, done ? undefined : rest);
    const decoder = decoderFor(head, label?.trim().toLowerCase() ?? "");
    if (decoder === undefined) yield* body;
    else yield* through(body, decoder);
  } finally {
    // Closes the body underneath, where its reader has had enough.
    await rest.return?.();
  }
}

async function firstBytes(chunks: AsyncIterator<Buffer>): Promise<[head: Buffer, done: boolean]> {
  const first: Buffer[] = [];
  for (let size = 0; size < telling;) {
    const { done, value } = await chunks.next();
    if (done === true) return [Buffer.concat(first), true];
    first.push(value);
    size += value.length;
  }
  return [Buffer.concat(first), false];
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer> | undefined): AsyncGenerator<Buffer> {
  yield head;
  for (;;) {
    const next = await rest?.next();
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

function decoderFor(head: Buffer, label: string): Transform | undefined {
  const [first = 0, second = 0] = head;
  const begins = (...bytes: number[]) => head.subarray(0, bytes.length).equals(Buffer.from(bytes));
  // RFC 1952 knows one method, 8. Brotli may begin with the two bytes before it.
  if (begins(0x1f, 0x8b, 0x08)) return createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return createZstdDecompress({ finishFlush: constants.ZSTD_e_flush });
  // RFC 1950: eight in the low half, and the two bytes a multiple of 31.
  if (first === 0x78 && (first * 256 + second) % 31 === 0)
    return createInflate({ finishFlush: constants.Z_SYNC_FLUSH });
  if (isPlain(head.subarray(0, 64))) return undefined;
  // RFC 9110 means zlib's format by "deflate". Some servers send it bare.
  if (label === "deflate") return createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH });
  if (label === "br") return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
  return undefined;
}

/**
 * Whether a body begins with content. Brotli has no signature, so its first bytes may be those of a text. Control bytes, which no text has,
 * tell the two apart.
 */
function isPlain(head: Buffer): boolean {
  const begins = head.toString("latin1");
  return picture.test(begins) || (text.test(begins) && !head.some(isControl));
}

const isControl = (byte: number): boolean => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d;

/** What a decoder makes of a body. It holds a few blocks at a time, however much comes out; an error of the body is thrown as it is. */
async function* through(body: AsyncIterable<Buffer>, decoder: Transform): AsyncGenerator<Buffer> {
  const source = Readable.from(body, { objectMode: false });
  source.on("error", (error) => decoder.destroy(error));
  source.pipe(decoder);
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) yield chunk;
  } finally {
    source.destroy();
    decoder.destroy();
  }
}
