import { apiKey } from "../../api.fixture.ts";
import { good, type Refusal, testRefusals, withField } from "./refusal.fixture.ts";

const invalid = { status: 400, code: "invalid_request_error" } as const;
const unauthorized = { status: 401, code: "invalid_api_key", param: null, body: good } as const;
const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

const bodies: Refusal[] = [
  { it: "no body", ...invalid, body: undefined, message: "The body is empty: send a JSON object." },
  { it: "an empty body", ...invalid, body: "", message: "The body is empty: send a JSON object." },
  { it: "a body of blanks", ...invalid, body: "  ", message: /^The body is not valid JSON/ },
  {
    it: "broken JSON",
    ...invalid,
    body: '{"prompt": "a cat",}',
    message: "The body is not valid JSON, at position 19 (line 1 column 20).",
  },
  { it: "cut JSON", ...invalid, body: '{"prompt": "a c', message: /^The body is not valid JSON/ },
  { it: "single quotes", ...invalid, body: "{'prompt': 'a cat'}", message: /^The body is not valid JSON/ },
  {
    it: "bytes that are no UTF-8",
    ...invalid,
    body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
    message: "The body is not valid UTF-8.",
  },
  { it: "null", ...invalid, body: "null", message: "The body must be a JSON object, but it is null." },
  { it: "a list", ...invalid, body: "[]", message: "The body must be a JSON object, but it is an array." },
  { it: "a string", ...invalid, body: '"a cat"', message: "The body must be a JSON object, but it is a string." },
  {
    it: "100,000 nested lists",
    ...invalid,
    body: deep,
    message: "The body must be a JSON object, but it is an array.",
  },
  {
    it: "100,000 nested lists as the prompt",
    ...invalid,
    body: `{"prompt":${deep}}`,
    param: "prompt",
    message: "Invalid type for 'prompt': expected a string, but got an array instead.",
  },
  {
    it: "100,000 nested lists as the format",
    ...invalid,
    body: `{"prompt":"a cat","response_format":${deep}}`,
    param: "response_format",
    message: /^(Invalid|Unknown)/,
  },
  {
    it: "100,000 nested lists in an unknown field",
    ...invalid,
    body: `{"prompt":"a cat","x":${deep}}`,
    param: "x",
    message: /^(Invalid|Unknown)/,
  },
  {
    it: "a body over 1 MiB",
    status: 413,
    code: "payload_too_large",
    body: withField({ user: "u".repeat(1_048_576) }),
    message: "The body is larger than 1048576 bytes, which is the limit.",
  },
  {
    it: "a body of 20 MB",
    status: 413,
    code: "payload_too_large",
    body: "x".repeat(20_000_000),
    message: /larger than 1048576 bytes/,
  },
  {
    it: "a form",
    status: 415,
    code: "unsupported_media_type",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "prompt=a+cat",
    message: /must be JSON.*Content-Type: application\/json/,
  },
  {
    it: "plain text",
    status: 415,
    code: "unsupported_media_type",
    headers: { "content-type": "text/plain" },
    body: good,
    message: /must be JSON/,
  },
  {
    it: "another kind of JSON",
    status: 415,
    code: "unsupported_media_type",
    headers: { "content-type": "application/vnd.api+json" },
    body: good,
    message: /must be JSON/,
  },
  {
    it: "a content type that is none",
    status: 415,
    code: "unsupported_media_type",
    headers: { "content-type": "json" },
    body: good,
    message: /must be JSON/,
  },
];

const keys: Refusal[] = [
  { it: "no key", ...unauthorized, headers: { authorization: null }, message: /^You didn't provide an API key/ },
  { it: "an empty header", ...unauthorized, headers: { authorization: "" }, message: /^You didn't provide an API key/ },
  {
    it: "another scheme",
    ...unauthorized,
    headers: { authorization: `Basic ${apiKey}` },
    message: /^The Authorization header is malformed/,
  },
  {
    it: "a key without its scheme",
    ...unauthorized,
    headers: { authorization: apiKey },
    message: /^The Authorization header is malformed/,
  },
  {
    it: "two keys",
    ...unauthorized,
    headers: { authorization: `Bearer ${apiKey} ${apiKey}` },
    message: /^The Authorization header is malformed/,
  },
  {
    it: "an unknown key",
    ...unauthorized,
    headers: { authorization: "Bearer sk-unknown" },
    message: /^Incorrect API key provided/,
  },
  {
    it: "an endless key",
    ...unauthorized,
    headers: { authorization: `Bearer ${"k".repeat(5_000)}` },
    message: /^The API key is too long/,
  },
  {
    it: "an unknown key, before the body is looked at",
    ...unauthorized,
    headers: { authorization: "Bearer sk-unknown" },
    body: "{",
    message: /^Incorrect API key provided/,
  },
  {
    it: "an unknown key for the models",
    ...unauthorized,
    method: "GET",
    path: "/v1/models",
    body: undefined,
    headers: { authorization: "Bearer sk-unknown" },
    message: /^Incorrect API key provided/,
  },
];

const routes: Refusal[] = [
  {
    it: "GET of the images",
    method: "GET",
    status: 405,
    code: "method_not_allowed",
    message: "/v1/images/generations does not take GET. It takes POST.",
  },
  {
    it: "PUT of the images",
    method: "PUT",
    body: good,
    status: 405,
    code: "method_not_allowed",
    message: /does not take PUT/,
  },
  {
    it: "DELETE of the images",
    method: "DELETE",
    status: 405,
    code: "method_not_allowed",
    message: /does not take DELETE/,
  },
  {
    it: "OPTIONS of the images",
    method: "OPTIONS",
    status: 405,
    code: "method_not_allowed",
    message: /does not take OPTIONS/,
  },
  {
    it: "POST of the models",
    method: "POST",
    path: "/v1/models",
    body: "{",
    status: 405,
    code: "method_not_allowed",
    message: "/v1/models does not take POST. It takes GET, HEAD.",
  },
  {
    it: "a route that is not there",
    path: "/v1/images/edits",
    body: good,
    status: 404,
    code: "not_found",
    message: "There is no POST /v1/images/edits here.",
  },
  {
    it: "a route without its version",
    path: "/images/generations",
    body: good,
    status: 405,
    code: "method_not_allowed",
    message: /does not take POST/,
  },
  {
    it: "a trailing slash",
    path: "/v1/images/generations/",
    body: good,
    status: 404,
    code: "not_found",
    message: /^There is no POST/,
  },
  { it: "the root", method: "GET", path: "/", status: 404, code: "not_found", message: "There is no GET / here." },
  {
    it: "a broken body on a route that is not there",
    path: "/v1/nothing",
    body: "{",
    status: 404,
    code: "not_found",
    message: "There is no POST /v1/nothing here.",
  },
  {
    it: "broken percent-encoding",
    method: "GET",
    path: "/v1/models/%zz",
    status: 400,
    code: "invalid_request_error",
    message: "The URL is malformed: check its percent-encoding.",
  },
  {
    it: "a model that is not there",
    method: "GET",
    path: "/v1/models/dall-e-9",
    status: 404,
    code: "not_found",
    param: "model",
    message: "The model 'dall-e-9' does not exist.",
  },
];

testRefusals("bodies", bodies);
testRefusals("keys", keys);
testRefusals("routes", routes);
