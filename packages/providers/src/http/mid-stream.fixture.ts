import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { createGzip, gzipSync } from "node:zlib";
import sharp from "sharp";

export const MiB = 1024 * 1024;
/** Noise, which no encoder makes smaller. */
const noise = (side: number) =>
  sharp(randomBytes(side * side * 3), { raw: { width: side, height: side, channels: 3 } });
/** Some 2.4 MB each. */
export const [png, other] = await Promise.all([noise(900).png().toBuffer(), noise(900).png().toBuffer()]);
export const base64 = png.toString("base64");
const withoutChecksums = await Promise.all([
  noise(900).jpeg({ quality: 100 }).toBuffer(),
  noise(900).webp({ lossless: true, effort: 0 }).toBuffer(),
  noise(900).gif({ effort: 1 }).toBuffer(),
]);
const preview = await noise(90).png().toBuffer();
/** One colour: more pixels than an image may have, in a megabyte. */
const bomb = await sharp({
  create: { width: 16_000, height: 16_000, channels: 3, background: "#000" },
  limitInputPixels: false,
})
  .png({ compressionLevel: 1 })
  .toBuffer();

export const json =
  (body: string | Buffer, headers = {}) =>
  (response: ServerResponse) =>
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(body);
/** Resolves when the part is with the network. */
export const write = (response: ServerResponse, part: string | Buffer): Promise<void> =>
  new Promise((resolve, reject) => void response.write(part, (error) => (error ? reject(error) : resolve())));

const dataUrl = `data:image/png;base64,${base64}`;

/** Odd replies, each of which has the image that was drawn, `png`: a name, the body, and its headers. */
export const oddReplies: [name: string, body: string | Buffer, headers?: object][] = [
  ["with line breaks", `{"data":[{"b64_json":"${base64.replace(/.{76}/g, "$&\\r\\n")}"}]}`],
  ["with indented lines", `{"data":[{"b64_json":"${base64.replace(/.{76}/g, "$&\\n\\t  ")}"}]}`],
  ["with spaces", `{"data":[{"b64_json":"${base64.replace(/.{64}/g, "$& ")}"}]}`],
  ["with escaped slashes", `{"data":[{"b64_json":"${base64.replaceAll("/", "\\/")}"}]}`],
  ["with escaped pluses", `{"data":[{"b64_json":"${base64.replaceAll("+", "\\u002B")}"}]}`],
  ["as a data URL", `{"data":[{"url":"${dataUrl}"}]}`],
  ["as a data URL with a space behind its comma", `{"data":[{"url":"${dataUrl.replace(",", ", ")}"}]}`],
  ["as a data URL in a data URL", `{"data":[{"b64_json":"data:image/png;base64,${dataUrl}"}]}`],
  ["as a bare string", `{"images":["${base64}"]}`],
  ["in a list in a field", `{"output":[{"image":["${base64}"]}]}`],
  ["in an object in a field", `{"output":[{"image":{"url":"${dataUrl}"}}]}`],
  [
    "after what else it has",
    `{"usage":{"total_tokens":1},"created":1,"data":[{"revised_prompt":"a","b64_json":"${base64}"}]}`,
  ],
  [
    "after a megabyte of other fields",
    `{"log":${JSON.stringify('"words" \\ '.repeat(100_000))},"data":[{"b64_json":"${base64}"}]}`,
  ],
  [
    "behind a field of the same name, of which the last counts",
    `{"data":[{"b64_json":"${other.toString("base64")}","b64_json":"${base64}"}]}`,
  ],
  [
    "where two came and one was asked for",
    `{"data":[{"b64_json":"${base64}"},{"b64_json":"${other.toString("base64")}"}]}`,
  ],
  [
    "behind an image that is none",
    `{"data":[{"b64_json":"${randomBytes(MiB).toString("base64")}","url":"${dataUrl}"}]}`,
  ],
  [
    "behind more strings of base64 than should have a file each",
    `{"attestations":${JSON.stringify(Array.from({ length: 300 }, () => randomBytes(150_000).toString("base64")))},"data":[{"b64_json":"${base64}"}]}`,
  ],
  [
    "behind more small images than should have a file each",
    `{"previews":${JSON.stringify(Array.from({ length: 300 }, () => preview.toString("base64")))},"data":[{"b64_json":"${base64}"}]}`,
  ],
  ["compressed", gzipSync(`{"data":[{"b64_json":"${base64}"}]}`), { "content-encoding": "gzip" }],
  ["as events", `event: a\ndata: {"type":"image_generation.completed","b64_json":"${base64}"}\n\ndata: [DONE]\n\n`],
  ["in events without a last blank line", `data: {"data":[{"b64_json":"${base64}"}]}`],
];

export const beginning = `{"data":[{"b64_json":"`;
/** What an upstream may do within a reply, what comes of it, and the settings that it needs. */
type MidStreamFault = [
  name: string,
  misbehave: (response: ServerResponse) => unknown,
  facts: { code: "upstream_error" | "timeout_error"; detail?: RegExp },
  env?: Record<string, string>,
];

export const midStreamFaults: MidStreamFault[] = [
  ["base64 that ends early", json(`${beginning}${base64.slice(0, MiB)}"}]}`), { code: "upstream_error" }],
  ...withoutChecksums.map((bytes, i): MidStreamFault => [
    `a ${["JPEG", "WebP", "GIF"][i]} that ends early`,
    json(`${beginning}${bytes.subarray(0, bytes.length / 2).toString("base64")}"}]}`),
    { code: "upstream_error", detail: /ends|premature/i },
  ]),
  ["a body that ends within the base64", json(`${beginning}${base64.slice(0, MiB)}`), { code: "upstream_error" }],
  [
    "a connection that is cut within the base64",
    async (response) => {
      await write(response, `${beginning}${base64.slice(0, MiB)}`);
      response.socket?.resetAndDestroy();
    },
    { code: "upstream_error" },
  ],
  [
    "silence within the base64",
    (response) => write(response, `${beginning}${base64.slice(0, MiB)}`),
    { code: "timeout_error" },
    { PROVIDER_IDLE_TIMEOUT_MS: "300" },
  ],
  [
    "a byte at a time",
    async (response) => {
      await write(response, beginning);
      for (const letter of base64) {
        if (response.destroyed) return;
        await write(response, letter);
        await sleep(20);
      }
    },
    { code: "timeout_error" },
    { PROVIDER_TOTAL_TIMEOUT_MS: "700" },
  ],
  [
    "a pixel bomb",
    json(`${beginning}${bomb.toString("base64")}"}]}`),
    { code: "upstream_error", detail: /16000x16000/ },
  ],
  [
    "an image of more bytes than one may have",
    json(`${beginning}${base64}"}]}`),
    { code: "upstream_error", detail: /more than 1000000 bytes/ },
    { PROVIDER_MAX_IMAGE_BYTES: "1000000" },
  ],
  [
    "500 MB of base64",
    (response) => endless(response, beginning, "iVBORw0KGgo".repeat(6_000), 500 * MiB),
    { code: "upstream_error" },
  ],
  [
    "500 MB of words",
    (response) => endless(response, `{"a":"`, "words and ".repeat(6_000), 500 * MiB),
    { code: "upstream_error" },
  ],
  [
    "500 MB of an event that never ends",
    (response) => endless(response, `data: {"a":"`, "words and ".repeat(6_000), 500 * MiB),
    { code: "upstream_error" },
  ],
  [
    "a gzip bomb",
    async (response) => {
      const gzip = createGzip();
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      gzip.pipe(response);
      await endless(gzip, beginning, "A".repeat(65_536), 500 * MiB);
    },
    { code: "upstream_error" },
  ],
];

/** Sends so many bytes, as fast as they are taken, until it is hung up on. */
async function endless(sink: Writable, begin: string, part: string, bytes: number): Promise<void> {
  const closed = new Promise<void>((resolve) => void sink.once("close", resolve));
  sink.write(begin);
  for (let sent = 0; sent < bytes && !sink.destroyed; sent += part.length) {
    await Promise.race([closed, new Promise<void>((resolve) => void sink.write(part, () => resolve()))]);
  }
  sink.end(`"}]}`);
}
