import sharp, { type Sharp } from "sharp";
import { createDice } from "./dice.ts";
import { drawScene } from "./draw-scene.ts";
import { writeText } from "./write-text.ts";

export type PictureFormat = "png" | "jpeg" | "webp";

type PlainPicture = {
  width: number;
  height: number;
  format: PictureFormat;
  /** 0–100, of JPEG and WebP, as OpenAI's `output_compression`: 100 is the finest. */
  compression: number;
  background: "opaque" | "transparent";
};

export type Picture = PlainPicture & { prompt: string; seed: number; watermark: boolean };

/**
 * Draws a landscape made from prompt and seed, with the prompt on a card in it. The same picture is the same bytes. A transparent one
 * is a round-cornered card with clear corners and margins.
 */
export async function drawPicture(picture: Picture): Promise<Buffer> {
  const { width, height } = picture;
  const side = Math.min(width, height);
  const dice = createDice(picture.prompt, picture.seed);
  const clear = picture.background === "transparent";
  const margin = clear ? side * 0.06 : 0;
  const clip = `<clipPath id="frame"><rect x="${margin}" y="${margin}" width="${width - 2 * margin}" height="${height - 2 * margin}" rx="${margin * 2}"/></clipPath>`;
  const scene = drawScene(width, height, dice);
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    clear ? `${clip}<g clip-path="url(#frame)">${scene}</g>` : scene,
    card(picture.prompt, width, height),
    picture.watermark ? mark(width, height) : "",
    `</svg>`,
  ].join("");
  return encode(sharp(Buffer.from(svg)), picture);
}

const plain = new Map<string, Promise<Buffer>>();
/** More kinds of pictures than any measurement asks for. */
const maxPlain = 64;

/** One flat picture for each size, format and background, drawn once: for measurements that are not about drawing. */
export function plainPicture({ width, height, format, compression, background }: PlainPicture): Promise<Buffer> {
  const key = [width, height, format, compression, background].join();
  let picture = plain.get(key);
  if (picture === undefined) {
    if (plain.size >= maxPlain) plain.clear();
    const alpha = background === "transparent" ? 0.5 : 1;
    const flat = sharp({ create: { width, height, channels: 4, background: { r: 70, g: 130, b: 180, alpha } } });
    picture = encode(flat, { width, height, format, compression, background });
    plain.set(key, picture);
  }
  return picture;
}

/** The prompt, white on a dark card in the lower half. */
function card(prompt: string, width: number, height: number): string {
  const side = Math.min(width, height);
  const padding = side * 0.035;
  const written = writeText(prompt, {
    width: width * 0.82 - 2 * padding,
    height: height * 0.4 - 2 * padding,
    largest: side * 0.06,
    smallest: Math.min(side * 0.06, Math.max(9, side * 0.02)),
  });
  if (written.path === "") return "";
  const cardWidth = written.width + 2 * padding;
  const cardHeight = written.height + 2 * padding;
  const x = (width - cardWidth) / 2;
  const y = height * 0.9 - cardHeight;
  return [
    `<rect x="${x}" y="${y}" width="${cardWidth}" height="${cardHeight}" rx="${padding * 0.7}" fill="#0b1020" fill-opacity="0.62"/>`,
    `<path transform="translate(${x + padding} ${y + padding})" fill="#fff" d="${written.path}"/>`,
  ].join("");
}

/** As Ark's watermark: a few words in the lower right corner. */
function mark(width: number, height: number): string {
  const size = Math.max(8, Math.min(width, height) * 0.024);
  const written = writeText("AI generated", { width, height, largest: size, smallest: size });
  const [x, y] = [width - written.width - size, height - written.height - size * 0.4];
  return `<path transform="translate(${x} ${y})" fill="#fff" fill-opacity="0.75" d="${written.path}"/>`;
}

function encode(image: Sharp, { format, compression, background }: PlainPicture): Promise<Buffer> {
  const ready = background === "transparent" ? image : image.flatten({ background: "#ffffff" });
  // Zero quality is not a quality to libwebp and mozjpeg: their scale begins at 1.
  const quality = Math.max(1, compression);
  if (format === "jpeg") return ready.jpeg({ quality }).toBuffer();
  // Effort 0: a sandbox had better be quick than small.
  if (format === "webp") return ready.webp({ quality, effort: 0 }).toBuffer();
  return ready.png({ compressionLevel: 6 }).toBuffer();
}
