import { randomUUID } from "node:crypto";
import { imageResponseSchema } from "@darkroom/contracts";
import { createObjectStore, objectStoreSettings } from "@darkroom/storage";
import { describeWithS3, s3Environment } from "@darkroom/testing";
import { beforeAll, expect, test } from "vitest";
import { everyGeneration } from "./every-generation.ts";
import { measureImage, measureLink } from "./measure-image.ts";
import { openStack, type Stack } from "./stack.ts";

describeWithS3("images in S3", (s3) => {
  const environment = s3Environment(s3, { prefix: `e2e-${randomUUID()}` });

  /** Keys of partial images. Recovery would remove them with their records, a day from now. */
  const partials: string[] = [];
  let stack: Stack;
  beforeAll(async () => {
    stack = await openStack({ environment });
    return async () => {
      const store = createObjectStore(objectStoreSettings(environment));
      const records = await everyGeneration(stack.redis.url);
      const images = records.flatMap(({ delivery }) => delivery?.images.map(({ key }) => key) ?? []);
      await store.delete([...images, ...partials]);
      await store.close();
      await stack.close();
    };
  });

  const generate = async (format: "url" | "b64_json") => {
    const request = { model: "gpt-image-1", prompt: "A lighthouse at dusk", size: "1536x1024", n: 2 } as const;
    const answer = await stack
      .openai()
      .images.generate({ ...request, background: "transparent", output_format: "webp", response_format: format });
    return imageResponseSchema.parse(answer).data;
  };
  const picture = { size: "1536x1024", format: "webp", isOpaque: false };

  test("links lead to S3 itself, need no key, have an end, and are the only way in", async () => {
    const images = await generate("url");
    expect(images).toHaveLength(2);
    for (const { url } of images) {
      const link = new URL(url ?? "");
      expect(link.origin).toBe(new URL(s3.endpoint).origin);
      expect(Number(link.searchParams.get("X-Amz-Expires"))).toBeGreaterThanOrEqual(3_600);
      expect(await measureLink(link.href)).toEqual({ ...picture, contentType: "image/webp" });
      expect((await fetch(`${link.origin}${link.pathname}`)).status).toBe(403);
    }
  });

  test("base64 comes through the api, whole", async () => {
    const images = await generate("b64_json");
    expect(images).toHaveLength(2);
    for (const { b64_json: base64 } of images) expect(await measureImage(base64 ?? "")).toEqual(picture);
  });

  test("a stream carries partial images and the finished one through S3, whole", async () => {
    const { data, response } = await stack
      .openai()
      .images.generate({ model: "gpt-image-2", prompt: "A ferry", size: "1024x640", stream: true, partial_images: 2 })
      .withResponse();
    const id = response.headers.get("x-generation-id") ?? "";
    partials.push(...[0, 1].map((partial) => `acme/${id}/partial-0-${partial}.png`));
    const types: string[] = [];
    for await (const { type, b64_json: base64 } of data) {
      types.push(type.replace("image_generation.", ""));
      expect(await measureImage(base64)).toMatchObject({ size: "1024x640", format: "png" });
    }
    expect(types).toEqual(["partial_image", "partial_image", "completed"]);
  });
});
