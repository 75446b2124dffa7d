import { getEventListeners } from "node:events";
import { newGenerationId } from "@darkroom/contracts";
import { startStopwatch } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { examineImage } from "./examine-image.ts";
import type { ImageProvider, PartialImage, ProviderCall } from "./image-provider.ts";
import { ProviderError } from "./provider-error.ts";
import type { ImageBytes } from "./spool/spooled-bytes.ts";

export type Candidate = {
  /** Called inside each test: the provider, ready to draw. */
  provider(): ImageProvider;
  model: string;
  /** The size to ask for, one that the model takes. */
  size: `${number}x${number}`;
  /** Whether the upstream shows unfinished versions; those that show none are examined for showing none. */
  showsPartials?: boolean;
  /** Makes the next calls slow: two seconds or more. */
  slow(): void;
  /** Makes the next calls fail. */
  broken(): void;
};

/** A whole call with the fields that matter laid over it. */
export function aCall(overrides: Partial<ProviderCall> & Pick<ProviderCall, "model">): ProviderCall {
  return {
    generationId: newGenerationId(Date.now()),
    parameters: { prompt: "a secret garden at dawn" },
    indexes: [0],
    signal: new AbortController().signal,
    ...overrides,
  };
}

/** The error that a call ends in; a call that succeeds fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (error instanceof ProviderError) return error;
  throw error;
}

/** The bytes of an image that is too small for the spool. */
export function inMemory(bytes: ImageBytes | undefined): Buffer {
  if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new Error("There is no image in memory.");
}

const storeIsAway = () => Promise.reject(new Error("the store is away"));

/** What every adapter must do. Each passes it: the sandbox as it is, the others against a server that speaks their upstream's format. */
export function examineProvider(candidate: Candidate): void {
  const [width, height] = candidate.size.split("x").map(Number);
  const call = (overrides: Partial<ProviderCall> = {}) =>
    aCall({
      model: candidate.model,
      parameters: { prompt: "a secret garden at dawn", size: candidate.size },
      ...overrides,
    });

  describe("the examination of every provider", () => {
    test("delivers each index that is asked for, once, as a decodable image of the size and type it says", async () => {
      const parameters = { prompt: "a secret garden at dawn", size: candidate.size, n: 4 };
      const reply = await candidate.provider().generate(call({ parameters, indexes: [0, 2, 3] }));
      expect(reply.images.map(({ index }) => index)).toEqual([0, 2, 3]);
      expect(reply.missing).toEqual([]);
      for (const image of reply.images) {
        expect(image).toMatchObject({ width, height });
        expect(await examineImage(inMemory(image.bytes))).toMatchObject({
          mediaType: image.mediaType,
          width,
          height,
        });
      }
    });

    test("an abort while drawing ends the call within a second, with the reason of the abort", async () => {
      candidate.slow();
      const controller = new AbortController();
      const reason = new Error("canceled by its owner");
      const work = candidate.provider().generate(call({ signal: controller.signal, indexes: [0, 1] }));
      setTimeout(() => controller.abort(reason), 100);
      const sinceMs = startStopwatch();
      await expect(work).rejects.toBe(reason);
      expect(sinceMs()).toBeLessThan(1100);
    });

    test("a signal that has aborted already buys nothing", async () => {
      const reason = new Error("too late");
      await expect(candidate.provider().generate(call({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    });

    test("a failure is a fact sheet that says nothing of the prompt, and is only retried where nothing was charged", async () => {
      candidate.broken();
      const { facts, message } = await failureOf(candidate.provider().generate(call()));
      expect(facts.retryable && facts.mayHaveCharged).toBe(false);
      expect(message).toMatch(/^[A-Z].*\.$/);
      expect(JSON.stringify([message, facts.detail])).not.toContain("secret");
    });

    test("unfinished versions come before the result, those of each image in their order, and can be decoded", async () => {
      const shown: PartialImage[] = [];
      const onPartial = async (partial: PartialImage) => void shown.push(partial);
      const parameters = { prompt: "a secret garden at dawn", size: candidate.size, n: 3 };
      const reply = await candidate
        .provider()
        .generate(call({ parameters, indexes: [0, 2], partialImages: 3, onPartial }));
      expect(reply.images.map(({ index }) => index)).toEqual([0, 2]);
      for (const image of [0, 2]) {
        const versions = shown.filter(({ index }) => index === image).map(({ partialIndex }) => partialIndex);
        expect(versions).toEqual(candidate.showsPartials === true ? [0, 1, 2] : []);
      }
      for (const { bytes, mediaType, width: w, height: h } of shown) {
        expect(await examineImage(inMemory(bytes))).toMatchObject({ mediaType, width: w, height: h });
      }
    });

    test("an unfinished version that cannot be shown does not cost the image", async () => {
      const reply = await candidate.provider().generate(call({ partialImages: 2, onPartial: storeIsAway }));
      expect(reply.images).toHaveLength(1);
    });

    test("leaves no listener on the signal", async () => {
      const { signal } = new AbortController();
      await candidate.provider().generate(call({ signal }));
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });
  });
}
