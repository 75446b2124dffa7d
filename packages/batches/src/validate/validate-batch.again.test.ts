import { PassThrough, Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { inputLines, openBatch } from "./validate-batch.fixture.ts";

describe("run again", () => {
  const count = 1_201;
  const ids = Array.from({ length: count }, (_, i) => `r${i}`);
  const input = `${inputLines(count).join("\n")}\n`;

  test("after an abort in the middle, it ends as if nothing had been", async () => {
    const { validate, read, prepared, objects } = await openBatch();
    const controller = new AbortController();
    const puts: string[] = [];
    const watched: typeof objects = {
      ...objects,
      put: async (key, ...rest) => {
        puts.push(key);
        await objects.put(key, ...rest);
        controller.abort(new Error("the worker stops"));
      },
    };
    await expect(validate(input, { objects: watched }, controller.signal)).rejects.toBeInstanceOf(Error);
    expect(puts).toHaveLength(1);
    expect((await read()).status).toBe("validating");
    await validate(input);
    expect(await read()).toMatchObject({ status: "in_progress", total: count, chunks: [0, 500, 1_000] });
    expect((await prepared()).map((line) => line.custom_id)).toEqual(ids);
  });

  test("an abort is heard while the store sends nothing", async () => {
    const { validate, read } = await openBatch();
    const controller = new AbortController();
    const silent = new PassThrough();
    silent.write(input.slice(0, 1_000));
    const openInput = async () => {
      setImmediate(() => controller.abort());
      return silent;
    };
    const running = validate(null, { openInput }, controller.signal);
    await expect(running).rejects.toMatchObject({ name: "AbortError" });
    expect(silent.destroyed).toBe(true);
    expect((await read()).status).toBe("validating");
  });

  test("a store that breaks off leaves the batch as it was", async () => {
    const { validate, read } = await openBatch();
    const broken = Readable.from(
      (function* () {
        yield Buffer.from(input.slice(0, 1_000));
        throw new Error("the network broke");
      })(),
    );
    await expect(validate(broken)).rejects.toThrow("the network broke");
    expect((await read()).status).toBe("validating");
  });

  test("nothing happens to a batch that was accepted", async () => {
    const { validate, read, prepared } = await openBatch();
    await validate(input);
    const before = await read();
    await validate(null);
    expect(await read()).toEqual(before);
    expect(await prepared()).toHaveLength(count);
  });

  test("chunks that a dead run wrote beyond the last one go", async () => {
    const { validate, chunksStored, objects, chunkKey } = await openBatch();
    for (const chunk of [0, 1, 2, 3, 4])
      await objects.put(chunkKey(chunk), Buffer.from("old"), { contentType: "text/plain" });
    await validate(input);
    expect(await chunksStored()).toBe(3);
  });

  test("chunks of a batch that was canceled meanwhile go", async () => {
    const { validate, batches, id, read, chunksStored } = await openBatch();
    const openInput = async () => {
      await batches.cancel(id, null);
      return Readable.from([Buffer.from(input)]);
    };
    await validate(null, { openInput });
    expect((await read()).status).toBe("cancelling");
    expect(await chunksStored()).toBe(0);
  });

  test("chunks of a dead run go when the batch was canceled since", async () => {
    const { validate, batches, id, chunksStored, objects, chunkKey } = await openBatch();
    await objects.put(chunkKey(0), Buffer.from("old"), { contentType: "text/plain" });
    await batches.cancel(id, null);
    await validate(input);
    expect(await chunksStored()).toBe(0);
  });

  test("a twin that accepts first keeps its chunks", async () => {
    const { validate, read, prepared } = await openBatch();
    const openInput = async () => {
      await validate(input);
      return Readable.from([Buffer.from("{")]);
    };
    await validate(null, { openInput });
    expect((await read()).status).toBe("in_progress");
    expect(await prepared()).toHaveLength(count);
  });
});
