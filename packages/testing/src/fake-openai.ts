import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { type FakeImageFormat, faultyImage, fakeImage, imageFaults } from "./fake-image.ts";
import { type Behaviour, type FakeUpstream, type RecordedRequest, startFakeUpstream } from "./fake-upstream.ts";

/**
 * A server that speaks OpenAI's `POST /v1/images/generations` and `GET`s the images it names. It is as strict as the original where
 * that has caught adapters out: GPT image models refuse `response_format`, and DALL·E's default is a URL. With `stream` it sends
 * OpenAI's events: for each image `partial_images` versions, the images taking turns, then the finished ones.
 */
export function startFakeOpenAi(): Promise<FakeUpstream> {
  return startFakeUpstream({ basePath: "/v1", reply, events, other: serveImage });
}

async function reply({ body }: RecordedRequest, behaviour: Behaviour, origin: string): Promise<unknown> {
  const gpt = String(body["model"]).includes("gpt-image");
  const [width, height] = sizeOf(body["size"]);
  const format = formatOf(body["output_format"]);
  const as = behaviour.as ?? (gpt || body["response_format"] === "b64_json" ? "b64_json" : "url");
  const count = behaviour.count ?? Number(body["n"] ?? 1);
  const base64 = (await faultyImage(await fakeImage(width, height, format), behaviour.imageFault)).toString("base64");
  const fault = behaviour.imageFault === undefined ? "" : `?fault=${behaviour.imageFault}`;
  const url = behaviour.imageUrl ?? `${origin}/files/${width}x${height}.${format}${fault}`;
  const image = as === "url" ? { url } : { b64_json: base64 };
  return {
    created: 1_764_000_000,
    data: Array.from({ length: count }, () => ({
      ...image,
      ...(body["model"] === "dall-e-3" ? { revised_prompt: `${String(body["prompt"])}, revised` } : {}),
    })),
    ...(gpt ? gptFields(body, behaviour.imageFault === "mislabelled" ? "webp" : format, count) : {}),
    ...behaviour.extra,
  };
}

async function events({ body }: RecordedRequest, behaviour: Behaviour): Promise<{ type: string }[] | undefined> {
  if (body["stream"] !== true) return undefined;
  const [width, height] = sizeOf(body["size"]);
  const format = formatOf(body["output_format"]);
  const count = behaviour.count ?? Number(body["n"] ?? 1);
  const picture = async (fault: Behaviour["imageFault"]) => {
    const bytes = await faultyImage(await fakeImage(width, height, format), fault);
    const { usage: _usage, output_format, ...fields } = gptFields(body, fault === "mislabelled" ? "webp" : format, 1);
    return { b64_json: bytes.toString("base64"), created_at: 1_764_000_000, output_format, ...fields };
  };
  const [partial, finished] = await Promise.all([picture(behaviour.partialFault), picture(behaviour.imageFault)]);
  const images = Array.from({ length: count }, (_, image) => image);
  const versions = Array.from({ length: Number(body["partial_images"] ?? 0) }, (_, version) => version);
  const partials = versions.flatMap((version) =>
    images.map(() => Object.assign({ type: "image_generation.partial_image", partial_image_index: version }, partial)),
  );
  // The prompt is read once: its tokens are on the first image's bill.
  const completed = images.map((image) => {
    const usage = usageOf(image === 0 ? 13 : 0, 4160);
    return Object.assign({ type: "image_generation.completed", usage }, finished, behaviour.extra);
  });
  return [...partials, ...completed];
}

const gptFields = (body: Record<string, unknown>, format: string, count: number) => ({
  background: body["background"] === "transparent" ? "transparent" : "opaque",
  output_format: format,
  quality: body["quality"] === "low" || body["quality"] === "medium" ? body["quality"] : "high",
  size: body["size"] ?? "1024x1024",
  usage: usageOf(13, 4160 * count),
});

const usageOf = (input: number, output: number) => ({
  input_tokens: input,
  output_tokens: output,
  total_tokens: input + output,
  input_tokens_details: { text_tokens: input, image_tokens: 0 },
});

const sizeOf = (size: unknown): [number, number] => {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(String(size)) ?? [];
  return [Number(width ?? 1024), Number(height ?? 1024)];
};

const formatOf = (format: unknown): FakeImageFormat => (format === "jpeg" || format === "webp" ? format : "png");

/**
 * `/files/640x480.png`; `?fault=` names an image fault, `?to=` a redirect, `?status=` an error, `?type=` another `Content-Type` than the
 * image's own, and `?gzip` compresses the body.
 */
export async function serveImage(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  const [, width, height, format] = /^\/files\/(\d+)x(\d+)\.(\w+)$/.exec(url.pathname) ?? [];
  const to = url.searchParams.get("to");
  if (to !== null) return void response.writeHead(302, { location: to }).end();
  const status = url.searchParams.get("status");
  if (status !== null) return void response.writeHead(Number(status)).end();
  if (width === undefined) return void response.writeHead(404).end();
  const fault = imageFaults.find((name) => name === url.searchParams.get("fault"));
  const bytes = await faultyImage(await fakeImage(Number(width), Number(height), formatOf(format)), fault);
  const type = fault === "mislabelled" ? "image/webp" : `image/${formatOf(format)}`;
  response.setHeader("content-type", url.searchParams.get("type") ?? type);
  if (!url.searchParams.has("gzip")) return void response.end(bytes);
  response.setHeader("content-encoding", "gzip");
  response.end(gzipSync(bytes));
}
