import { Readable } from "node:stream";
import type { ImageRequest } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { inputLine, inputLines, openBatch } from "./validate-batch.fixture.ts";

const ids = (count: number) => Array.from({ length: count }, (_, i) => `r${i}`);

describe("a right file is accepted with exactly its lines", () => {
  const lines = inputLines(3);
  test.each([
    ["with a newline at the end", `${lines.join("\n")}\n`],
    ["without one", lines.join("\n")],
    ["with a byte order mark", `\ufeff${lines.join("\n")}\n`],
    ["with CRLF", `${lines.join("\r\n")}\r\n`],
    ["with blank lines at the end", `${lines.join("\n")}\n\n\r\n\n`],
    ["with a thousand blank lines and more at the end", `${lines.join("\n")}${"\n".repeat(1_100)}`],
    ["with blanks and tabs in the lines at the end", `${lines.join("\n")}\n \n\t\r\n   `],
  ])("%s", async (_, input) => {
    const { validate, read, prepared } = await openBatch();
    await validate(input);
    expect(await read()).toMatchObject({
      status: "in_progress",
      model: "gpt-image-1",
      lane: "openai.batch",
      total: 3,
      chunks: [0],
    });
    const found = await prepared();
    expect(found.map((line) => [line.index, line.custom_id])).toEqual([
      [0, "r0"],
      [1, "r1"],
      [2, "r2"],
    ]);
    expect(found.map(({ request }) => request.prompt)).toEqual(ids(3).map((id) => `a cat, number ${id}`));
  });

  test("with all that its request says and will be billed by", async () => {
    const { validate, prepared } = await openBatch();
    const body = {
      model: "dall-e-3",
      prompt: "a 🐈",
      size: "1024x1024",
      response_format: "b64_json",
      style: null,
      stream: false,
      job: { metadata: { order: "17" }, webhook: null },
    };
    await validate(inputLine("é-1", body));
    const [line] = await prepared();
    expect(line).toEqual({
      index: 0,
      custom_id: "é-1",
      request: {
        model: "dall-e-3",
        prompt: "a 🐈",
        size: "1024x1024",
        response_format: "b64_json",
        stream: false,
        job: { metadata: { order: "17" } },
      } satisfies ImageRequest,
      upstream: {
        model: "dall-e-3",
        parameters: { n: 1, size: "1024x1024", quality: "standard", style: "vivid" },
        retired: { since: "2026-05-12", successor: "gpt-image-2.5-flare" },
      },
      terms: {
        model: "dall-e-3",
        quality: "standard",
        prices: { perImageMicros: { standard: { "1024x1024": 40_000, "1792x1024": 80_000, "1024x1792": 80_000 } } },
      },
      images: 1,
      worst: 40_000,
    });
  });

  test("of one model by several names, and none", async () => {
    const { validate, read } = await openBatch();
    await validate(
      [
        inputLine("a", { model: null }),
        inputLine("b", { model: "gpt-image-2.5-flare" }),
        inputLine("c", { model: "gpt-image-2.5-flare-2026-09-08" }),
      ].join("\n"),
    );
    expect(await read()).toMatchObject({ status: "in_progress", model: "gpt-image-2.5-flare", total: 3 });
  });

  test("in chunks of at most 500", async () => {
    const { validate, read, prepared, chunksStored } = await openBatch();
    await validate(inputLines(1_201).join("\n"));
    expect((await read()).chunks).toEqual([0, 500, 1_000]);
    expect(await chunksStored()).toBe(3);
    expect((await prepared()).map((line) => line.custom_id)).toEqual(ids(1_201));
  });

  test("in chunks of at most a megabyte, or one line", async () => {
    const { validate, read, prepared, objects, chunkKey } = await openBatch();
    const longPrompt = "\u0001".repeat(32_000); // Six bytes each in JSON.
    const count = 12;
    await validate(
      ids(count)
        .map((id) => inputLine(id, { prompt: longPrompt }))
        .join("\n"),
    );
    const { chunks } = await read();
    expect(chunks.length).toBeGreaterThan(2);
    for (const [chunk] of chunks.entries()) {
      expect((await objects.head(chunkKey(chunk)))?.size).toBeLessThanOrEqual(1_000_000);
    }
    expect((await prepared()).map(({ index }) => index)).toEqual([...ids(count).keys()]);
  });
});

describe("a file that is wrong as a whole", () => {
  test.each([
    ["of no bytes", ""],
    ["of a newline", "\n"],
    ["of a byte order mark", "\ufeff"],
    ["of a thousand blank lines and more", "\n".repeat(1_100)],
    ["of blanks and tabs", " \n\t\r\n "],
  ])("is an empty one, %s", async (_, input) => {
    const { validate, read } = await openBatch();
    await validate(input);
    const errors = [{ code: "empty_file", message: "This file has no lines.", param: null, line: null }];
    expect(await read()).toMatchObject({ status: "failed", errors });
  });

  test("or gone", async () => {
    const { validate, read } = await openBatch();
    await validate(null);
    const [fault] = (await read()).errors ?? [];
    expect(fault).toMatchObject({ code: "not_found", param: "input_file_id", line: null });
  });

  test("whose bytes the store has lost", async () => {
    const { validate, objects, read } = await openBatch();
    await validate(null, { openInput: async () => (await objects.get("acme/files/file-1")).body });
    expect(await read()).toMatchObject({ status: "failed", errors: [{ code: "not_found", param: "input_file_id" }] });
  });

  test("or has 50,001 lines", async () => {
    const { validate, read, chunksStored } = await openBatch();
    await validate(inputLines(50_001).join("\n"));
    const { errors, status } = await read();
    expect(status).toBe("failed");
    expect(errors).toEqual([expect.objectContaining({ code: "too_many_tasks", line: null })]);
    expect(await chunksStored()).toBe(0);
  });
});

test("a file of every kind of wrong line is told of each", async () => {
  const { validate, read, chunksStored } = await openBatch();
  const latin1 = Buffer.from(inputLine("b", { prompt: "caf\u00e9" }), "latin1");
  const lines = [
    inputLine("a"),
    latin1,
    inputLine("c", { prompt: "x".repeat(2_000_000) }),
    inputLine("a"),
    inputLine("d", {}, { url: "/v1/images/edits" }),
    inputLine("e", {}, { method: "GET" }),
    inputLine("f", { stream: true }),
    inputLine("g", { model: "dall-e-3" }),
    "",
    inputLine("h"),
  ];
  await validate(Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")])));
  const { status, errors } = await read();
  expect(status).toBe("failed");
  expect(errors?.map(({ line, code, param }) => [line, code, param])).toEqual([
    [2, "invalid_encoding", null],
    [3, "line_too_long", null],
    [4, "duplicate_custom_id", "custom_id"],
    [5, "url_mismatch", "url"],
    [6, "invalid_request_error", "method"],
    [7, "invalid_request_error", "body.stream"],
    [8, "model_mismatch", "body.model"],
    [9, "invalid_json_line", null],
  ]);
  expect(await chunksStored()).toBe(0);
});

describe("of 50,000 lines", () => {
  test("all are accepted where all are right", async () => {
    const { validate, read, prepared } = await openBatch();
    await validate(`${inputLines(50_000).join("\n")}\n`);
    expect(await read()).toMatchObject({ status: "in_progress", total: 50_000 });
    expect((await prepared()).map((line) => line.custom_id)).toEqual(ids(50_000));
  });

  test("bad JSON on line 49,999 fails the batch and leaves no chunk", async () => {
    const { validate, read, chunksStored } = await openBatch();
    await validate(inputLines(50_000).with(49_998, '{"custom_id": ').join("\n"));
    const message = "This line is not parseable as valid JSON.";
    const errors = [{ code: "invalid_json_line", message, param: null, line: 49_999 }];
    expect(await read()).toMatchObject({ status: "failed", errors });
    expect(await chunksStored()).toBe(0);
  });
});

describe("more than a thousand bad lines", () => {
  test("end the reading, which the last entry says", async () => {
    const { validate, faults } = await openBatch();
    await validate("{\n".repeat(2_000));
    const errors = await faults();
    expect(errors).toHaveLength(1_001);
    expect(errors.at(-2)).toMatchObject({ code: "invalid_json_line", line: 1_000 });
    expect(errors.at(-1)).toMatchObject({ code: "too_many_errors", line: null });
  });

  test("are none too many when they are a thousand", async () => {
    const { validate, faults } = await openBatch();
    await validate(`${"{\n".repeat(1_000)}${inputLine("a")}`);
    const errors = await faults();
    expect(errors.map(({ line }) => line)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
  });

  test("may be blank, where a line follows them", async () => {
    const { validate, faults } = await openBatch();
    await validate(`${inputLine("a")}${"\n".repeat(1_100)}${inputLine("b")}`);
    const errors = await faults();
    expect(errors).toHaveLength(1_001);
    expect(errors[0]).toMatchObject({ code: "invalid_json_line", line: 2 });
    expect(errors.at(-2)).toMatchObject({ code: "invalid_json_line", line: 1_001 });
    expect(errors.at(-1)).toMatchObject({ code: "too_many_errors" });
  });

  test("may be 200 MB of blank ones: more of them than a batch has lines are not read to their end", async () => {
    const { validate, faults } = await openBatch();
    let sent = 0;
    const input = Readable.from(
      (function* () {
        yield Buffer.from(inputLine("a"));
        for (; sent < 200; sent++) yield Buffer.alloc(1_000_000, "\n");
      })(),
    );
    await validate(input);
    expect(await faults()).toMatchObject([{ code: "too_many_tasks", line: null }]);
    expect(sent).toBeLessThan(10);
  });

  test("are in the record of the batch as far as it has room, and whole in its error file", async () => {
    const { validate, read, faults, files, redisBytes } = await openBatch();
    const wrong = inputLine("", { n: 0, seed: "x", size: 1, style: 2 }, { method: "GET", url: "/" });
    await validate(`${wrong}\n`.repeat(1_000));
    // Seven for each, and all but the first have the first one's id.
    const count = 7 * 1_000 + 999;
    expect(await faults()).toHaveLength(count);
    const { errors, errorCount, errorFileId, outputSeconds } = await read();
    const file = await files.read(errorFileId ?? "");
    expect(file).toMatchObject({
      tenant: "acme",
      purpose: "batch_output",
      filename: expect.stringMatching(/_error\.jsonl$/),
    });
    expect((file?.expiresAtMs ?? 0) - (file?.createdAtMs ?? 0)).toBe(outputSeconds * 1_000);
    expect(errors).toEqual((await faults()).slice(0, 20));
    expect(errorCount).toBe(count);
    expect(await redisBytes()).toBeLessThan(20_000);
  });
});

describe("a budget", () => {
  const dear = [1, 2, 3].map((id) => inputLine(`r${id}`, { model: "dall-e-3", size: "1024x1024" })).join("\n");

  test("that has room for the worst case of all lines lets them in", async () => {
    const { validate, read } = await openBatch();
    await validate(dear, { accountOf: async () => ({ models: null, leftMicros: 120_000 }) });
    expect((await read()).status).toBe("in_progress");
  });

  test("that has not refuses the file in one sentence", async () => {
    const { validate, read, chunksStored } = await openBatch();
    await validate(dear, { accountOf: async () => ({ models: null, leftMicros: 119_999 }) });
    const message =
      "The lines of this file may cost $0.12 together at their worst case, and this API key has $0.119999 left to spend.";
    const errors = [{ code: "insufficient_quota", message, param: null, line: null }];
    expect(await read()).toMatchObject({ status: "failed", errors });
    expect(await chunksStored()).toBe(0);
  });

  test("refuses lines whose price is unknown", async () => {
    const { validate, read } = await openBatch();
    const priced = inputLine("a", { model: "gpt-image-2.6-flare" });
    const unpriced = inputLine("b", { model: "gpt-image-2.6-flare", output_format: "svg", svg: { model: "gpt-9" } });
    await validate(`${priced}\n${unpriced}`, { accountOf: async () => ({ models: null, leftMicros: 1_000_000 }) });
    expect((await read()).errors).toEqual([
      expect.objectContaining({ code: "model_unpriced", param: "body.model", line: 2 }),
    ]);
  });
});

test("other work has a turn after every hundred lines", async () => {
  const { validate } = await openBatch();
  let turns = 0;
  let next = setImmediate(function count() {
    turns++;
    next = setImmediate(count);
  });
  await validate(Readable.from([Buffer.from(inputLines(5_000).join("\n"))]));
  clearImmediate(next);
  expect(turns).toBeGreaterThanOrEqual(50);
});

test("a key that is no longer in use has its batch canceled, whatever is in its input", async () => {
  const { validate, read, chunksStored } = await openBatch();
  await validate("{", { accountOf: async () => null });
  expect(await read()).toMatchObject({ status: "cancelling", outcome: "cancelled", ready: true, errors: null });
  expect(await chunksStored()).toBe(0);
});

describe("a batch beyond the unfinished lines that its tenant may have", () => {
  test("fails with OpenAI's code for it, and leaves no chunks", async () => {
    const { validate, read, chunksStored } = await openBatch({}, { mostLines: 2 });
    await validate(inputLines(3).join("\n"));
    expect(await read()).toMatchObject({
      status: "failed",
      errors: [
        {
          code: "token_limit_exceeded",
          message:
            "Enqueued line limit reached: this batch has 3 lines, 0 of other batches have not ended, and there may be 2 together (unfinished_batch_lines). Create it again when some of these batches have ended.",
          param: null,
          line: null,
        },
      ],
    });
    expect(await chunksStored()).toBe(0);
  });

  test("runs where it fits exactly", async () => {
    const { validate, read } = await openBatch({}, { mostLines: 3 });
    await validate(inputLines(3).join("\n"));
    expect(await read()).toMatchObject({ status: "in_progress", total: 3 });
  });

  test("may have a file with its mistakes, which counts with what the tenant stores", async () => {
    const { validate, read, files } = await openBatch();
    await validate(Array.from({ length: 30 }, (_, i) => inputLine(`r${i}`, { size: "3x3" })).join("\n"));
    const { errorFileId } = await read();
    const file = errorFileId === null ? null : await files.read(errorFileId);
    expect(await files.count("acme")).toEqual({ files: 1, bytes: file?.bytes });
  });
});
