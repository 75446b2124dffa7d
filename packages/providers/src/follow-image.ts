import { gif, isGif } from "./follow-gif.ts";
import { isJpeg, jpeg } from "./follow-jpeg.ts";
import { followPng } from "./follow-png.ts";
import { followStructure } from "./follow-structure.ts";
import { isWebp, webp } from "./follow-webp.ts";
import type { ImageFollower } from "./image-follower.ts";
import { isPng } from "./read-png.ts";

/** As many bytes as tell the formats apart. */
const headBytes = 12;

const followers: { begins: (bytes: Buffer) => boolean; follow: () => ImageFollower }[] = [
  { begins: isPng, follow: followPng },
  { begins: isJpeg, follow: () => followStructure(jpeg) },
  { begins: isWebp, follow: () => followStructure(webp) },
  { begins: isGif, follow: () => followStructure(gif) },
];

/** Follows an image of whichever format its first bytes tell. Of another format, such as SVG, it says nothing. */
export function followImage(): ImageFollower {
  let head: Buffer = Buffer.alloc(0);
  let isKnown = false;
  let follower: ImageFollower | undefined;
  return {
    write(bytes) {
      if (isKnown) {
        follower?.write(bytes);
        return;
      }
      const begun = head.length === 0 ? bytes : Buffer.concat([head, bytes]);
      if (begun.length < headBytes) {
        head = Buffer.from(begun);
        return;
      }
      isKnown = true;
      follower = followers.find(({ begins }) => begins(begun))?.follow();
      follower?.write(begun);
    },
    end: () => follower?.end(),
  };
}
