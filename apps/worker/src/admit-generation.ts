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
  /** Unix milliseconds by the clock of Redis. */
  nowMs: () => number;
  /** Makes the work that asks a provider. */
  generateWith: (provider: GenerateImagesOptions["provider"]) => Work;
};

/** How long a generation whose model has no upstream waits before it is looked at again, in milliseconds: for a change of the file. */
const unservedMs = 30_000;

/** How long one waits at least that learns during its attempt that there is no room, or that Redis refuses to choose, in milliseconds. */
const unroutedMs = 1_000;

/** How often a generation that has begun is begun again without room, in milliseconds. It may have images to deliver. */
const beginAgainMs = 30_000;

/** How often one is that has not begun. Its deadline and its batch end it without an attempt; the end of its key, and of a day, may be so late. */
const beginWithoutRoomMs = 600_000;

const nothingHeld = async () => {};

/**
 * Returns the `work` of a lane. Where there are deployments, also what its worker calls before an attempt (`admit`), so that none begins without
 * room for its call; then the upstream of the environment counts as a deployment, and a limit of one upstream does not close the lane to others.
 */
export function createAdmitGeneration({ lane, provider, route, nowMs, generateWith }: AdmitGenerationOptions) {
  if (route === undefined) return { work: generateWith(provider ?? full(unservedMs)) };
  const findRoute = route;
  const isBatch = isBatchLane(lane);

  const find = ({ id, model, upstream: { successor }, queuedAtMs }: GenerationRecord, images: number) => {
    const waiting = { generationId: id, queuedAtMs };
    return findRoute({ model, successor, environment: provider, images, isBatch, waiting });
  };

  /** Chooses a deployment when it is asked for images: for an attempt that was expected to ask for none, or for fewer. */
  const routedWhenAsked = (attempt: Attempt): GenerateImagesOptions["provider"] => ({
    name: provider?.name ?? "none",
    async generate(call) {
      const found = await find(attempt.record, call.indexes.length).catch((error: unknown) => {
        throw noRoom(unroutedMs, error);
      });
      if (typeof found !== "object") throw noRoom(Math.max(found ?? unservedMs, unroutedMs));
      try {
        return await found.generate(call, noteWith(attempt));
      } finally {
        await found.release();
      }
    },
  });

  async function admit(record: GenerationRecord): Promise<Admission> {
    const images = imagesWanted(record);
    if (isEnding(record.status) || images === 0) {
      // It asks for images all the same where some were noted and did not come to the store.
      return { work: (attempt) => generateWith(routedWhenAsked(attempt))(attempt), release: nothingHeld };
    }
    const found = await find(record, images);
    if (typeof found === "object") {
      const work: Work = (attempt) => {
        const generate: GenerateImagesOptions["provider"]["generate"] = async (call) => {
          if (call.indexes.length <= images) return found.generate(call, noteWith(attempt));
          // The room is for fewer.
          await found.release();
          return routedWhenAsked(attempt).generate(call);
        };
        return generateWith({ name: found.provider, generate })(attempt);
      };
      return { work, release: () => found.release() };
    }
    const waitMs = found ?? unservedMs;
    const hasBegun = record.startedAtMs !== null;
    // Times of before a clock was set back say nothing.
    const sincePutBackMs = Math.abs(nowMs() - (record.resumesAtMs ?? record.queuedAtMs));
    if (sincePutBackMs < (hasBegun ? beginAgainMs : beginWithoutRoomMs)) return waitMs;
    // Much is decided where an attempt begins or ends: that the key or the batch was stopped, that the deadline is over, that its workers died
    // too often, that it has waited for a day. So it is begun without room, and waits only where it would ask for images.
    return { work: generateWith(full(waitMs)), release: nothingHeld };
  }

  const work: Work = async (attempt) => {
    const admission = await admit(attempt.record).catch((error: unknown) => {
      return { work: generateWith(full(unroutedMs, error)), release: nothingHeld };
    });
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

const noRoom = (roomInMs: number, cause?: unknown): ProviderError =>
  new ProviderError({
    code: "overloaded",
    message: "No upstream of this model accepts requests at the moment.",
    retryable: true,
    rateLimited: true,
    roomInMs,
    mayHaveCharged: false,
    cause,
  });

/** Stands for upstreams of which none has room for so many milliseconds. */
const full = (roomInMs: number, cause?: unknown): ImageProvider => ({
  name: "none",
  async generate() {
    throw noRoom(roomInMs, cause);
  },
});
