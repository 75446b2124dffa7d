import sharp from "sharp";
import { expect, test } from "vitest";
import { startStack } from "./stack.ts";

test("smoke", async () => {
  const stack = await startStack();
  const answer = await stack
    .openai()
    .images.generate({ model: "dall-e-2", prompt: "a cat", size: "256x256", response_format: "b64_json" });
  const bytes = Buffer.from(answer.data?.[0]?.b64_json ?? "", "base64");
  expect(await sharp(bytes).metadata()).toMatchObject({ width: 256, height: 256, format: "png" });
});
