import { setImmediate as nextTurn } from "node:timers/promises";
import { SaxesParser, type SaxesTagNS } from "saxes";
import { outsideReference, outsideReferenceOfCss } from "./svg-references.ts";

/** Thrown for bytes that are not an SVG which anybody may be given. Its message says what is wrong, without a name for the image. */
class BadSvgError extends Error {
  override readonly name = "BadSvgError";
}

/** An author writes 128,000 tokens at most, half a megabyte. The rest is room for pictures that stand in it as data. */
const maxBytes = 8 * 1024 * 1024;
/** libxml2, with which most viewers read XML, goes no deeper by default (`xmlParserMaxDepth`). */
const maxDepth = 256;
/** Elements and attributes. 128,000 tokens are fewer than 60,000 of them; each takes three microseconds. */
const maxParts = 450_000;
/** Of one element: SVG defines fewer than 300. They are held until the element has been read. */
const maxAttributes = 1_000;
/** Each is looked at as an escape of CSS, which takes some microseconds and a hundred bytes. */
const maxBackslashes = 100_000;
/** A side that is longer is no side: 100 times what a screen has. */
const maxSide = 1_000_000;
/** Parsed in one piece: some milliseconds, so that the process renews the locks of its other jobs between two of them. */
const pieceCharacters = 64 * 1024;
const svgNamespace = "http://www.w3.org/2000/svg";

/** Whether bytes begin as XML does. No other image begins with `<`. */
export const isXml = (bytes: Uint8Array): boolean =>
  /^(?:\u00ef\u00bb\u00bf)?\s*</.test(Buffer.from(bytes.subarray(0, 64)).toString("latin1"));

/**
 * Reads an SVG from its first to its last tag, without drawing it or loading anything, and answers its sides in whole pixels: of `width`
 * and `height`, else of `viewBox`, else the 300x150 of browsers. A script is let through: where the image is served, it is not run.
 * @throws {BadSvgError} for what is not well-formed UTF-8 XML, is no SVG, has a document type (with which entities are declared) or a
 * reference to something outside of the file, or is beyond one of the limits above
 */
export async function readSvg(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  if (bytes.length > maxBytes) throw new BadSvgError(`it has more than ${maxBytes} bytes`);
  const text = decode(bytes);
  refuseManyBackslashes(text);
  const parser = new SaxesParser({ xmlns: true });
  let root: SaxesTagNS | undefined;
  let depth = 0;
  let parts = 0;
  /** Attributes of the element that is being read. */
  let attributes = 0;
  /** Style sheets that are open, and the text of the outermost with all that stand in it. */
  let openStyles = 0;
  let css = "";

  parser.on("error", ({ message }) => refuse(`it is not well-formed at ${message}`));
  parser.on("doctype", () => refuse("it has a document type"));
  parser.on("xmldecl", ({ encoding = "utf-8" }) => {
    // A reader that believes the declaration would read other characters than were checked here.
    if (!/^(?:utf-?8|us-ascii)$/i.test(encoding)) refuse(`it says that its encoding is ${encoding}`);
  });
  parser.on("processinginstruction", ({ target }) => {
    if (target === "xml-stylesheet") refuse("it has a style sheet outside of the file");
  });
  const countPart = () => {
    if (++parts > maxParts) refuse(`it has more than ${maxParts} elements and attributes`);
  };
  parser.on("attribute", () => {
    countPart();
    if (++attributes > maxAttributes) refuse(`an element has more than ${maxAttributes} attributes`);
  });
  parser.on("opentag", (tag) => {
    countPart();
    attributes = 0;
    root ??= asSvg(tag);
    if (++depth > maxDepth) refuse(`it is nested deeper than ${maxDepth} elements`);
    const outside = outsideReference(tag);
    if (outside !== undefined) refuse(`it refers to something outside of the file: ${shown(outside)}`);
    if (tag.local !== "style" || openStyles++ > 0) return;
    css = "";
    // Only here: a parser that is listened to holds each text in as many pieces as it has entities.
    parser.on("text", readCss);
    parser.on("cdata", readCss);
  });
  const readCss = (part: string) => {
    css += part;
  };
  parser.on("closetag", ({ local }) => {
    depth--;
    if (local !== "style" || --openStyles > 0) return;
    const outside = outsideReferenceOfCss(css);
    if (outside !== undefined) refuse(`its style sheet refers to something outside of the file: ${shown(outside)}`);
    parser.off("text");
    parser.off("cdata");
  });

  for (let from = 0; from < text.length; from += pieceCharacters) {
    parser.write(text.slice(from, from + pieceCharacters));
    await nextTurn();
  }
  parser.close();
  if (root === undefined) throw new BadSvgError("it has no element");
  return sidesOf(root);
}

/** Of a reference what a log may have: a query can hold a credential. */
const shown = (reference: string): string => reference.replace(/[?#].*$/s, "").slice(0, 100);

function refuse(why: string): never {
  throw new BadSvgError(why);
}

function refuseManyBackslashes(text: string): void {
  let count = 0;
  for (let at = text.indexOf("\\"); at !== -1; at = text.indexOf("\\", at + 1)) {
    if (++count > maxBackslashes) throw new BadSvgError(`it has more than ${maxBackslashes} backslashes`);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new BadSvgError("it is not UTF-8");
  }
}

function asSvg(tag: SaxesTagNS): SaxesTagNS {
  if (tag.local !== "svg" || tag.uri !== svgNamespace)
    refuse(`its root is '${tag.name}' of the namespace '${tag.uri}'`);
  return tag;
}

/** Pixels of CSS. A length in `%` or `em` is of what stands around the image, so it is none. */
const pixelsOf: Record<string, number> = {
  "": 1,
  px: 1,
  pt: 4 / 3,
  pc: 16,
  in: 96,
  cm: 96 / 2.54,
  mm: 96 / 25.4,
  q: 96 / 101.6,
};

function sidesOf({ attributes }: SaxesTagNS): { width: number; height: number } {
  const [width, height] = [lengthOf(attributes["width"]?.value), lengthOf(attributes["height"]?.value)];
  const box = (attributes["viewBox"]?.value ?? "")
    .trim()
    .split(/\s*,\s*|\s+/)
    .slice(2, 4);
  const [boxWidth, boxHeight] = [lengthOf(box[0]), lengthOf(box[1])];
  const ratio = boxWidth !== undefined && boxHeight !== undefined ? boxWidth / boxHeight : undefined;
  return {
    width: whole(width ?? (ratio && height !== undefined ? height * ratio : boxWidth) ?? 300),
    height: whole(height ?? (ratio && width !== undefined ? width / ratio : boxHeight) ?? 150),
  };
}

function lengthOf(text: string | undefined): number | undefined {
  const [, number = "", unit = ""] = /^\s*\+?([\d.]{1,20}(?:e[+-]?\d{1,3})?)([a-z]*)\s*$/i.exec(text ?? "") ?? [];
  const pixels = Number(number || Number.NaN) * (pixelsOf[unit.toLowerCase()] ?? Number.NaN);
  return pixels > 0 && pixels <= maxSide ? pixels : undefined;
}

const whole = (side: number) => Math.min(maxSide, Math.max(1, Math.round(side)));
