import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { imageResponseSchema } from "@darkroom/contracts";
import { temporaryFolder } from "@darkroom/testing";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findExecutable } from "../../scripts/bootstrap/find-executable.mjs";
import { measureImage, measureLink } from "./measure-image.ts";
import { runProgram } from "./run-program.ts";
import { startService } from "./service.ts";
import { openStack, type Stack } from "./stack.ts";

const examples = resolve(import.meta.dirname, "../../examples");
const picture = { size: "1024x1024", format: "png" };

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({
    environment: {
      SANDBOX_INSTANT: "true",
      WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
    },
  });
  return stack.close;
});

const environment = () => ({ BASE_URL: `${stack.origin}/v1`, API_KEY: stack.apiKey });

/** Runs an example in an empty folder. What it printed, and the folder. */
async function run(program: string, example: string) {
  const folder = await temporaryFolder();
  const printed = await runProgram(program, [join(examples, example)], { environment: environment(), folder });
  return { folder, printed };
}

/** Whether a program is there. On a build server it must be. */
function has(program: string): boolean {
  if (findExecutable([program], process.env) !== undefined) return true;
  if (process.env["CI"]) throw new Error(`CI is set, and there is no ${program} to run an example with.`);
  console.warn(`\n⚠  SKIPPED: the example that needs ${program}, which is not on the PATH.\n`);
  return false;
}

describe("the examples", () => {
  test("each is run here", async () => {
    const all = ["batch.js", "generate.js", "generate.py", "generate.sh", "webhook-receiver.js"];
    expect(globSync("*.{js,py,sh}", { cwd: examples }).toSorted()).toEqual(all);
    const readme = await readFile(join(examples, "README.md"), "utf8");
    expect(all.filter((name) => !readme.includes(`| \`${name}\``))).toEqual([]);
  });

  test.skipIf(!has("curl"))("generate.sh prints an answer with a link to the image", async () => {
    const { printed } = await run("sh", "generate.sh");
    const [image] = imageResponseSchema.parse(JSON.parse(printed)).data;
    expect(await measureLink(image?.url ?? "")).toMatchObject(picture);
  });

  test("generate.js saves the image", async () => {
    const { folder, printed } = await run(process.execPath, "generate.js");
    expect(printed).toBe("Saved lighthouse.png\n");
    expect(await measureImage(await readFile(join(folder, "lighthouse.png")))).toMatchObject(picture);
  });

  test.skipIf(!has("python3"))("generate.py saves the image", async () => {
    const { folder, printed } = await run("python3", "generate.py");
    expect(printed).toBe("Saved lighthouse.png\n");
    expect(await measureImage(await readFile(join(folder, "lighthouse.png")))).toMatchObject(picture);
  });

  test("batch.js prints a link to the image of each prompt", async () => {
    const { printed } = await run(process.execPath, "batch.js");
    const lines = printed
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" "));
    expect(lines.map(([id = ""]) => id).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "prompt-0",
      "prompt-1",
      "prompt-2",
    ]);
    for (const [, link = ""] of lines) {
      // The worker that made the link does not know the port of this test's api.
      const { pathname, search } = new URL(link);
      expect(await measureLink(`${stack.origin}${pathname}${search}`)).toMatchObject(picture);
    }
  });

  test("webhook-receiver.js takes a signed webhook and refuses a forged one", async () => {
    const receiver = startService(join(examples, "webhook-receiver.js"), { ...environment(), PORT: "0" });
    onTestFinished(() => receiver.end("SIGKILL"));
    const { msg } = await receiver.logged("Listening on ");
    const webhook = String(msg).replace("Listening on ", "");

    const body = JSON.stringify({ type: "generation.succeeded", data: { id: "gen_forged" } });
    const now = Math.floor(Date.now() / 1000);
    const headers = { "webhook-id": "msg_1", "webhook-timestamp": String(now), "webhook-signature": "v1,Zm9yZ2Vk" };
    expect((await fetch(webhook, { method: "POST", headers, body })).status).toBe(400);

    const drawn = await stack.generate({ model: "gpt-image-2", prompt: "A lighthouse", job: { webhook } });
    const line = await receiver.logged("generation.");
    expect(line).toEqual({ msg: `generation.succeeded ${drawn.headers.get("x-generation-id")}` });
  });
});
