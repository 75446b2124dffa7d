import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import sharp from "sharp";
import { readConfig } from "./config.ts";

/**
 * An upstream of OpenAI's format, as a process of its own. It draws the same picture of noise each time, which no encoder makes smaller, and
 * has its reply ready: what is measured is what others do with it.
 */
const { PORT, IMAGE_BYTES, AS_LINKS } = readConfig();
/** What the fastest of today's models take, and enough to have all callers wait at the same time. */
const delayMs = 200;

const side = Math.round(Math.sqrt(IMAGE_BYTES / 3));
const picture = await sharp(randomBytes(side * side * 3), { raw: { width: side, height: side, channels: 3 } })
  .png({ compressionLevel: 0 })
  .toBuffer();
const replies = new Map<number, Buffer>();

function replyOf(n: number): Buffer {
  const entry = AS_LINKS ? { url: `http://127.0.0.1:${PORT}/a.png` } : { b64_json: picture.toString("base64") };
  const reply = replies.get(n) ?? Buffer.from(JSON.stringify({ created: 1, data: Array(n).fill(entry) }));
  replies.set(n, reply);
  return reply;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/healthz") {
    response.end("ok");
    return;
  }
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "image/png" }).end(picture);
    return;
  }
  const body = await json(request);
  const n = typeof body === "object" && body !== null && "n" in body ? Number(body.n) : 1;
  await pause(delayMs);
  response.writeHead(200, { "content-type": "application/json" }).end(replyOf(n));
}

const server = createServer((request, response) => void answer(request, response));
await once(server.listen(PORT, "127.0.0.1"), "listening");
process.once("SIGTERM", () => process.exit(0));
