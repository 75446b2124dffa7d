import type { Generation } from "@darkroom/contracts";
import { type GenerationRecord } from "@darkroom/generations";
import { queuePosition } from "@darkroom/queue";
import { createShowEnded, showGeneration, type ShowEndedOptions } from "@darkroom/generations";
import type { OpenQueue } from "../open-queue.ts";
import { unreadable } from "./images-body.ts";

export type RenderGenerationOptions = ShowEndedOptions & { queue: Pick<OpenQueue, "redis" | "keys" | "lanes"> };

/** Returns the function that shows a generation with fresh links to its images, and with its place in line while it is queued. */
export function createRenderGeneration({ queue, ...options }: RenderGenerationOptions) {
  const { redis, keys, lanes } = queue;
  const showEnded = createShowEnded(options);

  return async (record: GenerationRecord): Promise<Generation> => {
    if (record.status === "succeeded") return showEnded(record).catch(unreadable(record.id));
    // A generation is worth showing without its place.
    const position =
      record.status === "queued" ? await queuePosition(redis, keys, lanes, record).catch(() => null) : null;
    return showGeneration(record, { response: null, position });
  };
}

export type RenderGeneration = ReturnType<typeof createRenderGeneration>;
