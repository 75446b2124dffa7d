import { gzipSync } from "node:zlib";
import { prompt } from "../prompt.fixture.ts";
import { bad, invalid, json, refuses, type UpstreamAnswer } from "./row.fixture.ts";

/** Where a machine behind an upstream is, as its errors say it. */
export const privateAddress = "10.0.0.7";

/** Where an upstream says why it refused, which parameter is at fault, and what of it the caller must not read. */
export const reasonAnswers: UpstreamAnswer[] = [
  // Where the reason stands, and which parameter is at fault.
  ...(
    [
      ["message in error", { error: { message: "The size is odd.", param: "size" } }, "size"],
      ["message at the top", { message: "The size is odd.", param: "size" }, "size"],
      ["error as words", { error: "The size is odd." }],
      ["error as a word, with a message", { error: "bad_request", message: "The size is odd." }],
      ["error_description", { error: "invalid_request", error_description: "The size is odd." }],
      ["msg", { code: 1001, msg: "The size is odd." }],
      ["detail", { detail: "The size is odd." }],
      [
        "detail as a list",
        { detail: [{ loc: ["body", "size"], msg: "The size is odd.", type: "value_error" }] },
        "size",
      ],
      ["detail as a list of words", { detail: ["The size is odd."] }],
      ["detail with an error", { detail: { error: "The size is odd." } }],
      ["title with detail", { type: "about:blank", title: "Bad Request", status: 400, detail: "The size is odd." }],
      ["title alone", { title: "The size is odd.", status: 400 }],
      [
        "title with invalid-params",
        { title: "The size is odd.", "invalid-params": [{ name: "size", reason: "must be even" }] },
        "size",
      ],
      ["errors as a list", { errors: [{ message: "The size is odd.", field: "size" }] }, "size"],
      ["Azure's target", { error: { code: "BadRequest", message: "The size is odd.", target: "size" } }, "size"],
      ["a path in param", { error: { message: "The size is odd.", param: "body.size" } }, "size"],
      [
        "JSON within the words of a gateway",
        { error: { message: json({ error: { message: "The size is odd.", param: "size" } }) } },
        "size",
      ],
    ] as [string, object, string?][]
  ).map(([name, body, param]) => refuses(`a reason as ${name}`, bad(body), invalid("The size is odd.", param))),
  refuses(
    "a parameter that only the words name",
    bad({ error: { message: "Unknown parameter: 'style'.", code: "unknown_parameter" } }),
    invalid("Unknown parameter: 'style'.", "style"),
  ),
  refuses(
    "a parameter at the end of the words",
    bad({ error: { message: "'5x5' is not one of ['1024x1024'] - 'size'" } }),
    invalid("'5x5' is not one of", "size"),
  ),
  refuses(
    "a reason in plain text",
    { status: 400, headers: { "content-type": "text/plain" }, body: "The size is odd." },
    invalid("The size is odd."),
  ),
  refuses(
    "a reason in gzip",
    {
      status: 400,
      headers: { "content-encoding": "gzip" },
      body: gzipSync(json({ error: { message: "The size is odd." } })),
    },
    invalid("The size is odd."),
  ),
  refuses(
    "a page of HTML",
    { status: 400, headers: { "content-type": "text/html" }, body: "<html>Bad Request</html>" },
    invalid("refused the request as invalid"),
  ),
  refuses(
    "a reason that repeats what is secret",
    bad({ detail: `${prompt} with sk-proj-abcdefghijklmnop is odd.` }),
    invalid("is odd."),
  ),
  refuses(
    "a failure with a reason",
    bad({ detail: `CUDA out of memory at http://${privateAddress}:8000/v1 (${privateAddress}:8000).` }, 500),
    { code: "upstream_error", says: "CUDA out of memory" },
    { outcome: "retried" },
  ),
  refuses(
    "a failure of Ark's risk service, which may pass",
    bad({ error: { code: "ContentSecurityDetectionError", message: "x" } }),
    { code: "upstream_error", says: "failed" },
    { outcome: "retried" },
  ),
];
