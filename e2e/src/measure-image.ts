import sharp from "sharp";

/** What an image really is: every pixel is decoded, so a torn one throws. `bytes` as base64 or as they are. */
export async function measureImage(bytes: string | Buffer) {
  const image = sharp(typeof bytes === "string" ? Buffer.from(bytes, "base64") : bytes, { failOn: "warning" });
  const [{ width, height, format }, { isOpaque }] = await Promise.all([image.metadata(), image.stats()]);
  return { size: `${width}x${height}`, format, isOpaque };
}

/** Fetches a link as anybody would, without a key, and measures what it leads to. */
export async function measureLink(link: string) {
  const answer = await fetch(link);
  if (!answer.ok) throw new Error(`${link} answered ${answer.status}: ${await answer.text()}`);
  const measured = await measureImage(Buffer.from(await answer.arrayBuffer()));
  return { ...measured, contentType: answer.headers.get("content-type") };
}
