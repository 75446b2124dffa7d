import { imageResponseSchema } from "@darkroom/contracts";
import { hasSmallDisks, noisyImage, openSmallDisk } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openTroubledStack } from "./troubled-stack.ts";

/** 192 KiB of noise: images of more than 128 KiB are put on disk as they come. */
const sidePx = 256;

test.skipIf(!(await hasSmallDisks()))(
  "a worker whose spool has no room, from its start or later, says so, keeps images in memory, and uses the disk again when there is room",
  async () => {
    const disk = await openSmallDisk(8 * 1_048_576);
    onTestFinished(disk.close);
    await disk.fill();
    const stack = await openTroubledStack({ environment: { SPOOL_DIRECTORY: disk.folder, SPOOL_KEPT_BYTES: "0" } });
    const picture = await noisyImage(sidePx, sidePx);
    const image = { b64_json: picture.toString("base64") };
    stack.upstream.always({ body: { created: 1, data: [image, image] } });
    const errors = async () => (await stack.metric("darkroom_spool_disk_errors_total"))[1];
    const accepted: string[] = [];
    /** Draws two images, which are what the provider has sent. */
    async function draw(prompt: string): Promise<void> {
      const request = { model: "dall-e-2", size: "256x256", prompt, n: 2, response_format: "b64_json" };
      const answer = await stack.generate(request);
      expect(answer.status).toBe(200);
      accepted.push(answer.headers.get("x-generation-id") ?? "");
      const { data } = imageResponseSchema.parse(await answer.json());
      expect(data.map(({ b64_json: base64 }) => base64)).toEqual([image.b64_json, image.b64_json]);
    }

    // The trial file of its start did not go on the disk either.
    expect(await errors()).toBe(1);
    await draw("a cat on a full disk");
    const whileFull = (await errors()) ?? 0;
    expect(whileFull).toBeGreaterThan(1);
    expect(await stack.readiness()).toEqual(["ready", "ready"]);
    const [, worker = ""] = stack.lines();
    expect(worker).toMatch(/"code":"ENOSPC".*The disk takes no images; they go into memory/);

    await disk.free();
    await draw("a cat on a disk with room");
    expect(await errors()).toBe(whileFull);
    await disk.fill();
    await draw("a cat on a disk that is full again");
    expect(await errors()).toBeGreaterThan(whileFull);
    await stack.expectWholeHistory(accepted);
  },
);
