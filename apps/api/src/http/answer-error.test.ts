import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { errorBodySchema } from "@darkroom/contracts";
import { beforeAll, expect, test } from "vitest";
import { keepApi, type KeptApi } from "../api.fixture.ts";

let api: KeptApi;
beforeAll(async () => {
  api = await keepApi();
  return api.close;
});

/** Sends bytes as they are and returns all that comes back until the connection is closed. */
async function exchange(bytes: string) {
  const socket = connect(Number(new URL(api.baseUrl).port), "127.0.0.1");
  socket.write(bytes);
  const [head = "", body = ""] = (await text(socket)).split("\r\n\r\n");
  const [statusLine = "", ...headers] = head.split("\r\n");
  return { statusLine, headers, error: errorBodySchema.strict().parse(JSON.parse(body)).error };
}

test.each([
  { it: "bytes that are no HTTP", bytes: "hello\r\n\r\n", message: "The bytes sent are not an HTTP request." },
  {
    it: "headers over 16 KiB",
    bytes: `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`,
    message: "The headers are larger than 16384 bytes, which is the limit.",
  },
  {
    it: "a length that is no number",
    bytes: "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n",
    message: "The bytes sent are not an HTTP request.",
  },
  {
    it: "no Host",
    bytes: "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    message: "The Host header is missing.",
  },
  {
    it: "two Hosts",
    bytes: "GET /healthz HTTP/1.1\r\nHost: a\r\nhost: b\r\nConnection: close\r\n\r\n",
    message: "There is more than one Host header.",
  },
  {
    it: "two Hosts of one value",
    bytes: "GET /healthz HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
    message: "There is more than one Host header.",
  },
  {
    it: "a Host that is none",
    bytes: "GET /healthz HTTP/1.1\r\nHost: a, b\r\nConnection: close\r\n\r\n",
    message: "The Host header is not the name of a host.",
  },
])("400 in the error shape for $it", async ({ bytes, message }) => {
  const { statusLine, headers, error } = await exchange(bytes);
  expect(statusLine).toBe("HTTP/1.1 400 Bad Request");
  expect(error).toEqual({ message, type: "invalid_request_error", param: null, code: "invalid_request_error" });
  expect(headers).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^x-request-id: req_/),
      "x-should-retry: false",
      "x-content-type-options: nosniff",
    ]),
  );
});

test("an unknown expectation is ignored", async () => {
  const { statusLine } = await exchange("GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n");
  expect(statusLine).toBe("HTTP/1.1 404 Not Found");
});
