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
 * `background`, `output_format` and `usage` are told for the GPT image family only, and so are, beside `data`, the facts that all its
 * images share: there OpenAI tells them, and clients of its API look for them. Throws when nothing was delivered.
 */
export function describeImages(record: Describable, model: CatalogueModel | undefined): DescribedImages {
  const { id, delivery, request, endedAtMs } = record;
  if (delivery === null || delivery.images.length === 0) throw new Error(`${id} succeeded without images`);
  const isGptImage = model?.family === "gpt-image";
  const background = delivery.background ?? request.background ?? model?.parameters.background?.default;
  const quality = delivery.quality ?? qualityOf(model, request.quality);

  const describe = ({ key, mediaType, width, height, revisedPrompt }: StoredImage): DescribedImage => ({
    key,
    facts: {
      ...(revisedPrompt !== undefined && { revised_prompt: revisedPrompt }),
      ...(isGptImage && { output_format: mediaType.replace("image/", "") }),
      ...(quality !== undefined && { quality }),
      size: `${width}x${height}`,
    },
  });

  const images = delivery.images.toSorted((a, b) => a.index - b.index).map(describe);
  return {
    head: {
      created: Math.floor((endedAtMs ?? record.createdAtMs) / 1_000),
      ...(isGptImage && {
        ...(background !== undefined && { background }),
        ...sharedFacts(images),
        ...(delivery.usage !== undefined && { usage: delivery.usage }),
      }),
    },
    images,
  };
}

/** A model that has one quality draws in it, whether or not it was asked to. */
function qualityOf(model: CatalogueModel | undefined, asked: string | undefined): string | undefined {
  const { values = [], default: usual } = model?.parameters.quality ?? {};
  const [only, ...others] = values.filter((quality) => quality !== "auto");
  return others.length === 0 ? (only ?? asked) : (asked ?? usual);
}

function sharedFacts(images: readonly DescribedImage[]) {
  const shared = <K extends "output_format" | "quality" | "size">(name: K) => {
    const [value, ...others] = new Set(images.map(({ facts }) => facts[name]));
    return value !== undefined && others.length === 0 && { [name]: value };
  };
  return { ...shared("output_format"), ...shared("quality"), ...shared("size") };
}
