import { expect, test } from "vitest";
import { fetchImage, ImageFailure } from "../batch/save-image.ts";
import { temporaryFolder } from "@darkroom/testing";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createHttpApi } from "./http-api.ts";
import { z } from "zod";

const mebibyte = 1024 * 1024;

/** A server that sends zeros without an end. */
function endless() {
  let sent = 0;
  const state = { canceled: false };
  const zeros = new Uint8Array(mebibyte);
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull: (stream) => {
        sent += zeros.byteLength;
        stream.enqueue(zeros);
      },
      cancel: () => void (state.canceled = true),
    });
  return { state, sentMiB: () => sent / mebibyte, fetch: async () => new Response(body(), { status: 200 }) };
}

test("an image without an end is given up after 256 MiB, and nothing of it stays on the disk", async () => {
  const server = endless();
  const part = join(await temporaryFolder(), "part");
  const failed = fetchImage({ url: "http://images.test/0.png", b64_json: null }, part, server.fetch);
  await expect(failed).rejects.toThrow(new ImageFailure("what the link leads to is larger than 256 MiB", false));
  expect(server.state.canceled).toBe(true);
  expect(server.sentMiB()).toBeLessThan(300);
  expect(existsSync(part)).toBe(false);
});

test("an answer without an end is given up after 64 MiB, whatever its status", async () => {
  for (const status of [200, 500]) {
    const server = endless();
    const service = { root: "http://darkroom.test", apiKey: "key", adminKey: undefined };
    const fetch = async () => new Response((await server.fetch()).body, { status });
    const api = createHttpApi({ service, fetch });
    await expect(api.send({ path: "/v1/models", as: "tenant", answer: z.unknown() })).rejects.toThrow(
      "http://darkroom.test sent an answer of more than 64 MiB. Is the address right?",
    );
    expect(server.state.canceled).toBe(true);
    expect(server.sentMiB()).toBeLessThan(80);
  }
});
