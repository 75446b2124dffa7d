import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { runDarkroom } from "../../stubs/run-darkroom.ts";
import { startStubBatchService, type StubBatchOptions } from "../../stubs/stub-batch-service.ts";

/** A service, and a folder with a file of prompts. */
async function setUp(content: string, { name = "prompts.txt", ...options }: StubBatchOptions & { name?: string } = {}) {
  const service = await startStubBatchService(options);
  const folder = await temporaryFolder();
  const file = join(folder, name);
  await writeFile(file, content);
  const submit = (...args: string[]) =>
    runDarkroom(["batch", "submit", file, ...args], { DARKROOM_URL: service.url, DARKROOM_API_KEY: "k" });
  return { service, folder, file, submit, out: join(folder, "images") };
}

const model = ["--model", "dall-e-3"];
const line = (custom_id: string, body: object = { model: "dall-e-3", prompt: "a cat" }, over: object = {}) =>
  JSON.stringify({ custom_id, method: "POST", url: "/v1/images/generations", body, ...over });

describe("a text of prompts", () => {
  test("becomes batch lines that are named after its lines, and the id alone is on stdout", async () => {
    const { service, submit } = await setUp("\uFEFF# lighthouses\r\n\r\na lighthouse\r\n  a “harbour”\n#no\nthe end");
    const options = ["--size", "1024x1024", "--n", "2", "--output-format", "webp", "--watermark", "no"];
    const ran = await submit(...model, ...options, "--yes", "--window", "3d", "--metadata", "team=web", "run=7=a");
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    const file = service.files.get("file-1");
    const lines = file?.content
      .toString()
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    const body = { model: "dall-e-3", size: "1024x1024", n: 2, output_format: "webp", watermark: false };
    const common = { method: "POST", url: "/v1/images/generations" };
    expect(lines).toEqual([
      { ...common, custom_id: "line-00003", body: { ...body, prompt: "a lighthouse" } },
      { ...common, custom_id: "line-00004", body: { ...body, prompt: "a “harbour”" } },
      { ...common, custom_id: "line-00006", body: { ...body, prompt: "the end" } },
    ]);
    expect(file?.name).toBe("prompts.jsonl");
    expect(service.batches[0]?.batch).toMatchObject({
      completion_window: "3d",
      metadata: { team: "web", run: "7=a" },
    });
  });

  test("wants a model", async () => {
    const { service, submit } = await setUp("a cat");
    const ran = await submit("--yes");
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("a text file wants --model");
    expect(service.asked).toEqual([]);
  });

  test("that is not UTF-8 is refused with the line", async () => {
    const { file, submit } = await setUp("");
    await writeFile(file, Buffer.from([0x61, 0x0a, 0xff, 0x0a]));
    expect(await submit(...model, "--yes")).toMatchObject({
      code: 1,
      stderr: `${file}:2: this is not UTF-8. Save the file as UTF-8.\n`,
    });
  });

  test("tells faults that the service finds by the lines of the text", async () => {
    const fault = { code: "x", message: "Too long.", param: "prompt", line: 2 };
    const errors = { object: "list" as const, data: [fault] };
    const ended = { status: "failed" as const, errors, failed_at: 1, output_file_id: null };
    const { file, submit } = await setUp("# one\na cat\n\na dog\n", { ended });
    const ran = await submit(...model, "--yes", "--wait");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`${file}:4: Too long. (prompt)\nThe batch batch_1 was refused. Nothing was drawn.\n`);
  });
});

describe("a file of batch lines", () => {
  test("is sent as it is", async () => {
    const content = `${line("a/b")}\r\n${line("c")}\n\n`;
    const { service, submit } = await setUp(content, { name: "Lines.JSONL" });
    expect(await submit("--yes")).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.files.get("file-1")?.content.toString()).toBe(content);
  });

  test("takes no options of prompts", async () => {
    const { submit } = await setUp(line("a"), { name: "x.jsonl" });
    expect(await submit("--yes", ...model)).toMatchObject({ code: 2, stdout: "" });
  });

  test("with mistakes is refused with all of them, and nobody is asked", async () => {
    const content = [
      line("a"),
      "{",
      "",
      line("a"),
      line("b", { model: "dall-e-2", prompt: "x" }),
      line("c", { model: "dall-e-3", prompt: "x", stream: true }),
      line("d", { model: "dall-e-3" }),
      line("e", undefined, { url: "/v1/embeddings" }),
      line("f", undefined, { method: "GET" }),
      line("g", { model: "dall-e-3", prompt: "x", colour: "red" }),
    ].join("\n");
    const { service, file, submit } = await setUp(content, { name: "x.jsonl" });
    const ran = await submit("--yes");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr.replaceAll(file, "x.jsonl")).toMatchInlineSnapshot(`
      "x.jsonl:2: this is not JSON in UTF-8
      x.jsonl:3: this line is blank
      x.jsonl:4: the custom_id "a" stands in line 1 already
      x.jsonl:5: a batch has one model: dall-e-2 after dall-e-3
      x.jsonl:6: 'stream' cannot be used in a batch
      x.jsonl:7: Missing required parameter: 'prompt'.
      x.jsonl:8: Invalid value for 'url': '/v1/embeddings'. Supported values are: '/v1/images/generations'.
      x.jsonl:9: Invalid value for 'method': 'GET'. Supported values are: 'POST'.
      x.jsonl:10: Unknown parameter: 'colour'.
      Nothing was submitted.
      "
    `);
    expect(service.asked).toEqual([]);
  });

  test.each([
    ["empty", ""],
    ["only blank lines", "\n \r\n"],
  ])("that is %s is refused", async (_, content) => {
    const { file, submit } = await setUp(content, { name: "x.jsonl" });
    expect(await submit("--yes")).toMatchObject({
      code: 1,
      stderr: `${file}: there is nothing in it to draw\nNothing was submitted.\n`,
    });
  });

  test("that is not there is a problem in a sentence", async () => {
    const { file, submit } = await setUp("", { name: "x.jsonl" });
    await rm(file);
    expect(await submit("--yes")).toMatchObject({ code: 1, stderr: `${file} is not there (ENOENT).\n` });
  });
});

describe("what it will cost", () => {
  test("is said before", async () => {
    const { submit } = await setUp("a\nb\nc\n");
    expect((await submit("--model", "dall-e-3-alias", "--n", "2", "--yes")).stderr).toContain(
      "3 lines, 6 images by dall-e-3-alias. Cost: at most $0.24.\n",
    );
  });

  test("is unknown for a model that is not served, and nothing is uploaded", async () => {
    const { service, submit } = await setUp("a\n");
    const ran = await submit("--model", "dall-e-9", "--yes");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain("The model dall-e-9 is not served. There are: dall-e-3, gpt-image-1, gpt-image-2.");
    expect(service.files.size).toBe(0);
  });

  test("is asked about, so that without a terminal --yes is required", async () => {
    const { service, submit } = await setUp("a\n");
    const ran = await submit(...model);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("at most $0.04");
    expect(ran.stderr).toContain("there is no terminal to ask on, so --yes is required");
    expect(service.files.size).toBe(0);
  });
});

describe("waiting", () => {
  test("shows how it goes on, fetches the images, and a second time buys and fetches nothing", async () => {
    const { service, folder, file, submit, out } = await setUp("one\ntwo\nthree\n", { linesPerLook: 2 });
    const ran = await submit(...model, "--yes", "--wait", "--out", out);
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(ran.stderr).toMatch(/^2 of 3 done, 0 failed, \$0\.08 so far$/m);
    expect(ran.stderr).toContain("batch_1 is completed: 3 of 3 lines done, 0 failed, $0.12.\n");
    expect(ran.stderr).toContain(`3 images written to ${out}.\n`);
    const images = ["line-00001.png", "line-00002.png", "line-00003.png"];
    expect((await readdir(out)).toSorted()).toEqual(["darkroom-batch.json", ...images, "output.jsonl"]);
    expect(await readdir(folder)).toEqual(expect.arrayContaining(["images", "prompts.txt"]));

    const before = service.asked.length;
    const again = await submit(...model, "--wait", "--out", out);
    expect(again).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(again.stderr).toContain(`${file} was submitted before, as batch_1 (completed): going on with it.`);
    expect(again.stderr).toContain("0 images written to " + out + ", 3 were there already.");
    expect(new Set(service.asked.slice(before))).toEqual(new Set(["GET /v1/batches/batch_1"]));
  });

  test("exits with 1 where a line has no image, and keeps the reasons", async () => {
    const { submit, out } = await setUp("one\nplease refuse\n");
    const ran = await submit(...model, "--yes", "--wait", "--out", out);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(
      `Lines without an image are in ${join(out, "errors.jsonl")}.\n1 of 2 lines have no image.\n`,
    );
    expect(await readFile(join(out, "errors.jsonl"), "utf8")).toBe('{"custom_id":"line-00002"}\n');
  });

  test("prints the batch as the service tells it with --json", async () => {
    const { service, submit } = await setUp("one\n");
    const ran = await submit(...model, "--yes", "--wait", "--json");
    expect(JSON.parse(ran.stdout)).toEqual(service.batches[0]?.batch);
  });
});

describe("the same file again", () => {
  test("without a folder is known by what is kept beside it, also where it then has one", async () => {
    const { service, file, submit, out } = await setUp("one\n");
    await submit(...model, "--yes");
    expect(JSON.parse(await readFile(`${file}.darkroom-batch.json`, "utf8"))).toMatchObject({
      file_id: "file-1",
      batch_id: "batch_1",
      options: { completion_window: "24h" },
    });
    expect(await submit(...model)).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(await submit(...model, "--wait", "--out", out)).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(existsSync(join(out, "line-00001.png"))).toBe(true);
    expect(service.batches).toHaveLength(1);
  });

  test("with --again is bought again, but not into a folder with other images", async () => {
    const { service, submit, out } = await setUp("one\n");
    await submit(...model, "--yes", "--wait", "--out", out);
    const refused = await submit(...model, "--yes", "--again", "--out", out);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain(`${out} has the results of batch_1 in it. Name another folder with --out.`);
    expect(await submit(...model, "--yes", "--again", "--out", `${out}-2`)).toMatchObject({ stdout: "batch_2\n" });
    expect(service.batches).toHaveLength(2);
  });

  test("is another batch where its lines or the options of its prompts are others", async () => {
    const { service, file, submit } = await setUp("one\n");
    await submit(...model, "--yes");
    const other = await submit(...model, "--n", "1", "--yes");
    expect(other.stdout).toBe("batch_2\n");
    await writeFile(file, "two\n");
    expect((await submit(...model, "--yes")).stdout).toBe("batch_3\n");
    expect(service.files.size).toBe(3);
  });

  test("is found where the answer to the first try got lost", async () => {
    const { service, submit } = await setUp("one\n");
    service.dropBatchAnswer = true;
    const lost = await submit(...model, "--yes");
    expect(lost).toMatchObject({ code: 1, stdout: "" });
    expect(lost.stderr).toContain("It may have done what was asked all the same");
    service.dropBatchAnswer = false;
    expect(await submit(...model)).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.batches).toHaveLength(1);
  });

  test("begins anew where the service refused it the first time, as nothing was bought", async () => {
    const { service, submit, out } = await setUp("one\n", { ended: { status: "failed", failed_at: 1 } });
    expect(await submit(...model, "--yes", "--wait", "--out", out)).toMatchObject({ code: 1, stdout: "batch_1\n" });
    expect(await submit(...model, "--yes", "--out", out)).toMatchObject({ code: 0, stdout: "batch_2\n" });
    expect(service.asked.filter((each) => each === "POST /v1/files")).toHaveLength(1);
  });

  test("does not take a folder from other lines that are still drawn", async () => {
    const { service, file, submit, out } = await setUp("one\n", { linesPerLook: 0 });
    await submit(...model, "--yes", "--out", out);
    await writeFile(file, "two\n");
    const refused = await submit(...model, "--yes", "--out", out);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain(`${out} is kept for other lines, submitted as batch_1.`);
    expect(service.files.size).toBe(1);
    expect(await submit(...model, "--yes", "--out", out, "--again")).toMatchObject({ stdout: "batch_2\n" });
  });

  test("uses the file that an earlier try has uploaded", async () => {
    const { service, file, submit } = await setUp("one\n");
    await submit(...model, "--yes");
    const path = `${file}.darkroom-batch.json`;
    const { batch_id: _, ...kept } = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify(kept));
    service.batches.length = 0;
    expect(await submit(...model, "--yes")).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.files.size).toBe(1);
  });

  test("is never bought on a guess: a batch that the service does not know is a problem", async () => {
    const { service, submit } = await setUp("one\n");
    await submit(...model, "--yes");
    service.batches.length = 0;
    const ran = await submit(...model, "--yes");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain("This file was submitted as batch_1; --again buys everything anew.");
  });
});
