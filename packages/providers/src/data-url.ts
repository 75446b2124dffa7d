/** Some gateways put the beginning of a data URL before what has one already. */
const dataUrl = /^(?:data:([\w/+.-]*)[^,]{0,100}?;base64,)+/i;

/** As many characters as the beginning of a data URL has at most, also where it stands there twice. */
export const longestDataUrl = 400;

/** The beginning of a data URL in base64, with its media type. Undefined for a text that begins otherwise. */
export function dataUrlOf(text: string): { prefix: string; label: string | undefined } | undefined {
  const found = dataUrl.exec(text.slice(0, longestDataUrl));
  return found === null ? undefined : { prefix: found[0], label: found[1] };
}
