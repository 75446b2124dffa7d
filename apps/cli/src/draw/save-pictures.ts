import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Generation, generationSchema } from "@darkroom/contracts";
import { fetchImage, ImageFailure, type ImageSource } from "../batch/save-image.ts";
import { Problem } from "../problem.ts";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import { namePicture, type PictureTarget, stemsOf } from "./picture-target.ts";

type Dependencies = { api: HttpApi; fetch: typeof globalThis.fetch };

/**
 * Writes the images of a generation that has succeeded, and answers their paths. An image whose link does not work from here is read from the
 * service itself.
 * @throws {Problem} for an image that cannot be had either way; what the disk says comes as it is
 */
export async function savePictures(
  { id, request, response, missing = [] }: Generation,
  target: PictureTarget,
  { api, fetch }: Dependencies,
): Promise<string[]> {
  const images = response?.data ?? [];
  const absent = new Set(missing.map(({ index }) => index));
  const asked = Math.max(request.n ?? 1, images.length + absent.size);
  const stems = stemsOf(target, asked).filter((_, index) => !absent.has(index));
  let inline: Promise<ImageSource[]> | undefined;
  const paths: string[] = [];
  for (const [index, { url = null, b64_json = null }] of images.entries()) {
    const part = join(target.folder, `.darkroom-part-${process.pid}-${index}`);
    const stem = stems[index] ?? `${target.stem}-${index}`;
    try {
      const extension = await fetchImage({ url, b64_json }, part, fetch).catch(async (error: unknown) => {
        if (!(error instanceof ImageFailure)) throw error;
        inline ??= readInline(api, id);
        return fetchImage((await inline)[index] ?? { url: null, b64_json: null }, part, fetch);
      });
      paths.push(await namePicture(target, { part, stem, extension }));
    } catch (error) {
      if (!(error instanceof ImageFailure)) throw error;
      throw new Problem(`Image ${index} of ${id} could not be downloaded: ${error.message}.`, { cause: error });
    } finally {
      await rm(part, { force: true });
    }
  }
  return paths;
}

/** Ten images of 30 MB in base64: about the longest text that Node holds. */
const maxInlineBytes = 500 * 1024 * 1024;

/** The images in the service's own answer: as large as they are, so only where links fail. */
async function readInline(api: HttpApi, id: string): Promise<ImageSource[]> {
  const generation = await api.send({
    path: pathOf`/v1/generations/${id}`,
    query: { response_format: "b64_json" },
    as: "tenant",
    answer: generationSchema,
    maxBytes: maxInlineBytes,
  });
  return (generation.value.response?.data ?? []).map(({ b64_json = null }) => ({ url: null, b64_json }));
}
