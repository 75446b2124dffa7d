import type { Generation } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { ListedGeneration } from "../records/list-generations.ts";
import type { ObjectStore } from "@darkroom/storage";
import { describeImages } from "./describe-images.ts";
import { linkResponse } from "./link-response.ts";
import { showGeneration } from "./show-generation.ts";

export type ShowEndedOptions = {
  catalogue: Catalogue;
  objects: Pick<ObjectStore, "link">;
  /** How long links to images work. */
  linkTtlSeconds: number;
};

/** Returns the function that shows a generation that has ended, with fresh links to its images. */
export function createShowEnded({ catalogue, objects, linkTtlSeconds }: ShowEndedOptions) {
  return async (record: ListedGeneration): Promise<Generation> => {
    if (record.status !== "succeeded") return showGeneration(record, { response: null, position: null });
    const described = describeImages(record, catalogue.find(record.model));
    const response = await linkResponse(described, objects, linkTtlSeconds);
    return showGeneration(record, { response, position: null });
  };
}
