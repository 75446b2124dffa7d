import type { SaxesTagNS } from "saxes";

/** Attributes that name what is loaded with a picture, in SVG and in the HTML of a `foreignObject`; of `xml:base`, where it is. */
const loading = new Set(["href", "src", "srcset", "data", "poster", "background", "base"]);
/** What an animation sets an attribute to. */
const animating = new Set(["from", "to", "by", "values"]);

/**
 * The first reference of an element to something outside of the file, or undefined where it has none. A link of an `a` is not one: it is
 * followed, not loaded.
 */
export function outsideReference({ local: element, attributes }: SaxesTagNS): string | undefined {
  const animatesReference = /(^|:)href$/.test(attributes["attributeName"]?.value.trim() ?? "");
  for (const { local, value } of Object.values(attributes)) {
    const loads = loading.has(local) && element !== "a";
    const references = animatesReference && animating.has(local) ? value.split(";") : loads ? [value] : [];
    const found = references.find((one) => !isInside(one)) ?? outsideReferenceOfCss(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first reference of a style sheet, or of an attribute that may hold a style, to something outside of the file. */
export function outsideReferenceOfCss(css: string): string | undefined {
  const plain = css.replace(/\\([0-9a-f]{1,6})\s?|\\/gi, (_, code?: string) => characterOf(code));
  const [rule] = /@import[^;]{0,100}/i.exec(plain) ?? [];
  if (rule !== undefined) return rule;
  for (const [, reference = ""] of plain.matchAll(/(?:url\(\s*["']?|image-set\(\s*["'])\s*([^"')\s]*)/gi)) {
    if (!isInside(reference)) return reference;
  }
  return undefined;
}

const characterOf = (code: string | undefined) => {
  const point = Number.parseInt(code ?? "", 16);
  return point <= 0x10_ff_ff ? String.fromCodePoint(point) : "";
};

/** A part of the same file, or data that stands in it. */
const isInside = (reference: string): boolean => /^\s*(?:$|#|data:)/i.test(reference);
