import { type Generation, generationSchema } from "@darkroom/contracts";
import type { Outcome, Work } from "@darkroom/generations";
import { type TestApi } from "./api.fixture.ts";
import { drawing } from "./worker.fixture.ts";

export const imageBytes = Buffer.from("the bytes of an image");
export const request = { prompt: "a cat", model: "dall-e-2" } as const;
/** A request with the images in its answer, so that two answers can be compared. */
export const inlineRequest = { ...request, response_format: "b64_json" } as const;

/** Reads a generation off an answer, and holds it to the contract. */
export async function generationIn(answer: Response): Promise<Generation> {
  const body: unknown = await answer.json();
  return generationSchema.strict().parse(body);
}

/** Work that waits for a sign, and tells how often it was begun. */
export function heldWork(api: TestApi, outcome?: Outcome) {
  const begun = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  const draw = drawing(api.store, imageBytes);
  let calls = 0;
  const work: Work = async (attempt) => {
    calls++;
    begun.resolve();
    await mayEnd.promise;
    return outcome ?? draw(attempt);
  };
  return { work, begun: begun.promise, end: () => mayEnd.resolve(), calls: () => calls };
}
