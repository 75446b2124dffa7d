import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import type { Generation } from "@darkroom/contracts";
import { fakeImage, listeningPort } from "@darkroom/testing";
import { onTestFinished } from "vitest";

type Answer = { status?: number; type?: string; body: unknown };

const createdAt = Math.floor(Date.UTC(2026, 10, 22, 9, 30) / 1000);

const linkedImage = (url: string) => ({ b64_json: null, url, size: "8x8" });

/** Stands in for the api with one generation, whose life the test leads. */
export async function startStubDrawingService() {
  const png = await fakeImage(8, 8, "png");
  const jpeg = await fakeImage(8, 8, "jpeg");
  const asked: string[] = [];
  const submissions: {
    name: string | undefined;
    prefer: string | undefined;
    body: Record<string, unknown> & { prompt?: string; n?: number };
  }[] = [];
  const state = {
    asked,
    submissions,
    /** What a look at the generation shows, the last of them from then on. */
    life: [{ status: "succeeded" }] as Partial<Generation>[],
    isAway: false,
    /** The connection of so many submissions breaks after they have arrived. */
    dropSubmissions: 0,
    linksWork: true,
    bytes: png,
    jpeg,
    url: "",
  };

  function generation(over: Partial<Generation>): Generation {
    const { prompt = "a cat", n = 1 } = submissions[0]?.body ?? {};
    const request = { prompt, n };
    const ended = over.status !== "queued" && over.status !== "running";
    const absent = over.missing?.length ?? 0;
    const data = Array.from({ length: request.n - absent }, (_, index) => linkedImage(`${state.url}/images/${index}`));
    return {
      id: "gen_1",
      object: "generation",
      status: "queued",
      model: "gpt-image-2",
      created_at: createdAt,
      started_at: over.status === "queued" ? null : createdAt,
      completed_at: ended ? createdAt : null,
      expires_at: null,
      queue: null,
      attempts: 0,
      provider: "openai",
      timings_ms: ended ? { total: 12_000 } : {},
      cost: ended ? 40_000 : null,
      metadata: {},
      batch_id: null,
      request,
      response: over.status === "succeeded" ? { created: createdAt, data } : null,
      error: null,
      ...over,
    };
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    const { method, url = "", headers } = request;
    if (url.startsWith("/images/")) {
      return state.linksWork ? { type: "application/octet-stream", body: state.bytes } : { status: 403, body: "" };
    }
    if (method === "POST" && url === "/v1/images/generations") {
      const name = headers["idempotency-key"];
      const body = Object(await json(request));
      submissions.push({ name: String(name), prefer: String(headers["prefer"]), body });
      if (state.dropSubmissions-- > 0) request.socket.destroy();
      return { status: 202, body: generation({ status: "queued" }) };
    }
    if (method === "POST") return { body: generation({ status: "canceled", started_at: null }) };
    const shown = generation((state.life.length > 1 ? state.life.shift() : state.life[0]) ?? {});
    if (url.includes("response_format=b64_json") && shown.response !== null) {
      for (const image of shown.response.data) Object.assign(image, { b64_json: state.bytes.toString("base64") });
    }
    return { body: shown };
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    if (state.isAway) {
      request.socket.destroy();
      return;
    }
    asked.push(`${request.method} ${request.url}`);
    void answer(request).then(({ status = 200, type = "application/json", body }) => {
      response.writeHead(status, { "content-type": type });
      response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    });
  });
  state.url = `http://127.0.0.1:${await listeningPort(server.listen(0, "127.0.0.1"))}`;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return state;
}
