import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { model, openSubmit } from "./submit.fixture.ts";

describe("a text of prompts", () => {
  test("becomes batch lines that are named after its lines, and the id alone is on stdout", async () => {
    const { service, submit } = await openSubmit(
      "\uFEFF# lighthouses\r\n\r\na lighthouse\r\n  a “harbour”\n#no\nthe end",
    );
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

  test("is drawn by the default model where none is named, and that is said", async () => {
    const { service, submit } = await openSubmit("a cat");
    const ran = await submit("--yes");
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(ran.stderr).toContain("1 line, 1 image by dall-e-3, the default model. Cost: at most $0.04.\n");
    expect(service.files.get("file-1")?.content.toString()).not.toContain("model");
  });

  test("that is not UTF-8 is refused with the line", async () => {
    const { file, submit } = await openSubmit("");
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
    const { file, submit } = await openSubmit("# one\na cat\n\na dog\n", { ended });
    const ran = await submit(...model, "--yes", "--wait");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`${file}:4: Too long. (prompt)\nThe batch batch_1 was refused. Nothing was drawn.\n`);
  });
});

describe("what it will cost", () => {
  test("is said before", async () => {
    const { submit } = await openSubmit("a\nb\nc\n");
    expect((await submit("--model", "dall-e-3-alias", "--n", "2", "--yes")).stderr).toContain(
      "3 lines, 6 images by dall-e-3-alias. Cost: at most $0.24.\n",
    );
  });

  test("is unknown for a model that is not served, and nothing is uploaded", async () => {
    const { service, submit } = await openSubmit("a\n");
    const ran = await submit("--model", "dall-e-9", "--yes");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain(
      "The model dall-e-9 is not served. There are: dall-e-3, gpt-image-1, flux-dev, gpt-image-2.",
    );
    expect(service.files.size).toBe(0);
  });

  test("is unknown for a model that is served and not listed", async () => {
    const { submit } = await openSubmit("a\n");
    const ran = await submit("--model", "gpt-image-3", "--yes");
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(ran.stderr).toContain("1 line, 1 image by gpt-image-3. Cost: unknown");
  });

  test("is asked about, so that without a terminal --yes is required", async () => {
    const { service, submit } = await openSubmit("a\n");
    const ran = await submit(...model);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("at most $0.04");
    expect(ran.stderr).toContain("there is no terminal to ask on, so --yes is required");
    expect(service.files.size).toBe(0);
  });
});

describe("waiting", () => {
  test("shows how it goes on, fetches the images, and a second time buys and fetches nothing", async () => {
    const { service, folder, file, submit, out } = await openSubmit("one\ntwo\nthree\n", { linesPerLook: 2 });
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
    expect(again.stderr).toContain(`${file} was submitted before, as batch_1 (completed): continuing with it.`);
    expect(again.stderr).toContain("0 images written to " + out + ", 3 were there already.");
    expect(new Set(service.asked.slice(before))).toEqual(new Set(["GET /v1/batches/batch_1"]));
  });

  test("exits with 1 where a line has no image, and keeps the reasons", async () => {
    const { submit, out } = await openSubmit("one\nplease refuse\n");
    const ran = await submit(...model, "--yes", "--wait", "--out", out);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(
      `Lines without an image are in ${join(out, "errors.jsonl")}.\n1 of 2 lines have no image.\n`,
    );
    expect(await readFile(join(out, "errors.jsonl"), "utf8")).toBe('{"custom_id":"line-00002"}\n');
  });

  test("prints the batch as the service tells it with --json", async () => {
    const { service, submit } = await openSubmit("one\n");
    const ran = await submit(...model, "--yes", "--wait", "--json");
    expect(JSON.parse(ran.stdout)).toEqual(service.batches[0]?.batch);
  });
});
