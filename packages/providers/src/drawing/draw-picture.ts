import sharp from "sharp";
import { createDice } from "./dice.ts";
import { drawScene } from "./draw-scene.ts";
import { writeText } from "./write-text.ts";

export type PictureFormat = "png" | "jpeg" | "webp" | "gif" | "svg";

type PlainPicture = {
  width: number;
  height: number;
  format: PictureFormat;
  /** 0–100, of JPEG and WebP, as OpenAI's `output_compression`: 100 is the finest. */
  compression: number;
  background: "opaque" | "transparent";
  /** Of a GIF: at least two. */
  frames: number;
  /** How long each frame of a GIF is shown, rounded to hundredths of a second, as a GIF says it: 10 to 65,530. */
  frameDurationMs: number;
};

export type Picture = PlainPicture & { prompt: string; seed: number; watermark: boolean };

/**
 * Draws a landscape made from prompt and seed, with the prompt on a card in it. The same picture is the same bytes. A transparent one
 * is a round-cornered card with clear corners and margins. In a GIF the landscape moves, and its last frame leads to the first.
 */
export function drawPicture(picture: Picture): Promise<Buffer> {
  return encode((phase) => vectors(picture, phase), picture);
}

/** The picture as an SVG; every format is drawn after it. `phase` is drawScene's. */
function vectors({ width, height, background, prompt, seed, watermark }: Picture, phase: number): string {
  const clear = background === "transparent";
  const margin = clear ? Math.min(width, height) * 0.06 : 0;
  const clip = `<clipPath id="frame"><rect x="${margin}" y="${margin}" width="${width - 2 * margin}" height="${height - 2 * margin}" rx="${margin * 2}"/></clipPath>`;
  const scene = drawScene(width, height, createDice(prompt, seed), phase);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    clear ? `${clip}<g clip-path="url(#frame)">${scene}</g>` : scene,
    card(prompt, width, height),
    watermark ? mark(width, height) : "",
    `</svg>`,
  ].join("");
}

const plain = new Map<string, Promise<Buffer>>();
/** More kinds of pictures than any measurement asks for. */
const maxPlain = 64;

/** One flat picture for each size, format and background, drawn once: for measurements that are not about drawing. */
export function plainPicture(asked: PlainPicture): Promise<Buffer> {
  const { width, height, format, compression, background, frames, frameDurationMs } = asked;
  const key = [width, height, format, compression, background, frames, frameDurationMs].join();
  let picture = plain.get(key);
  if (picture === undefined) {
    if (plain.size >= maxPlain) plain.clear();
    picture = drawPlain(asked);
    plain.set(key, picture);
  }
  return picture;
}

function drawPlain(asked: PlainPicture): Promise<Buffer> {
  const alpha = asked.background === "transparent" ? 0.5 : 1;
  const flat = `<svg xmlns="http://www.w3.org/2000/svg" width="${asked.width}" height="${asked.height}"><rect width="100%" height="100%" fill="#4682b4" fill-opacity="${alpha}"/></svg>`;
  return encode(() => flat, asked);
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

/** @param draw the picture as an SVG, at a phase of its movement */
async function encode(draw: (phase: number) => string, picture: PlainPicture): Promise<Buffer> {
  const { format, compression, background } = picture;
  if (format === "gif") return encodeGif(draw, picture);
  const still = Buffer.from(draw(0));
  if (format === "svg") return still;
  const ready = background === "transparent" ? sharp(still) : sharp(still).flatten({ background: "#ffffff" });
  // Zero quality is not a quality to libwebp and mozjpeg: their scale begins at 1.
  const quality = Math.max(1, compression);
  if (format === "jpeg") return ready.jpeg({ quality }).toBuffer();
  // Effort 0: a sandbox had better be quick than small.
  if (format === "webp") return ready.webp({ quality, effort: 0 }).toBuffer();
  return ready.png({ compressionLevel: 6 }).toBuffer();
}

/**
 * Less than 10 ms would be written as 0, which viewers take for 100. sharp takes no more than 65,535 ms, though a GIF could say ten times
 * as much.
 */
const shortestDelayMs = 10;
const longestDelayMs = 65_530;

/** A GIF that begins again at its end. */
function encodeGif(draw: (phase: number) => string, { frames, frameDurationMs }: PlainPicture): Promise<Buffer> {
  const stills = Array.from({ length: frames }, (_, frame) => Buffer.from(draw(frame / frames)));
  const delayMs = Math.min(longestDelayMs, Math.max(shortestDelayMs, frameDurationMs));
  const delay = Array<number>(frames).fill(delayMs);
  return sharp(stills, { join: { animated: true } })
    .flatten({ background: "#ffffff" })
    .gif({ delay, loop: 0, effort: 1, keepDuplicateFrames: true })
    .toBuffer();
}

/**
 * A version of a picture as it might look on the way: the same size and format, with `rows` of detail and the rest smoothed over.
 * Made small and large again, which is far quicker than a blur.
 */
export async function unfinishedPicture(
  picture: Uint8Array,
  {
    width,
    height,
    format,
    rows,
  }: { width: number; height: number; format: Exclude<PictureFormat, "gif" | "svg">; rows: number },
): Promise<Buffer> {
  const small = await sharp(picture)
    .resize({ height: Math.min(rows, height) })
    .png()
    .toBuffer();
  return sharp(small).resize(width, height, { fit: "fill", kernel: "cubic" }).toFormat(format).toBuffer();
}
