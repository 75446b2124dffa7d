import { setImmediate as turn } from "node:timers/promises";
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { decompressed } from "./decompress.ts";
import { readChunks } from "./read-body.ts";

const content = Buffer.from(JSON.stringify({ data: [{ b64_json: "QUJD".repeat(10_000) }] }));
const codings = [
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
  ["deflate", deflateSync],
  ["zstd", zstdCompressSync],
] as const;

async function* pieces(bytes: Buffer, size: number) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function read(chunks: AsyncIterable<Buffer>) {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

describe.each(codings)("%s", (label, compress) => {
  test.each([1, 7, 100_000])("in pieces of %d bytes is unpacked", async (size) => {
    expect(await read(decompressed(pieces(compress(content), size), label))).toEqual(content);
  });

  test("that breaks off throws what broke it", async () => {
    const broken = new Error("reset");
    async function* cut() {
      yield compress(content).subarray(0, 30);
      throw broken;
    }
    await expect(read(decompressed(cut(), label))).rejects.toBe(broken);
  });

  test("of which its reader wants no more closes the body underneath", async () => {
    let closed = false;
    async function* body() {
      try {
        for (;;) {
          yield* pieces(compress(content), 100);
          await turn();
        }
      } finally {
        closed = true;
      }
    }
    const reading = decompressed(body(), label);
    await reading.next();
    await reading.return(undefined);
    await expect.poll(() => closed).toBe(true);
  });

  test("that unpacks to more than allowed is not unpacked to its end", async () => {
    const bomb = compress(Buffer.alloc(16_000_000, " "));
    const body = Readable.from(pieces(bomb, 512), { objectMode: false });
    onTestFinished(() => void body.destroy());
    let bytes = 0;
    const reading = async () => {
      for await (const chunk of readChunks(body, { maxBytes: 1_000_000, encoding: label })) bytes += chunk.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
    expect(bytes).toBeLessThanOrEqual(1_000_000);
    expect(body.destroyed).toBe(true);
  });
});

test.each(Array.from({ length: 9 }, (_, index) => 16 + index))(
  "Brotli with a window of 2^%d bytes is unpacked, whatever its first bytes look like",
  async (window) => {
    const misread: number[] = [];
    for (let length = 1; length < 700; length++) {
      const answer = Buffer.from(JSON.stringify({ data: [{ url: `https://x.test/${"0123456789".repeat(100)}` }] }));
      const body = answer.subarray(0, length);
      for (const finishFlush of [constants.BROTLI_OPERATION_FLUSH, constants.BROTLI_OPERATION_FINISH]) {
        const params = { [constants.BROTLI_PARAM_LGWIN]: window, [constants.BROTLI_PARAM_QUALITY]: 4 };
        const packed = brotliCompressSync(body, { params, finishFlush });
        const unpacked = await read(decompressed(pieces(packed, 4096), "br")).catch(() => undefined);
        if (unpacked?.equals(body) !== true) misread.push(length);
      }
    }
    expect(misread).toEqual([]);
  },
);

test("bytes that are compressed to nothing anybody knows are an error", async () => {
  const junk = Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.from("nothing of the kind")]);
  await expect(read(decompressed(pieces(junk, 100), "gzip"))).rejects.toThrow(/incorrect|unknown/);
});

test.each([
  "",
  "{",
  "<html>",
  "plain words",
  '{"a":1}',
  '[{"a":1}]',
  "{\r\n}",
  "\n\t <!-- -->",
  "<svg/>",
  "<?xml?>",
  'data: {"a":"猫"}',
])("%j is itself, whatever its label", async (text) => {
  const bytes = Buffer.from(text);
  for (const label of [undefined, "gzip", "identity", ...(/^\s*[[{<d]/.test(text) ? ["br", "deflate"] : [])]) {
    expect(await read(decompressed(pieces(bytes, 3), label))).toEqual(bytes);
  }
});
