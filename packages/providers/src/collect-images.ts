import type { ProviderImage, ProviderReply } from "./image-provider.ts";
import { ProviderError } from "./provider-error.ts";
import { releaseBytes } from "./spool/spooled-bytes.ts";

/**
 * Waits for every image of a call, side by side, and sorts them: what came is delivered, what failed is missing with its reason, though
 * nothing came. The error of the only image is thrown, and so is a reason of `signal`, or a fault that is no `ProviderError`.
 */
export async function collectImages(
  indexes: readonly number[],
  signal: AbortSignal,
  receive: (index: number, position: number) => Promise<ProviderImage & { oddity?: string | undefined }>,
): Promise<Pick<ProviderReply, "images" | "missing" | "oddities">> {
  const settled = await Promise.allSettled(indexes.map((index, position) => receive(index, position)));
  const fault = settled.find((result) => result.status === "rejected" && !(result.reason instanceof ProviderError));
  if (signal.aborted || fault !== undefined) {
    await Promise.all(settled.map(async (result) => result.status === "fulfilled" && releaseBytes(result.value.bytes)));
    signal.throwIfAborted();
  }
  const images: ProviderImage[] = [];
  const missing: ProviderReply["missing"] = [];
  const oddities = new Set<string>();
  for (const [position, index] of indexes.entries()) {
    const result = settled[position];
    if (result?.status === "fulfilled") {
      const { oddity, ...image } = result.value;
      images.push(image);
      if (oddity !== undefined) oddities.add(oddity);
    } else if (result?.reason instanceof ProviderError) missing.push({ index, error: result.reason });
    else throw result?.reason;
  }
  const [only] = missing;
  if (indexes.length === 1 && only !== undefined) throw only.error;
  return { images, missing, ...(oddities.size > 0 && { oddities: [...oddities] }) };
}
