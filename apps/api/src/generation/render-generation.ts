import type { Generation } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import { type GenerationRecord, queuePosition } from "@darkroom/queue";
import type { ObjectStore } from "@darkroom/storage";
import type { OpenQueue } from "../open-queue.ts";
import { describeImages } from "./describe-images.ts";
import { linkResponse } from "./link-response.ts";
import { queueAnswer } from "./queue-answer.ts";
import { showGeneration } from "./show-generation.ts";
import { unreadable } from "./unreadable.ts";

export type RenderGenerationOptions = {
  queue: Pick<OpenQueue, "redis" | "keys" | "lanes">;
  catalogue: Catalogue;
  objects: Pick<ObjectStore, "link">;
  linkTtlSeconds: number;
};

/** Returns the function that shows a generation with fresh links to its images, and with its place in line while it is queued. */
export function createRenderGeneration({ queue, catalogue, objects, linkTtlSeconds }: RenderGenerationOptions) {
  const { redis, keys, lanes } = queue;

  return async (record: GenerationRecord): Promise<Generation> => {
    if (record.status === "succeeded") {
      const described = describeImages(record, catalogue.find(record.model));
      const response = await linkResponse(described, objects, linkTtlSeconds).catch(unreadable(record.id));
      return showGeneration(record, { response, position: null });
    }
    const position =
      record.status === "queued" ? await queueAnswer(queuePosition(redis, keys, lanes, record, Date.now())) : null;
    return showGeneration(record, { response: null, position });
  };
}

export type RenderGeneration = ReturnType<typeof createRenderGeneration>;
