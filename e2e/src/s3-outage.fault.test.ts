import { setTimeout as pause } from "node:timers/promises";
import { imageResponseSchema } from "@darkroom/contracts";
import { describeWithS3, startFakeOpenAi, startTcpProxy, s3Environment } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { startStack } from "./stack.ts";

const outageMs = 10_000;

describeWithS3("S3 away for ten seconds during the upload", (s3) => {
  test("the image is kept and sent again, and the provider is called once", async () => {
    const upstream = await startFakeOpenAi();
    onTestFinished(() => upstream.close());
    const proxy = await startTcpProxy(s3.endpoint);
    onTestFinished(() => proxy.close());
    const stack = await startStack({
      environment: {
        OPENAI_API_KEY: "sk-upstream",
        OPENAI_BASE_URL: upstream.baseUrl,
        ...s3Environment(s3, { prefix: "outage", endpoint: proxy.url }),
      },
    });
    proxy.cut();
    const answer = stack.generate({ model: "dall-e-2", prompt: "a cat", size: "256x256" });
    const [worker] = stack.workers;
    await worker?.logged("The store did not take an image");
    await pause(outageMs);
    proxy.restore();

    const [image] = imageResponseSchema.parse(await (await answer).json()).data;
    const fetched = await fetch(image?.url ?? "");
    expect(fetched.headers.get("content-type")).toBe("image/png");
    expect(upstream.requests).toHaveLength(1);
  });
});
