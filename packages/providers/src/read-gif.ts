import { BrokenStructureError, type ImageOutline } from "./image-outline.ts";

const imageBlock = 0x2c;
const extensionBlock = 0x21;
const trailer = 0x3b;

/** Whether bytes begin as a GIF does. */
export const isGif = (bytes: Buffer): boolean => /^GIF8[79]a/.test(bytes.toString("latin1", 0, 6));

/**
 * Walks through the blocks of a GIF, from its signature to its trailer, and counts its frames. No pixel is decoded.
 * The format: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 * @throws {BrokenStructureError} for bytes that end before the trailer, blocks that no GIF has, sides of 0, and a GIF without a frame
 */
export function readGif(bytes: Buffer): ImageOutline {
  let at = 6;
  let frames = 0;

  /** Returns where `count` bytes begin, and goes on behind them. */
  function pass(count: number): number {
    if (at + count > bytes.length) throw new BrokenStructureError(`it ends within frame ${frames + 1}`);
    at += count;
    return at - count;
  }
  const byte = () => bytes.readUInt8(pass(1));
  /** A color table follows where the highest bit is set; the lowest three say how long it is. */
  const passColors = (packed: number) => void (packed & 0x80 && pass(3 * 2 ** ((packed & 7) + 1)));
  /** Passes sub-blocks up to the empty one that ends them, and returns how many bytes of data they have. */
  function passData(): number {
    let total = 0;
    for (let length = byte(); length > 0; length = byte()) {
      pass(length);
      total += length;
    }
    return total;
  }

  if (!isGif(bytes)) throw new BrokenStructureError("it has no signature");
  const screen = pass(7);
  const [width, height] = [bytes.readUInt16LE(screen), bytes.readUInt16LE(screen + 2)];
  if (width === 0 || height === 0) throw new BrokenStructureError(`its sides are ${width}x${height}`);
  passColors(bytes.readUInt8(screen + 4));
  for (;;) {
    const block = byte();
    if (block === trailer) break;
    if (block === extensionBlock) {
      pass(1);
      passData();
    } else if (block === imageBlock) {
      const place = pass(9);
      passColors(bytes.readUInt8(place + 8));
      pass(1);
      if (passData() === 0) throw new BrokenStructureError(`frame ${frames + 1} has no data`);
      frames++;
    } else {
      throw new BrokenStructureError(`it has a block of the unknown type ${block} after ${frames} frames`);
    }
  }
  if (frames === 0) throw new BrokenStructureError("it has no frame");
  // libnsgif holds the frame that is shown as four bytes a pixel, libvips some rows of it.
  return {
    width,
    height,
    frames,
    scans: 1,
    heldBytes: width * height * 5,
    length: at,
    essential: bytes.subarray(0, at),
  };
}
