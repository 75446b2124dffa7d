import { existsSync, statSync } from "node:fs";
import { access, constants, mkdir, open, rename } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { createFileNamer } from "../batch/file-namer.ts";
import { imageExtensions } from "../batch/image-extension.ts";
import { Problem } from "../problem.ts";

/** Long enough to tell prompts apart in a folder, short enough to type. */
const slugCharacters = 60;

/** Where the images of a prompt go. */
export type PictureTarget = {
  folder: string;
  /** The name of the one image, or what the names of several begin with. Without extension. */
  stem: string;
  /** With its dot, as the person spelled it; empty where none was asked for. */
  extension: string;
  /** Whether a file that is there is replaced. */
  overwrite: boolean;
};

/**
 * Chooses the names of a prompt's images: the file that `out` names, or in the folder that it names, else in the current one, a name made of the
 * prompt. Makes the folder.
 * @throws {Problem} where a file is there that was named and may not be replaced, or the folder cannot be written to: before anything is bought
 */
export async function choosePictureTarget(options: {
  prompt: string;
  /** How many images. */
  images: number;
  out: string | undefined;
  overwrite: boolean;
}): Promise<PictureTarget> {
  const { prompt, images, out, overwrite } = options;
  const isFolder = out === undefined || /[/\\]$/.test(out) || (existsSync(out) && statSync(out).isDirectory());
  const extension = isFolder ? "" : extname(out);
  const target = {
    folder: isFolder ? (out ?? ".") : dirname(out),
    stem: isFolder ? nameOfPrompt(prompt) : basename(out, extension),
    extension,
    overwrite,
  };
  await mkdir(target.folder, { recursive: true });
  await access(target.folder, constants.W_OK);
  if (isFolder || overwrite) return target;
  const taken = stemsOf(target, images).map((stem) => takenBy(target.folder, stem, extension));
  const first = taken.find((path) => path !== undefined);
  if (first === undefined) return target;
  throw new Problem(`${first} already exists. Name another file with --out, or replace it with --overwrite.`);
}

/** The names of so many images, without extension: with a number where there are several. */
export function stemsOf({ stem }: PictureTarget, images: number): string[] {
  return images === 1 ? [stem] : Array.from({ length: images }, (_, index) => `${stem}-${index}`);
}

/**
 * Gives an image that is whole its name, and answers which. The extension is the one that the image has, whatever was asked for. A file that
 * appeared meanwhile stays, and the image has a number behind its name.
 * @param part the image, in the folder of the target
 * @param extension of the image, by its bytes, without dot
 */
export async function namePicture(
  { folder, extension: asked, overwrite }: PictureTarget,
  { part, stem, extension }: { part: string; stem: string; extension: string },
): Promise<string> {
  const suffix = formatOf(asked) === formatOf(extension) ? asked : `.${extension}`;
  for (let number = 1; ; number++) {
    const path = join(folder, `${stem}${number === 1 ? "" : `-${number}`}${suffix}`);
    if (!overwrite && !(await claim(path))) continue;
    await rename(part, path);
    return path;
  }
}

/** The `output_format` of an extension, with or without its dot; undefined for what is none of an image. */
export function formatOf(extension: string): string | undefined {
  const plain = extension.replace(/^\./, "").toLowerCase();
  const short = plain === "jpeg" ? "jpg" : plain;
  if (!imageExtensions.has(short)) return undefined;
  return short === "jpg" ? "jpeg" : short;
}

/** Takes a name with an empty file. */
async function claim(path: string): Promise<boolean> {
  try {
    await (await open(path, "wx")).close();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** The file that has this name, of any extension where none is asked for. */
function takenBy(folder: string, stem: string, extension: string): string | undefined {
  const extensions = extension === "" ? [...imageExtensions].map((each) => `.${each}`) : [extension];
  return extensions.map((each) => join(folder, `${stem}${each}`)).find((path) => existsSync(path));
}

/** `A lighthouse at dusk` as `a-lighthouse-at-dusk`. */
function nameOfPrompt(prompt: string): string {
  const words =
    prompt
      .toLowerCase()
      .normalize("NFC")
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  let slug = "";
  for (const word of words) {
    const longer = slug === "" ? word : `${slug}-${word}`;
    if (longer.length > slugCharacters) break;
    slug = longer;
  }
  // Safe on every file system; a single word may be longer than a name can be.
  const [name = "image"] = createFileNamer()(slug || words[0] || "image", 1);
  return name;
}
