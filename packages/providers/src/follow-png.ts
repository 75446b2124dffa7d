import { crc32 } from "node:zlib";
import type { ImageFollower } from "./image-follower.ts";
import { beyondLimits } from "./image-limits.ts";
import { pngSignature } from "./read-png.ts";

const headerBytes = 13;
/** Length and type before the content of a chunk, and the checksum behind it. */
const chunkHeadBytes = 8;
const checksumBytes = 4;
/** The longest that a chunk may be (https://www.w3.org/TR/png-3/#5Chunk-layout). */
const longestChunk = 0x7f_ff_ff_ff;
/** Deflate makes data smaller by no more than this (https://zlib.net/zlib_tech.html). */
const mostCompression = 1_032;

/** The depths that a PNG may have, and its samples a pixel, by its colour type (https://www.w3.org/TR/png-3/#3colourType). */
const colourTypes = new Map([
  [0, { depths: [1, 2, 4, 8, 16], samples: 1 }],
  [2, { depths: [8, 16], samples: 3 }],
  [3, { depths: [1, 2, 4, 8], samples: 1 }],
  [4, { depths: [8, 16], samples: 2 }],
  [6, { depths: [8, 16], samples: 4 }],
]);
const palette = 3;

type Header = { width: number; height: number; colourType: number; rawBytes: number };

type Chunk = { type: string; left: number; checksum: number; content: Buffer };

/**
 * Follows the chunks of a PNG while its bytes arrive, and computes the checksum of each that a decoder needs: header, palette, transparency,
 * pixels, end. Where all of them are right and in order, the pixels are those that the encoder wrote, all of them, and decoding them would find out
 * nothing more. It refuses nothing: of anything unusual, such as an interlaced image or one without an end mark, it says nothing,
 * and a decoder decides. It holds some bytes, whatever the image has.
 */
export function followPng(): ImageFollower {
  let isOdd = false;
  /** The bytes of which as many have to be together as `wanted` says: the signature, the head of a chunk, its checksum. */
  let held: Buffer = Buffer.alloc(0);
  let state: "signature" | "head" | "content" | "checksum" | "end" = "signature";
  let chunk: Chunk = { type: "", left: 0, checksum: 0, content: Buffer.alloc(0) };
  let length = 0;
  let header: Header | undefined;
  let hasPalette = false;
  /** Whether the run of chunks with pixels has begun. Its first chunks may be empty. */
  let hasBegunPixels = false;
  let pixelBytes = 0;
  let lastType = "";

  /** Takes so many bytes together from the beginning of `bytes`, and answers the others; null where more are needed. */
  function together(bytes: Buffer, wanted: number): { whole: Buffer; rest: Buffer } | null {
    const missing = wanted - held.length;
    const whole = held.length === 0 ? bytes.subarray(0, missing) : Buffer.concat([held, bytes.subarray(0, missing)]);
    if (whole.length < wanted) {
      held = Buffer.from(whole);
      return null;
    }
    held = Buffer.alloc(0);
    length += wanted;
    return { whole, rest: bytes.subarray(missing) };
  }

  function begin(head: Buffer): void {
    const [left, type] = [head.readUInt32BE(0), head.toString("latin1", 4, 8)];
    chunk = { type, left, checksum: crc32(head.subarray(4)), content: Buffer.alloc(0) };
    isOdd ||= left > longestChunk || !/^[A-Za-z]{4}$/.test(type) || !isInOrder(type, left);
    lastType = type;
    state = left === 0 ? "checksum" : "content";
  }

  function isInOrder(type: string, bytes: number): boolean {
    switch (type) {
      case "IHDR":
        return lastType === "" && bytes === headerBytes;
      case "PLTE":
        if (hasPalette || hasBegunPixels) return false;
        hasPalette = true;
        return header !== undefined && bytes > 0 && bytes % 3 === 0 && bytes <= 3 * 256;
      case "IDAT":
        // The pixels are in one run of chunks, and a decoder reads no further.
        if (hasBegunPixels) return lastType === "IDAT";
        hasBegunPixels = true;
        return header !== undefined;
      case "IEND":
        return pixelBytes > 0 && bytes === 0;
      default:
        return header !== undefined && !isCritical(type);
    }
  }

  function pass(content: Buffer): void {
    const { type } = chunk;
    chunk.left -= content.length;
    length += content.length;
    if (isCritical(type) || type === "tRNS") chunk.checksum = crc32(content, chunk.checksum);
    if (type === "IDAT" && pixelBytes < 2) beginPixels(content);
    else if (type === "IHDR") chunk.content = Buffer.concat([chunk.content, content]);
    if (type === "IDAT") pixelBytes += content.length;
    if (chunk.left === 0) state = "checksum";
  }

  let firstPixelByte = 0;
  /** The first two bytes of the compressed data say how it is compressed (RFC 1950 §2.2). */
  function beginPixels(content: Buffer): void {
    for (const [i, byte] of content.subarray(0, 2 - pixelBytes).entries()) {
      if (pixelBytes + i === 0) firstPixelByte = byte;
      else {
        const [method, windowBits] = [firstPixelByte & 15, (firstPixelByte >> 4) + 8];
        isOdd ||= method !== 8 || windowBits > 15 || (firstPixelByte * 256 + byte) % 31 !== 0 || (byte & 0x20) !== 0;
      }
    }
  }

  function end(checksum: Buffer): void {
    const { type } = chunk;
    if (isCritical(type) || type === "tRNS") isOdd ||= checksum.readUInt32BE(0) !== chunk.checksum;
    if (type === "IHDR") {
      header = headerOf(chunk.content);
      isOdd ||= header === undefined;
    }
    state = type === "IEND" ? "end" : "head";
  }

  return {
    write(bytes) {
      let rest = bytes;
      while (rest.length > 0 && !isOdd && state !== "end") {
        if (state === "content") {
          const content = rest.subarray(0, chunk.left);
          rest = rest.subarray(content.length);
          pass(content);
          continue;
        }
        const taken = together(
          rest,
          { signature: pngSignature.length, head: chunkHeadBytes, checksum: checksumBytes }[state],
        );
        if (taken === null) return;
        ({ rest } = taken);
        if (state === "head") begin(taken.whole);
        else if (state === "checksum") end(taken.whole);
        else {
          isOdd ||= !taken.whole.equals(pngSignature);
          state = "head";
        }
      }
    },
    end() {
      if (isOdd || state !== "end" || header === undefined) return undefined;
      const { width, height, colourType, rawBytes } = header;
      if (colourType === palette && !hasPalette) return undefined;
      // Fewer bytes cannot hold all of the pixels.
      if (pixelBytes * mostCompression < rawBytes) return undefined;
      if (beyondLimits({ width, height, frames: 1, scans: 1, heldBytes: 0 }) !== undefined) return undefined;
      return { facts: { mediaType: "image/png", width, height, length }, vouchedForBy: "checksums" };
    },
  };
}

/** By the first letter of its type: a decoder that does not know the chunk cannot show the image. */
const isCritical = (type: string): boolean => /^[A-Z]/.test(type);

/** Undefined for what no encoder writes, and for an interlaced image, of which a decoder holds every pixel. */
function headerOf(content: Buffer): Header | undefined {
  const [width, height] = [content.readUInt32BE(0), content.readUInt32BE(4)];
  const [depth = 0, colourType = 0, ...methods] = content.subarray(8);
  const known = colourTypes.get(colourType);
  if (known === undefined || !known.depths.includes(depth) || methods.some((method) => method !== 0)) return undefined;
  const rawBytes = height * (1 + Math.ceil((width * depth * known.samples) / 8));
  return { width, height, colourType, rawBytes };
}
