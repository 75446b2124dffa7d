import { readdirSync, readFileSync } from "node:fs";
import { imageResponseSchema } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { measureLink } from "./measure-image.ts";
import { pythonWithRequests } from "./python-with-requests.ts";
import { runProgram } from "./run-program.ts";
import { openStack, type Stack } from "./stack.ts";

const folder = new URL("reference-examples/", import.meta.url);
const python = await pythonWithRequests();

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
  return stack.close;
});

/** An example of the API reference as it is printed there, with our address and key for its placeholders. */
function example(name: string): string {
  const text = readFileSync(new URL(`${name}.txt`, folder), "utf8");
  expect(text).toContain("https://api.example.com/v1/images/generations");
  expect(text).toContain("YOUR_API_KEY");
  return text.replace("https://api.example.com", stack.origin).replace("YOUR_API_KEY", stack.apiKey);
}

const square = { size: "1024x1024", format: "png", contentType: "image/png", isOpaque: true };

describe("every example of the API reference does what it says, with only host and key changed", () => {
  test("none is left out", () => {
    const names = ["curl-dall-e-2", "curl-dall-e-3", "curl-gpt-image-1", "javascript-fetch", "python-requests"];
    expect(readdirSync(folder).toSorted()).toEqual(names.map((name) => `${name}.txt`));
  });

  test("curl, dall-e-2", async () => {
    const answer = imageResponseSchema
      .strict()
      .parse(JSON.parse(await runProgram("bash", [], { input: example("curl-dall-e-2") })));
    const facts = { quality: "standard", size: "1024x1024" };
    expect(answer.data).toEqual([{ b64_json: null, url: expect.any(String), ...facts }]);
    expect(await measureLink(answer.data[0]?.url ?? "")).toEqual(square);
  });

  test("curl, dall-e-3 in high quality", async () => {
    const answer = imageResponseSchema
      .strict()
      .parse(JSON.parse(await runProgram("bash", [], { input: example("curl-dall-e-3") })));
    const [image, ...more] = answer.data;
    expect(more).toEqual([]);
    expect(image).toMatchObject({ b64_json: null, size: "1792x1024", quality: "hd" });
    expect(image?.revised_prompt).toContain("Futuristic cityscape");
    expect(await measureLink(image?.url ?? "")).toEqual({ ...square, size: "1792x1024" });
  });

  test("curl, gpt-image-1 with its own parameters", async () => {
    const answer = imageResponseSchema
      .strict()
      .parse(JSON.parse(await runProgram("bash", [], { input: example("curl-gpt-image-1") })));
    expect(answer).toMatchObject({ background: "transparent", usage: { prompt_tokens: expect.any(Number) } });
    expect(answer.data).toHaveLength(2);
    for (const { url, output_format: format, size } of answer.data) {
      expect(format).toBe("png");
      expect(await measureLink(url ?? "")).toEqual({ ...square, size, isOpaque: false });
    }
  });

  test("JavaScript, fetch", async () => {
    const printed = await runProgram(process.execPath, ["--input-type=module"], { input: example("javascript-fetch") });
    expect(await measureLink(linkIn(printed))).toEqual(square);
  });

  test.skipIf(python === null)("Python, requests", async () => {
    const printed = await runProgram(python ?? "", ["-"], { input: example("python-requests") });
    expect(await measureLink(linkIn(printed))).toEqual(square);
  });
});

/** Both examples print one line with the link at its end. */
function linkIn(printed: string): string {
  const line = /^Generated image URL: (\S+)\n$/;
  expect(printed).toMatch(line);
  return line.exec(printed)?.[1] ?? "";
}
