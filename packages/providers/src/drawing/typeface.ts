/* oxlint-disable import/default, import/no-named-as-default-member -- the types name only named exports, Node finds only the default */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import opentype from "opentype.js";

const require = createRequire(import.meta.url);

/** An outline of one character, and how far the next one is moved on, both for a letter size of 1. */
export type Letter = { advance: number; outline(x: number, y: number, size: number): string };

/**
 * Two faces that come with us, since a bare machine has none and librsvg then writes nothing: DejaVu Sans for European scripts,
 * Arabic and symbols; Unifont, which has a glyph for everything in the Basic Multilingual Plane, for the rest. Unifont takes 0.2 s to
 * open, so it waits for the first character that needs it.
 */
const dejaVu = lazily(() => require.resolve("@fontsource/dejavu-sans/files/dejavu-sans-latin-400-normal.woff"));
const unifont = lazily(() => require.resolve("@fontsource/unifont/files/unifont-latin-400-normal.woff"));

/** The letter for one code point; what neither face has is Unifont's box with the number in it. */
export function letterOf(character: string): Letter {
  const plain = dejaVu().charToGlyph(character);
  const [font, glyph] = plain.index === 0 ? [unifont(), unifont().charToGlyph(character)] : [dejaVu(), plain];
  return {
    advance: (glyph.advanceWidth ?? font.unitsPerEm) / font.unitsPerEm,
    outline: (x, y, size) => glyph.getPath(x, y, size).commands.map(toSvg).join(""),
  };
}

const point = (x: number, y: number) => `${x.toFixed(2)} ${y.toFixed(2)}`;

/** The library's own `toPathData` rounds some coordinates to NaN, and librsvg stops drawing at the first of those. */
function toSvg(command: opentype.PathCommand): string {
  switch (command.type) {
    case "M":
    case "L":
      return `${command.type}${point(command.x, command.y)}`;
    case "Q":
      return `Q${point(command.x1, command.y1)} ${point(command.x, command.y)}`;
    case "C":
      return `C${point(command.x1, command.y1)} ${point(command.x2, command.y2)} ${point(command.x, command.y)}`;
    default:
      return command.type;
  }
}

function lazily(path: () => string): () => opentype.Font {
  let font: opentype.Font | undefined;
  return () => {
    if (font === undefined) {
      const bytes = readFileSync(path());
      const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      // lowMemory reads glyphs when they are asked for: 45 MB instead of 240 for Unifont, and a quarter of the time.
      font = opentype.parse(buffer, { lowMemory: true });
    }
    return font;
  };
}
