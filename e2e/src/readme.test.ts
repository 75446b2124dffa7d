import { readFileSync } from "node:fs";
import { imageResponseSchema } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { blocksIn } from "./labelled-blocks.ts";
import { measureLink } from "./measure-image.ts";
import { runProgram } from "./run-program.ts";
import { openStack, type Stack } from "./stack.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
/** The package that has the SDK. */
const folder = new URL("..", import.meta.url).pathname;

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
  return stack.close;
});

/** The first block in a language that asks for an image, with the address of the stack for the one of `npm start`. */
function snippet(language: string): string {
  const found = blocksIn(language, readme).find((block) => block.includes("A lighthouse at dusk")) ?? "";
  expect(found).toContain("http://127.0.0.1:4000");
  return found.replace("http://127.0.0.1:4000", stack.origin);
}

const picture = { size: "1024x1024", format: "png" };

describe("what the README says to paste brings an image", () => {
  test("curl", async () => {
    const printed = await runProgram("bash", [], { input: snippet("sh"), environment: { API_KEY: stack.apiKey } });
    const answer = imageResponseSchema.parse(JSON.parse(printed));
    expect(await measureLink(answer.data[0]?.url ?? "")).toMatchObject(picture);
  });

  test("JavaScript, with the openai package", async () => {
    const environment = { API_KEY: stack.apiKey };
    const printed = await runProgram(process.execPath, ["--input-type=module"], {
      input: snippet("js"),
      environment,
      folder,
    });
    expect(await measureLink(printed.trim())).toMatchObject(picture);
  });
});
