import { ArrivingBytes } from "./arriving-bytes.ts";
import type { Followed, ImageFollower } from "./image-follower.ts";
import { beyondLimits } from "./image-limits.ts";
import { BrokenStructureError, createExcerpt, type ImageOutline } from "./image-outline.ts";

/** What a walk finds out. `isWhole`: the image reaches its end mark, and nothing in it needs a decoder to judge. */
export type Structure = Omit<ImageOutline, "essential"> & { isWhole: boolean };

/** Told of the parts that a decoder needs, in their order. */
export type Keep = (from: number, to: number) => void;

/** A format whose structure can be followed without decoding a pixel. */
export type StructuredFormat = {
  name: "jpeg" | "webp" | "gif";
  /** Throws `BrokenStructureError` for what is no image of this format. */
  walk: (bytes: ArrivingBytes, keep: Keep) => Generator<void, Structure, void>;
};

/**
 * A walk passes over a JPEG in steps of a hundred bytes, and over other images in longer ones. One that takes many more is made to cost time, and is
 * left to the process that decodes images, whose CPU time is limited.
 */
const usualPasses = 100_000;
const leastBytesPerPass = 32;

/**
 * Follows the structure of an image while its bytes arrive. It finds the sides, the end and what is cut short or beyond the limits. These
 * formats have no checksums, so pixels that were changed are not found.
 */
export function followStructure({ name, walk }: StructuredFormat): ImageFollower {
  const arriving = new ArrivingBytes();
  const steps = walk(arriving, () => {});
  let structure: Structure | undefined;
  let broken: BrokenStructureError | undefined;
  /** It has ended, or is given up. */
  let isSettled = false;

  function step(): void {
    try {
      const { done = false, value } = steps.next();
      if (value !== undefined) structure = value;
      isSettled = done;
    } catch (error) {
      isSettled = true;
      // A mistake of ours says nothing of the image.
      if (error instanceof BrokenStructureError) broken = error;
    }
  }

  return {
    write(bytes) {
      if (isSettled) return;
      arriving.push(bytes);
      step();
      arriving.detach();
      isSettled ||= arriving.passes > usualPasses + arriving.arrived / leastBytesPerPass;
    },
    end(): Followed | undefined {
      arriving.end();
      if (!isSettled) step();
      const reason = broken?.message ?? (structure && beyondLimits(structure));
      if (reason !== undefined) return { unusable: `the ${name.toUpperCase()} cannot be used: ${reason}` };
      if (structure === undefined || !structure.isWhole) return undefined;
      const { width, height, length } = structure;
      return { facts: { mediaType: `image/${name}`, width, height, length }, vouchedForBy: "structure" };
    },
  };
}

/**
 * Follows the structure of an image of which all bytes are there. `essential` of the answer has the parts that the walk kept.
 * @throws {BrokenStructureError} as the walk does
 */
export function outlineOf(bytes: Buffer, { walk }: StructuredFormat): ImageOutline {
  const arriving = new ArrivingBytes();
  arriving.push(bytes);
  arriving.end();
  const excerpt = createExcerpt(bytes);
  const { value } = walk(arriving, (from, to) => excerpt.keep(from, to)).next();
  if (value === undefined) throw new Error("A walk waits for bytes although it has all of them.");
  const { isWhole: _, ...outline } = value;
  return { ...outline, essential: excerpt.bytes() };
}
