import { type ImageData, imageFormat, type ImageRequest, type ImageResponse } from "@darkroom/contracts";
import type { CatalogueModel } from "@darkroom/models";
import type { GenerationRecord } from "../records/generation-record.ts";
import type { StoredImage } from "../records/delivery.ts";

/** One image of a response. */
type DescribedImage = {
  /** The object key of its bytes, and how many they are. */
  key: string;
  bytes: number;
  /** Of its bytes, in hexadecimal. Absent from records of older releases. */
  sha256: string | undefined;
  /** The format of its bytes: `png`, `jpeg`, `svg`. */
  format: string;
  facts: Omit<ImageData, "b64_json" | "url">;
};

/** A response without the images themselves, which come as links or as bytes. */
export type DescribedImages = {
  head: Omit<ImageResponse, "data">;
  images: DescribedImage[];
};

/** The fields of a generation that make its response. Its record has them, and the result of a line has them long after the record. */
export type Describable = Pick<GenerationRecord, "id" | "delivery" | "createdAtMs" | "endedAtMs"> & {
  request: Pick<ImageRequest, "background" | "quality" | "safety_identifier" | "user">;
};

/**
 * Describes the response of a succeeded generation, with its images in the order of their indexes.
 * Only the GPT image family has `background`, `output_format`, `usage`, `svg_usage` and `safety_identifier`, and beside `data` the facts that
 * all its images share: OpenAI answers them there, and clients of its API look for them. Throws when nothing was delivered.
 */
export function describeImages(record: Describable, model: CatalogueModel | undefined): DescribedImages {
  const { id, delivery, request, endedAtMs } = record;
  if (delivery === null || delivery.images.length === 0) throw new Error(`${id} succeeded without images`);
  const isGptImage = model?.family === "gpt-image";
  const background = delivery.background ?? request.background ?? model?.parameters.background?.default;
  const usualQuality = delivery.quality ?? qualityOf(model, request.quality);

  const describe = ({
    key,
    bytes,
    sha256,
    mediaType,
    width,
    height,
    revisedPrompt,
    ...image
  }: StoredImage): DescribedImage => {
    const format = imageFormat(mediaType);
    const quality = image.quality ?? usualQuality;
    return {
      key,
      bytes,
      sha256,
      format,
      facts: {
        ...(revisedPrompt !== undefined && { revised_prompt: revisedPrompt }),
        ...(isGptImage && { output_format: format }),
        ...(quality !== undefined && { quality }),
        size: `${width}x${height}`,
      },
    };
  };

  const images = delivery.images.toSorted((a, b) => a.index - b.index).map(describe);
  return {
    head: {
      created: Math.floor((endedAtMs ?? record.createdAtMs) / 1_000),
      ...(isGptImage && {
        ...(isSettled(background) && { background }),
        ...sharedFacts(images),
        ...(delivery.usage !== undefined && { usage: delivery.usage }),
        ...(delivery.svgUsage !== undefined && { svg_usage: delivery.svgUsage }),
        ...safetyIdentifierOf(request),
      }),
    },
    images,
  };
}

/** By OpenAI's rule `user` is used where there is no `safety_identifier`, and an empty one counts as absent. */
function safetyIdentifierOf({ safety_identifier, user }: Describable["request"]) {
  const identifier = safety_identifier || user;
  return identifier ? { safety_identifier: identifier } : {};
}

/** A model with one quality draws in that quality, whether or not the request names it. */
function qualityOf(model: CatalogueModel | undefined, asked: string | undefined): string | undefined {
  const { values = [], default: usual } = model?.parameters.quality ?? {};
  const [only, ...others] = values.filter((quality) => quality !== "auto");
  return others.length === 0 ? (only ?? asked) : (asked ?? usual);
}

/** Beside the images OpenAI tells what came of an `auto`, and its clients know no `auto` there. Where it is unknown, it is left out. */
const isSettled = (value: string | undefined) => value !== undefined && value !== "auto";

function sharedFacts(images: readonly DescribedImage[]) {
  const shared = <K extends "output_format" | "quality" | "size">(name: K) => {
    const [value, ...others] = new Set(images.map(({ facts }) => facts[name]));
    return isSettled(value) && others.length === 0 && { [name]: value };
  };
  return { ...shared("output_format"), ...shared("quality"), ...shared("size") };
}
