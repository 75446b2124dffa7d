import { generationSchema, imageResponseSchema } from "@darkroom/contracts";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { measureImage } from "./measure-image.ts";
import { hasNginx, startNginx } from "./nginx.ts";
import { startStack } from "./stack.ts";

const readTimeoutSeconds = 5;
const jobMs = 12_000;
const request = { model: "gpt-image-1", prompt: "A lighthouse at dusk", size: "1024x1024" } as const;

describe.skipIf(!(await hasNginx()))(
  `behind an nginx that reads for ${readTimeoutSeconds} s, a job of ${jobMs / 1_000} s`,
  () => {
    test("reaches callers who stream, come back or are kept alive, and the one who was cut finds the image by its id", async () => {
      const stack = await startStack({ environment: { SANDBOX_DELAY_MS: String(jobMs) } });
      const origin = await startNginx(stack.origin, readTimeoutSeconds);
      const headers = { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" };
      const post = (body: object, more: Record<string, string> = {}) =>
        fetch(`${origin}/v1/images/generations`, {
          method: "POST",
          headers: { ...headers, ...more },
          body: JSON.stringify(body),
        });
      const get = async (path: string, more: Record<string, string> = {}) =>
        (await fetch(`${origin}${path}`, { headers: { ...headers, ...more } })).json();
      const untilEnded = async (path: string) => {
        for (;;) {
          const generation = generationSchema.parse(await get(path, { prefer: "wait=3" }));
          if (generation.completed_at !== null) return generation;
        }
      };

      async function comingBack() {
        const accepted = await post(request, { prefer: "respond-async" });
        expect(accepted.status).toBe(202);
        return (await untilEnded(accepted.headers.get("location") ?? "")).status;
      }

      async function streaming() {
        const openai = new OpenAI({ baseURL: `${origin}/v1`, apiKey: stack.apiKey, maxRetries: 0 });
        const events = await openai.images.generate({ ...request, stream: true });
        for await (const event of events) {
          if (event.type === "image_generation.completed") return measureImage(event.b64_json);
        }
        throw new Error("The stream ended without an image");
      }

      async function keptAlive() {
        const openai = new OpenAI({ baseURL: `${origin}/v1`, apiKey: stack.apiKey, maxRetries: 0 });
        const { data } = await openai.images.generate(request, { headers: { prefer: "keep-alive" } });
        return measureImage(data?.[0]?.b64_json ?? "");
      }

      async function waiting() {
        const cut = await post({ ...request, job: { metadata: { order: "cut" } } });
        expect(cut.status).toBe(504);
        expect(cut.headers.get("server")).toMatch(/nginx/);
        const list = z.object({ data: z.array(generationSchema) }).parse(await get("/v1/generations"));
        const mine = list.data.find(({ metadata }) => metadata["order"] === "cut");
        return imageResponseSchema.parse((await untilEnded(`/v1/generations/${mine?.id}`)).response).data;
      }

      const [back, cut, ...pictures] = await Promise.all([comingBack(), waiting(), streaming(), keptAlive()]);
      expect(back).toBe("succeeded");
      for (const picture of pictures) expect(picture).toMatchObject({ size: "1024x1024", format: "png" });
      expect(cut).toHaveLength(1);
    });
  },
);
