import type { ImageData, ImageRequest, ImageResponse } from "@darkroom/contracts";
import type { CatalogueModel } from "@darkroom/models";
import type { GenerationRecord, StoredImage } from "@darkroom/queue";

/** One image of a response, and the key in the object store under which its bytes are. */
type DescribedImage = { key: string; facts: Omit<ImageData, "b64_json" | "url"> };

/** A response without the images themselves, which come as links or as bytes. */
export type DescribedImages = {
  head: Omit<ImageResponse, "data">;
  images: DescribedImage[];
};

/** What of a generation its response is made of: its record has it, and so has a line of a batch long after the record. */
export type Describable = Pick<GenerationRecord, "id" | "delivery" | "createdAtMs" | "endedAtMs"> & {
  request: Pick<ImageRequest, "background" | "quality">;
};

/**
 * Says of a succeeded generation all that its response says, the images in the order of their indexes.
 * `background`, `output_format` and `usage` are told for the GPT image family only. Throws when nothing was delivered.
 */
export function describeImages(record: Describable, model: CatalogueModel | undefined): DescribedImages {
  const { id, delivery, request, endedAtMs } = record;
  if (delivery === null || delivery.images.length === 0) throw new Error(`${id} succeeded without images`);
  const isGptImage = model?.family === "gpt-image";
  const background = delivery.background ?? request.background ?? model?.parameters.background?.default;
  const quality = delivery.quality ?? request.quality ?? model?.parameters.quality?.default;

  const describe = ({ key, mediaType, width, height, revisedPrompt }: StoredImage): DescribedImage => ({
    key,
    facts: {
      ...(revisedPrompt !== undefined && { revised_prompt: revisedPrompt }),
      ...(isGptImage && { output_format: mediaType.replace("image/", "") }),
      ...(quality !== undefined && { quality }),
      size: `${width}x${height}`,
    },
  });

  return {
    head: {
      created: Math.floor((endedAtMs ?? record.createdAtMs) / 1_000),
      ...(isGptImage && background !== undefined && { background }),
      ...(isGptImage && delivery.usage !== undefined && { usage: delivery.usage }),
    },
    images: delivery.images.toSorted((a, b) => a.index - b.index).map(describe),
  };
}
