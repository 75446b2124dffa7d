import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { line, model, openSubmit } from "./submit.fixture.ts";

describe("a file of batch lines", () => {
  test("is sent as it is", async () => {
    const content = `${line("a/b")}\r\n${line("c")}\n\n`;
    const { service, submit } = await openSubmit(content, { name: "Lines.JSONL" });
    expect(await submit("--yes")).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(service.files.get("file-1")?.content.toString()).toBe(content);
  });

  test("takes no options of prompts", async () => {
    const { submit } = await openSubmit(line("a"), { name: "x.jsonl" });
    expect(await submit("--yes", ...model)).toMatchObject({ code: 2, stdout: "" });
  });

  test("with mistakes is refused with all of them, and the service is not asked", async () => {
    const content = [
      line("a"),
      "{",
      "",
      line("a"),
      line("b", { prompt: "x", job: { metadata: JSON.parse('{"__proto__": "x"}') } }),
      line("c", { model: "dall-e-3", prompt: "x", stream: true }),
      line("d", { model: "dall-e-3" }),
      line("e", undefined, { url: "/v1/embeddings" }),
      line("f", undefined, { method: "GET" }),
      `\uFEFF${line("h")}`,
      line("i", JSON.parse('{"prompt": "x", "__proto__": {}}')),
    ].join("\n");
    const { service, file, submit } = await openSubmit(content, { name: "x.jsonl" });
    const ran = await submit("--yes");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr.replaceAll(file, "x.jsonl")).toMatchInlineSnapshot(`
      "x.jsonl:2: this is not JSON in UTF-8
      x.jsonl:3: this line is blank
      x.jsonl:4: the custom_id "a" stands in line 1 already
      x.jsonl:5: Invalid 'job.metadata': must not have the key '__proto__'.
      x.jsonl:6: 'stream' cannot be used in a batch
      x.jsonl:7: Missing required parameter: 'prompt'.
      x.jsonl:8: Invalid value for 'url': '/v1/embeddings'. Supported values are: '/v1/images/generations'.
      x.jsonl:9: Invalid value for 'method': 'GET'. Supported values are: 'POST'.
      x.jsonl:10: this is not JSON in UTF-8
      x.jsonl:11: Unknown parameter: '__proto__'.
      Nothing was submitted.
      "
    `);
    expect(service.asked).toEqual([]);
  });

  test("may have a field that their model declares, and no other", async () => {
    const fields = [{ num_inference_steps: 30 }, { colour: "red" }, { colour: "blue", mood: "glad" }];
    const content = (count: number) =>
      fields.slice(0, count).map((more, i) => line(`${i}`, { model: "flux-dev", prompt: "x", ...more }));
    const right = await openSubmit(content(1).join("\n"), { name: "x.jsonl" });
    expect(await right.submit("--yes")).toMatchObject({ code: 0, stdout: "batch_1\n" });

    const wrong = await openSubmit(content(3).join("\n"), { name: "x.jsonl" });
    const ran = await wrong.submit("--yes");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr.replaceAll(wrong.file, "x.jsonl")).toBe(
      "x.jsonl:2: Unknown parameter: 'colour'.\nx.jsonl:3: Unknown parameter: 'mood'.\nNothing was submitted.\n",
    );
  });

  test("may name one model by any of its names, or not at all where it is the default one", async () => {
    const names = ["dall-e-3", "dall-e-3-alias", undefined, null];
    const content = names.map((name, index) => line(`${index}`, { model: name, prompt: "a cat" })).join("\n");
    const { submit } = await openSubmit(`\uFEFF${content}${"\n".repeat(1_100)}\t \r\n`, { name: "x.jsonl" });
    const ran = await submit("--yes");
    expect(ran).toMatchObject({ code: 0, stdout: "batch_1\n" });
    expect(ran.stderr).toContain("4 lines, 4 images by dall-e-3. Cost: at most $0.16.\n");
  });

  test.each([
    ["another one", "gpt-image-2", "gpt-image-2 after dall-e-3"],
    ["another one by its alias", "gpt-image-2-alias", "gpt-image-2-alias after dall-e-3"],
  ])("that asks for %s after the default one is refused, and nothing is uploaded", async (_, name, words) => {
    const content = [line("a", { prompt: "x" }), line("b"), line("c", { model: name, prompt: "x" })].join("\n");
    const { service, file, submit } = await openSubmit(content, { name: "x.jsonl" });
    expect(await submit("--yes")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `${file}:3: a batch has one model: ${words}\nNothing was submitted.\n`,
    });
    expect(service.files.size).toBe(0);
  });

  test.each([
    ["empty", ""],
    ["only blank lines", "\n \r\n"],
    ["only a byte order mark", "\uFEFF"],
  ])("that is %s is refused", async (_, content) => {
    const { file, submit } = await openSubmit(content, { name: "x.jsonl" });
    expect(await submit("--yes")).toMatchObject({
      code: 1,
      stderr: `${file}: there is nothing in it to draw\nNothing was submitted.\n`,
    });
  });

  test("that is not there is a problem in a sentence", async () => {
    const { file, submit } = await openSubmit("", { name: "x.jsonl" });
    await rm(file);
    expect(await submit("--yes")).toMatchObject({ code: 1, stderr: `${file} is not there (ENOENT).\n` });
  });
});
