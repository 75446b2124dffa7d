/** "Less than 20kb" is what the Standard Webhooks specification asks of a payload: many receivers stop reading not far above. */
export const maxEventBytes = 20_000;

/** Enough to recognise a prompt by, and with every character escaped still under a third of the event. */
const shortTextLength = 1000;

/** One thing that can be given up: where it stands, and the data without it. */
export type Cut<Data> = { path: string; cut: (data: Data) => Data };

/**
 * Gives up one thing after the other until the event is at most 20,000 bytes as JSON. What was lost is named in `truncated`; a cut that
 * saves nothing is not made.
 */
export function cutToSize<Data extends { truncated?: string[] | undefined }>(
  whole: Data,
  cuts: readonly Cut<Data>[],
  eventOf: (data: Data) => object,
): Data {
  let data = whole;
  const truncated: string[] = [];
  for (const { path, cut } of cuts) {
    if (byteLength(eventOf(data)) <= maxEventBytes) break;
    const shorter = cut(data);
    if (byteLength(shorter) >= byteLength(data)) continue;
    truncated.push(path);
    data = { ...shorter, truncated };
  }
  return data;
}

const byteLength = (value: object) => Buffer.byteLength(JSON.stringify(value));

/** The first thousand characters of a text. By code point, so that none is cut in half. */
export function shortText(text: string): string {
  const points = Array.from(text);
  return points.length > shortTextLength ? `${points.slice(0, shortTextLength).join("")}…` : text;
}
