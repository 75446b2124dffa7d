import { imageResponseSchema } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { createBatch, expectEveryLineOnce, lineFile, numberedLines, readLines, untilEnded } from "./batches.ts";
import { measureImage } from "./measure-image.ts";
import { openStack, type Stack } from "./stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
  return stack.close;
});

/** What a link of the stack's own leads to: the worker that made it does not know the port of the api. */
const follow = (url: string) => {
  const { pathname, search } = new URL(url);
  return fetch(`${stack.origin}${pathname}${search}`);
};

describe("a batch by the openai SDK", () => {
  test("draws every line, as links and as base64, and each answer is what the synchronous call gives", async () => {
    const client = stack.openai();
    const lines = [
      ...numberedLines(40),
      { custom_id: "base64", body: { response_format: "b64_json" } },
      { custom_id: "two", body: { n: 2 } },
      { custom_id: "refused", body: { prompt: "[sandbox:fail=content_policy_violation] no" } },
    ];
    const batch = await untilEnded(client, (await createBatch(client, lines, { metadata: { order: "17" } })).id);
    expect(batch).toMatchObject({ status: "completed", model: "dall-e-2", metadata: { order: "17" }, errors: null });
    expect(batch.cost).toBe(43 * 16_000);

    const { output, errors } = await expectEveryLineOnce(client, batch, lines);
    expect(errors.map(({ custom_id }) => custom_id)).toEqual(["refused"]);
    expect(errors[0]).toMatchObject({
      response: { status_code: 400, body: { error: { code: "content_policy_violation" } } },
      error: null,
    });
    const bodyOf = (id: string) =>
      imageResponseSchema.parse(output.find(({ custom_id }) => custom_id === id)?.response?.body);
    const [linked] = bodyOf("r7").data;
    const image = await follow(linked?.url ?? "");
    expect(await measureImage(Buffer.from(await image.arrayBuffer()))).toMatchObject({ size: "256x256" });
    const [encoded] = bodyOf("base64").data;
    const bytes = Buffer.from(encoded?.b64_json ?? "", "base64");
    expect(await measureImage(bytes)).toMatchObject({ size: "256x256" });
    expect(bodyOf("two").data).toHaveLength(2);
    // What was batched is gone from the queue: its answer is in the files.
    expect((await client.files.list()).data.map(({ purpose }) => purpose)).toContain("batch_output");
  });

  test("draws GIFs and SVGs, as links and as base64", async () => {
    const client = stack.openai();
    const flare = { model: "gpt-image-2.6-flare", quality: "low" };
    const svg = { ...flare, output_format: "svg", size: "1024x640", svg: { model: "gpt-6-luna" } };
    const gif = { ...flare, output_format: "gif", size: "480x320", frame_count: 3 };
    const lines = [
      { custom_id: "svg", body: svg },
      { custom_id: "gif", body: { ...gif, response_format: "b64_json" } },
    ];
    const batch = await untilEnded(client, (await createBatch(client, lines)).id);
    const { output } = await expectEveryLineOnce(client, batch, lines);
    const bodyOf = (id: string) =>
      imageResponseSchema.parse(output.find(({ custom_id }) => custom_id === id)?.response?.body);
    expect(bodyOf("svg")).toMatchObject({ output_format: "svg", svg_usage: { model: "gpt-6-luna" } });
    const linked = await follow(bodyOf("svg").data[0]?.url ?? "");
    expect(linked.headers.get("content-type")).toBe("image/svg+xml");
    const measured = await measureImage(Buffer.from(await linked.arrayBuffer()));
    expect(measured).toMatchObject({ format: "svg", size: "1024x640" });
    const encoded = await measureImage(bodyOf("gif").data[0]?.b64_json ?? "");
    expect(encoded).toMatchObject({ format: "gif", size: "480x320" });
  });

  test("fails with what is wrong, by line, and draws nothing", async () => {
    const client = stack.openai();
    const text = `${lineFile(numberedLines(3))}\nnot json\n${lineFile([{ custom_id: "big", body: { size: "1x1" } }])}`;
    const batch = await untilEnded(client, (await createBatch(client, text)).id);
    expect(batch).toMatchObject({ status: "failed", output_file_id: null, error_file_id: null });
    expect(batch.errors?.data).toEqual([
      expect.objectContaining({ code: "invalid_json_line", line: 4 }),
      expect.objectContaining({ line: 5, param: "body.size" }),
    ]);
    expect(batch.request_counts.completed).toBe(0);
  });

  test("is canceled with what has been drawn in its output and the rest among its errors", async () => {
    const client = stack.openai();
    const lines = numberedLines(300).map(({ custom_id }) => ({
      custom_id,
      body: { prompt: `[sandbox:delay=300] ${custom_id}` },
    }));
    const { id } = await createBatch(client, lines);
    await expect.poll(async () => (await client.batches.retrieve(id)).request_counts?.completed).toBeGreaterThan(0);
    const canceling = await client.batches.cancel(id);
    expect(canceling.status).toBe("cancelling");
    const batch = await untilEnded(client, id);
    expect(batch.status).toBe("cancelled");
    const { output, errors } = await expectEveryLineOnce(client, batch, lines);
    expect(output.length).toBeGreaterThan(0);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(["batch_cancelled"]));
    await expect(client.batches.cancel(id)).rejects.toMatchObject({ status: 409 });
  });

  test("lists with auto-pagination", async () => {
    const client = stack.openai();
    const made = [];
    for (let i = 0; i < 3; i++) made.push((await createBatch(client, numberedLines(1, `list${i}-`))).id);
    await Promise.all(made.map((id) => untilEnded(client, id)));
    const listed: string[] = [];
    for await (const { id } of client.batches.list({ limit: 2 })) listed.push(id);
    expect(listed.slice(0, 3)).toEqual(made.toReversed());
    expect(new Set(listed).size).toBe(listed.length);
  });
});

test("interactive calls do not wait behind a batch", async () => {
  const client = stack.openai();
  const lines = numberedLines(400).map(({ custom_id }) => ({
    custom_id,
    body: { prompt: `[sandbox:delay=500] ${custom_id}` },
  }));
  const { id } = await createBatch(client, lines);
  await expect.poll(async () => (await client.batches.retrieve(id)).status).toBe("in_progress");
  await client.images.generate({ model: "dall-e-2", prompt: "now", size: "256x256" });
  // Lines that take half a second, twenty at a time: most of them wait.
  const { status, request_counts } = await client.batches.retrieve(id);
  expect(status).toBe("in_progress");
  expect(request_counts?.completed).toBeLessThan(lines.length / 2);
  await client.batches.cancel(id);
  const batch = await untilEnded(client, id);
  expect((await readLines(client, batch.error_file_id)).length).toBeGreaterThan(0);
});
