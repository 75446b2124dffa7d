import { isEnding } from "@darkroom/contracts";
import type { Router } from "@darkroom/deployments";
import type { Admission, Attempt, GenerationRecord, Work } from "@darkroom/generations";
import { type ImageProvider, ProviderError } from "@darkroom/providers";
import { isBatchLane } from "@darkroom/queue";
import type { GenerateImagesOptions } from "./generate-images.ts";

export type AdmitGenerationOptions = {
  lane: string;
  /** What the environment names for the lane's provider. Undefined: only models with deployments are drawn on the lane. */
  provider: ImageProvider | undefined;
  /** Undefined where there is no deployments file: the provider draws everything. */
  route: Router | undefined;
  /** Makes the work that asks a provider. */
  generateWith: (provider: GenerateImagesOptions["provider"]) => Work;
};

/** How long a generation whose model has no upstream waits before it is looked at again, in milliseconds: for a change of the file. */
const unservedMs = 30_000;

/**
 * Returns the `work` of a lane. Where there are deployments, also what its worker calls before an attempt (`admit`), so that none begins without
 * room for its call; then the upstream of the environment counts as a deployment, and a limit of one upstream does not close the lane to others.
 */
export function createAdmitGeneration({ lane, provider, route, generateWith }: AdmitGenerationOptions) {
  const own = generateWith(provider ?? full(unservedMs));
  if (route === undefined) return { work: own };
  const findRoute = route;
  const isBatch = isBatchLane(lane);

  async function admit(record: GenerationRecord): Promise<Admission> {
    const images = imagesWanted(record);
    const isOver = isEnding(record.status) || images === 0;
    const { model, upstream } = record;
    const found = isOver
      ? undefined
      : await findRoute({ model, successor: upstream.successor, environment: provider, images, isBatch });
    if (typeof found === "number") return found;
    // Nothing is asked of a provider any more.
    if (found === undefined) return isOver ? { work: own, release: async () => {} } : unservedMs;
    const work: Work = (attempt) =>
      generateWith({ name: found.provider, generate: (call) => found.generate(call, noteWith(attempt)) })(attempt);
    return { work, release: () => found.release() };
  }

  const work: Work = async (attempt) => {
    const admission = await admit(attempt.record);
    if (typeof admission === "number") return generateWith(full(admission))(attempt);
    try {
      return await admission.work(attempt);
    } finally {
      await admission.release();
    }
  };

  return { admit, work };
}

/** The images that no attempt has brought or given up: at least those that one asks for. */
function imagesWanted({ upstream: { parameters }, delivery, missing }: GenerationRecord): number {
  const settled = new Set([...(delivery?.images ?? []), ...missing].map(({ index }) => index)).size;
  // How many images a series has is the model's choice, so what was noted of it is all of it.
  if (parameters.sequential_image_generation === "auto" && settled > 0) return 0;
  return Math.max((parameters.n ?? 1) - settled, 0);
}

const noteWith =
  ({ record, noteCall }: Attempt) =>
  async (...[note, isEnd]: Parameters<Attempt["noteCall"]>): Promise<void> => {
    if (await noteCall(note, isEnd)) return;
    throw new Error(`A later attempt owns ${record.id}`);
  };

/** Stands for upstreams of which none has room for so many milliseconds. */
const full = (roomInMs: number): ImageProvider => ({
  name: "none",
  async generate() {
    throw new ProviderError({
      code: "overloaded",
      message: "No upstream of this model accepts requests at the moment.",
      retryable: true,
      rateLimited: true,
      roomInMs,
      mayHaveCharged: false,
    });
  },
});
