import { createHash } from "node:crypto";
import filenamify from "filenamify";

/** Half of the 255 that file systems allow: the rest is for a number, a hash, an extension, and the 260 of a whole path on Windows. */
const maxNameBytes = 120;

/** Gives names of files, without extension, that are safe on every file system and differ from each other on every one. */
export type FileNamer = (customId: string, images: number) => string[];

/**
 * Names from `custom_id`: as it is where that can be, else what is left of it; with a number where a line has several images; and with a piece
 * of its hash where the name is taken. The same calls in the same order give the same names.
 */
export function createFileNamer(): FileNamer {
  const taken = new Set<string>();
  return (customId, images) => {
    const plain = plainName(customId);
    const hash = createHash("sha256").update(customId).digest("hex");
    for (let digits = 0; digits <= hash.length; digits += 8) {
      const stem = digits === 0 ? plain : `${plain}-${hash.slice(0, digits)}`;
      const names = Array.from({ length: images }, (_, index) => (images === 1 ? stem : `${stem}-${index}`));
      if (names.some((name) => taken.has(folded(name)))) continue;
      for (const name of names) taken.add(folded(name));
      return names;
    }
    throw new Error(`The names of ${customId} are all taken: it was named before.`);
  };
}

function plainName(customId: string): string {
  // Cut first: what filenamify takes for an extension it does not cut. Half a surrogate pair is replaced by it.
  let short = customId.normalize("NFC").slice(0, maxNameBytes);
  while (Buffer.byteLength(short) > maxNameBytes) short = short.slice(0, -1);
  // A name that begins with a dot is hidden, one with a hyphen is taken for an option.
  return filenamify(short.toWellFormed(), { replacement: "_", maxLength: maxNameBytes }).replace(/^[.-]/, "_");
}

/** What file systems that ignore case, or the way an accent is written, take for the same name. */
const folded = (name: string): string => name.normalize("NFKC").toUpperCase().toLowerCase();
