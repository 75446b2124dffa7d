import type { Generation } from "@darkroom/contracts";
import { createShowEnded, type ListedGeneration, showGeneration, type ShowEndedOptions } from "@darkroom/generations";
import type { Queue } from "../open-queue.ts";
import { unreadable } from "./images-body.ts";

export type RenderGenerationOptions = ShowEndedOptions & { queue: Pick<Queue, "findPosition"> };

/** Returns the function that shows a generation with fresh links to its images, and with its place in line while it is queued. */
export function createRenderGeneration({ queue, ...options }: RenderGenerationOptions) {
  const showEnded = createShowEnded(options);

  return async (record: ListedGeneration): Promise<Generation> => {
    if (record.status === "succeeded") return showEnded(record).catch(unreadable(record.id));
    // A generation is worth showing without its place.
    const position = record.status === "queued" ? await queue.findPosition(record).catch(() => null) : null;
    return showGeneration(record, { response: null, position });
  };
}

export type RenderGeneration = ReturnType<typeof createRenderGeneration>;
