import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { sendEvents, type StreamBehaviour } from "./fake-events.ts";
import type { ImageFault } from "./fake-image.ts";

/** What a fake upstream does with one call. Without any of it, it answers as the real one does when all is well. */
export type Behaviour = {
  /** Waits before it does anything else. */
  delayMs?: number;
  /** Waits for this before it does anything else. */
  after?: Promise<unknown>;
  /** Answers with this and not with images. A string or bytes are sent as they are, anything else as JSON. */
  status?: number;
  headers?: Record<string, string | undefined> | undefined;
  body?: unknown;
  /**
   * What becomes of the connection: `silence` answers nothing, `headers-then-silence` stops after the headers, `cut` resets once the
   * request has been read, `cut-midway` in the middle of the body, `drip` sends a byte every 50 ms, `endless` sends until hung up on.
   */
  connection?: "silence" | "headers-then-silence" | "cut" | "cut-midway" | "drip" | "endless";
  /** How images travel; what the request asked for when left out. */
  as?: "b64_json" | "url";
  /** URLs to name in place of the fake's own, one for all images. */
  imageUrl?: string;
  /** How many images to deliver, whatever was asked for. */
  count?: number;
  imageFault?: ImageFault;
  /** The same for the unfinished versions in a stream. */
  partialFault?: ImageFault;
  /** How an answer is streamed that the request wants streamed; `ignored` answers with one body all the same. */
  stream?: StreamBehaviour | "ignored";
  /** Fields to lay over the reply. */
  extra?: Record<string, unknown>;
};

export type RecordedRequest = { headers: IncomingMessage["headers"]; body: Record<string, unknown> };

export type FakeUpstream = {
  /** `http://127.0.0.1:port`, without a path. */
  readonly origin: string;
  /** What an adapter's base URL setting is to be. */
  readonly baseUrl: string;
  /** Every request to draw, in the order of their arrival. */
  readonly requests: readonly RecordedRequest[];
  /** How many answers were hung up on before they were complete. */
  readonly hangUps: () => number;
  /** How many calls hold their connection at the moment. */
  readonly unfinished: () => number;
  /** The most calls that did so at a time. */
  readonly mostUnfinished: () => number;
  /** Behaviours for the next calls, first come first served; afterwards all is well again. */
  next(...behaviours: Behaviour[]): void;
  /** The behaviour of every call for which no `next` waits. */
  always(behaviour: Behaviour): void;
  /** Forgets requests and behaviours. */
  reset(): void;
  close(): Promise<void>;
};

export type FakeUpstreamOptions = {
  /** What the base URL setting ends in, `/v1`. */
  basePath: string;
  /** Where calls to draw go, below it. `/images/generations` when left out. */
  route?: string;
  /** The body of a success. */
  reply(request: RecordedRequest, behaviour: Behaviour, origin: string): Promise<unknown>;
  /** The events of a success, for a request that wants them streamed; undefined for any other. */
  events?(request: RecordedRequest, behaviour: Behaviour): Promise<{ type: string }[] | undefined>;
  /** Answers everything that is not a call to draw: the images behind URLs. */
  other?(request: IncomingMessage, response: ServerResponse): Promise<void>;
};

/** A real HTTP server on a free port that can misbehave in every way that the providers' fault tests need. */
export async function startFakeUpstream(options: FakeUpstreamOptions): Promise<FakeUpstream> {
  const requests: RecordedRequest[] = [];
  const queue: Behaviour[] = [];
  let usual: Behaviour = {};
  let hangUps = 0;
  let unfinished = 0;
  let mostUnfinished = 0;
  let origin = "";

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    unfinished++;
    mostUnfinished = Math.max(mostUnfinished, unfinished);
    response.on("close", () => {
      unfinished--;
      if (!response.writableFinished) hangUps++;
    });
    if (request.method !== "POST" || request.url !== `${options.basePath}${options.route ?? "/images/generations"}`) {
      if (options.other) return options.other(request, response);
      return void response.writeHead(404).end();
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const recorded = { headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString("utf8")) };
    const behaviour = queue.shift() ?? usual;
    requests.push(recorded);
    if (behaviour.delayMs) await sleep(behaviour.delayMs);
    await behaviour.after;
    const { stream = {} } = behaviour;
    if (stream !== "ignored" && behaviour.body === undefined && behaviour.connection === undefined) {
      const events = await options.events?.(recorded, behaviour);
      if (events !== undefined) {
        response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "x-request-id": "req_fake" });
        return sendEvents(response, events, stream);
      }
    }
    await misbehave(response, behaviour, async () =>
      behaviour.body === undefined ? options.reply(recorded, behaviour, origin) : behaviour.body,
    );
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The fake upstream has no port.");
  origin = `http://127.0.0.1:${address.port}`;

  return {
    origin,
    baseUrl: `${origin}${options.basePath}`,
    requests,
    hangUps: () => hangUps,
    unfinished: () => unfinished,
    mostUnfinished: () => mostUnfinished,
    next: (...behaviours) => void queue.push(...behaviours),
    always: (behaviour) => void (usual = behaviour),
    reset() {
      requests.length = 0;
      queue.length = 0;
      usual = {};
      hangUps = 0;
      mostUnfinished = unfinished;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function misbehave(response: ServerResponse, behaviour: Behaviour, reply: () => Promise<unknown>): Promise<void> {
  const { connection, status = 200 } = behaviour;
  const headers = { "content-type": "application/json", "x-request-id": "req_fake", ...behaviour.headers };
  if (connection === "silence") return;
  if (connection === "cut") return void response.socket?.resetAndDestroy();
  const content = await reply();
  const text = typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content);
  response.writeHead(status, headers);
  switch (connection) {
    case "headers-then-silence":
      response.flushHeaders();
      return;
    case "cut-midway":
      response.write(text.slice(0, Math.ceil(text.length / 2)), () => response.socket?.resetAndDestroy());
      return;
    case "drip":
      for (const byte of Buffer.from(text)) {
        if (response.destroyed) return;
        response.write(Buffer.of(byte));
        await sleep(50);
      }
      response.end();
      return;
    case "endless":
      await pipeline(Readable.from(endlessly()), response).catch(() => undefined);
      return;
    default:
      response.end(text);
  }
}

function* endlessly(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536, " ");
}
