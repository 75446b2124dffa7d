import { fakeImage, faultyImage } from "./fake-image.ts";
import { serveImage } from "./fake-openai.ts";
import { type Behaviour, type FakeUpstream, type RecordedRequest, startFakeUpstream } from "./fake-upstream.ts";

/**
 * A server that speaks Volcano Engine Ark's `POST /api/v3/images/generations`: one image a call, JPEG, a URL unless base64 is asked
 * for. An error inside a 200 is had with `next({ body: { data: [{ error: { code, message } }] } })`.
 */
export function startFakeArk(): Promise<FakeUpstream> {
  return startFakeUpstream({ basePath: "/api/v3", reply, other: serveImage });
}

async function reply({ body }: RecordedRequest, behaviour: Behaviour, origin: string): Promise<unknown> {
  const [, width = "1024", height = "1024"] = /^(\d+)x(\d+)$/.exec(String(body["size"])) ?? [];
  const as = behaviour.as ?? (body["response_format"] === "b64_json" ? "b64_json" : "url");
  const bytes = await faultyImage(await fakeImage(Number(width), Number(height), "jpeg"), behaviour.imageFault);
  const url = behaviour.imageUrl ?? `${origin}/files/${width}x${height}.jpeg`;
  const image = as === "url" ? { url } : { b64_json: bytes.toString("base64") };
  return {
    model: body["model"],
    created: 1_764_000_000,
    data: Array.from({ length: behaviour.count ?? 1 }, () => ({ ...image, size: `${width}x${height}` })),
    usage: { generated_images: 1, output_tokens: 4096, total_tokens: 4096 },
    ...behaviour.extra,
  };
}
