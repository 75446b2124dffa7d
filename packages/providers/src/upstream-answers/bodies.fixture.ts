import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import {
  answers,
  bad,
  busy,
  completed,
  delivers,
  doubtful,
  invalid,
  item,
  json,
  ok,
  policy,
  refuses,
  streamed,
  type UpstreamAnswer,
} from "./row.fixture.ts";

/** How an answer is packed: compressed, marked, as events or as one body, and with nothing in it. */
export const bodyAnswers: UpstreamAnswer[] = [
  // The body: compressed, marked, with another label than its own.
  ...(
    [
      ["gzip", "gzip", gzipSync],
      ["gzip", "x-gzip", gzipSync],
      ["gzip", "GZIP", gzipSync],
      ["Brotli", "br", brotliCompressSync],
      ["zlib", "deflate", deflateSync],
      ["bare deflate", "deflate", deflateRawSync],
      ["zstd", "zstd", zstdCompressSync],
    ] as const
  ).map(([format, coding, compress]) =>
    answers(`${format} that nobody asked for, labelled ${coding}`, (p) => ({
      headers: { "content-encoding": coding },
      body: compress(json({ data: [item(p)] })),
    })),
  ),
  answers("gzip without a label", (p) => ({ body: gzipSync(json({ data: [item(p)] })) })),
  answers("gzip without its last bytes", (p) => ({
    headers: { "content-encoding": "gzip" },
    body: gzipSync(json({ data: [item(p)] })).subarray(0, -8),
  })),
  ...["gzip", "br", "deflate", "zstd", "utf-8"].map((coding) =>
    answers(`a plain body that is labelled ${coding}`, (p) => ({
      headers: { "content-encoding": coding },
      body: json({ data: [item(p)] }),
    })),
  ),
  delivers("a link to a PNG that is sent in gzip", ({ link }) => ({ data: [{ url: link("gzip") }] })),
  delivers("a byte order mark", (p) => `\uFEFF${json({ data: [item(p)] })}`),
  delivers("blanks, a byte order mark, and blanks behind", (p) => `\n \r\n\uFEFF${json({ data: [item(p)] })}\n\n`),
  answers("JSON that is labelled as HTML", (p) => ({
    headers: { "content-type": "text/html" },
    body: json({ data: [item(p)] }),
  })),
  answers("a 201", (p) => ({ status: 201, body: { data: [item(p)] } })),

  // Events without a request for them, and JSON where events were asked for.
  answers("events unasked", (p) => ({ headers: streamed, body: `data: ${completed(p)}\n\n` })),
  answers("events unasked, labelled JSON", (p) => ({
    body: `event: image_generation.completed\ndata: ${completed(p)}\n\n`,
  })),
  answers("events unasked, without a type", (p) => ({
    headers: streamed,
    body: `data: ${json(item(p))}\n\ndata: [DONE]\n\n`,
  })),
  answers("a whole body in one event", (p) => ({ headers: streamed, body: `data: ${json({ data: [item(p)] })}\n\n` })),
  answers("events of Ark", (p) => ({
    headers: streamed,
    body: `event: image_generation.partial_succeeded\ndata: ${json({ type: "image_generation.partial_succeeded", image_index: 0, ...item(p) })}\n\nevent: image_generation.completed\ndata: ${json({ type: "image_generation.completed", usage: { generated_images: 1 } })}\n\ndata: [DONE]\n\n`,
  })),
  refuses(
    "an event of Ark that failed",
    {
      headers: streamed,
      body: `event: image_generation.partial_failed\ndata: ${json({ type: "image_generation.partial_failed", image_index: 0, error: { code: "OutputImageSensitiveContentDetected", message: "No." } })}\n\n`,
    },
    policy,
  ),
  delivers("an image among 300,000 nulls", (p) => ({
    data: [...Array.from({ length: 150_000 }, () => null), item(p), ...Array.from({ length: 150_000 }, () => null)],
  })),
  answers("an image behind 10,000 failures of images", (p) => ({
    headers: streamed,
    body:
      `event: x.partial_failed\ndata: ${json({ error: { code: "x" } })}\n\n`.repeat(10_000) +
      `data: ${completed(p)}\n\n`,
  })),
  answers("JSON that is labelled as events", (p) => ({ headers: streamed, body: json({ data: [item(p)] }) })),
  answers("a last event without its blank line", (p) => ({ headers: streamed, body: `data: ${completed(p)}` })),
  answers("a last event with half of its blank line", (p) => ({
    headers: streamed,
    body: `data: ${completed(p)}\r\n`,
  })),
  ...(
    [
      ["JSON where events were asked for", (p) => ({ body: json({ data: [item(p)] }) })],
      [
        "JSON where events were asked for, labelled as events",
        (p) => ({ headers: streamed, body: json({ data: [item(p)] }) }),
      ],
      ["events where events were asked for, labelled as JSON", (p) => ({ body: `data: ${completed(p)}\n\n` })],
      ["a last event without its blank line, asked for", (p) => ({ headers: streamed, body: `data: ${completed(p)}` })],
      ["events after a byte order mark", (p) => ({ headers: streamed, body: `\uFEFFdata: ${completed(p)}\n\n` })],
      [
        "events in gzip",
        (p) => ({ headers: { ...streamed, "content-encoding": "gzip" }, body: gzipSync(`data: ${completed(p)}\n\n`) }),
      ],
      [
        "an error of {} in the event of an image",
        (p) => ({ headers: streamed, body: `data: ${completed(p, { error: {} })}\n\n` }),
      ],
      [
        "a usage of words in the event of an image",
        (p) => ({ headers: streamed, body: `data: ${completed(p, { usage: "x" })}\n\n` }),
      ],
      [
        "a revised_prompt of 5 in the event of an image",
        (p) => ({ headers: streamed, body: `data: ${completed(p, { revised_prompt: 5 })}\n\n` }),
      ],
    ] as [string, UpstreamAnswer["answer"]][]
  ).map(([name, answer]) => answers(name, answer, { only: "openai", partials: true })),
  refuses(
    "an error event in words alone",
    { headers: streamed, body: `event: error\ndata: Out of memory\n\n` },
    { code: "upstream_error", says: "Out of memory" },
    { ...doubtful },
  ),
  refuses(
    "an error event that is a refusal",
    {
      headers: streamed,
      body: `event: error\ndata: ${json({ type: "error", code: "moderation_blocked", message: "No." })}\n\n`,
    },
    { code: "moderation_blocked", says: "safety system" },
  ),
  ...([undefined, "openai"] as const).map((only) =>
    refuses(
      `a rate limit as the first event${only === undefined ? "" : ", asked for"}`,
      {
        headers: streamed,
        body: `data: ${json({ error: { code: "rate_limit_exceeded", message: "Try again in 2s." } })}\n\n`,
      },
      busy,
      { outcome: "retried", ...(only !== undefined && { only, partials: true }) },
    ),
  ),
  refuses(
    "a refusal in an event",
    { ...bad(`data: ${json({ error: { message: "The size is odd.", param: "size" } })}\n\n`), headers: streamed },
    invalid("The size is odd.", "size"),
  ),

  refuses(
    "more lines than a stream has before its image",
    { headers: streamed, body: `${":\n".repeat(500_000)}data: {}\n\n` },
    { code: "upstream_error", says: "broke" },
    doubtful,
  ),
  answers("more lines than a stream has behind its image", (p) => ({
    headers: streamed,
    body: `data: ${completed(p)}\n\n${"data: {}\n\n".repeat(200_000)}`,
  })),

  // A refusal that is longer than any reason: its beginning is read, or nothing but its status.
  ...["x", '{"error":{"message":"x"}}', "<p>"].map((words) =>
    refuses(`a 429 with 12 MB of ${words}`, bad(words.repeat(12_000_000 / words.length), 429), busy, {
      outcome: "retried",
    }),
  ),
  refuses(
    "a refusal on policy that quotes the longest prompt twice, escaped",
    bad(`{"error":{"code":"content_policy_violation","message":"${"\\u732b".repeat(64_000)}"}}`),
    policy,
  ),
  refuses(
    "a success of a million empty entries",
    ok(`{"data":[${"{},".repeat(1_000_000)}{}]}`),
    { code: "upstream_error", says: "could not be read" },
    doubtful,
  ),

  // A success that has no image.
  ...[{ data: [] }, {}, null, { data: [null] }, { data: [{}] }, { data: {} }, []].map((body) =>
    refuses(
      `a success of ${json(body)}`,
      ok(json(body)),
      { code: "upstream_error", says: "without an image" },
      doubtful,
    ),
  ),
  ...(
    [
      ["gzip", gzipSync],
      ["br", brotliCompressSync],
      ["deflate", deflateSync],
      ["zstd", zstdCompressSync],
    ] as const
  ).map(([coding, compress]) =>
    refuses(
      `a bomb of ${coding}`,
      { headers: { "content-encoding": coding }, body: compress(Buffer.alloc(12_000_000, "[")) },
      { code: "upstream_error", says: "broke" },
      doubtful,
    ),
  ),
];
