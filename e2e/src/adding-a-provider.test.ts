import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { imageResponseSchema } from "@darkroom/contracts";
import { fakeImage, startFakeUpstream, testRedisUrl, testS3 } from "@darkroom/testing";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { copyCheckout } from "./copy-checkout.ts";
import { blocksIn, labelledBlocks } from "./labelled-blocks.ts";
import { measureLink } from "./measure-image.ts";
import { runProgram } from "./run-program.ts";
import { type Stack, startStack } from "./stack.ts";

const page = await readFile(new URL("../../docs/adding-a-provider.md", import.meta.url), "utf8");
const [tests = "", ask = ""] = blocksIn("sh", page);

let checkout = "";
beforeAll(async () => {
  const { folder, remove } = await copyCheckout();
  checkout = folder;
  for (const { path, isAddition, text } of labelledBlocks(page)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await (isAddition ? appendFile(file, text) : writeFile(file, text));
  }
  return remove;
});

/** The upstream of the page: what it says about Toy's protocol, and nothing else. */
const startToy = async () => {
  const toy = await startFakeUpstream({
    basePath: "/api",
    route: "/paint",
    reply: async ({ body }) => {
      const picture = await fakeImage(Number(body["width"]), Number(body["height"]), "png");
      return { picture: picture.toString("base64") };
    },
  });
  onTestFinished(() => toy.close());
  return toy;
};

const whereToAsk = ({ origin, apiKey }: Stack) => ({ BASE_URL: `${origin}/v1`, API_KEY: apiKey });

describe("docs/adding-a-provider.md, followed to the letter", () => {
  test("its request is answered with a picture from the new provider, through api, queue and worker", async () => {
    const toy = await startToy();
    const stack = await startStack({
      checkout,
      environment: { MODELS_FILE: join(checkout, "models.yaml"), TOY_API_KEY: "toy-key", TOY_BASE_URL: toy.baseUrl },
    });
    const printed = await runProgram("bash", [], { input: ask, environment: whereToAsk(stack) });
    const answer = imageResponseSchema.parse(JSON.parse(printed));
    expect(await measureLink(answer.data[0]?.url ?? "")).toMatchObject({ size: "512x256", format: "png" });
    expect(toy.requests.map(({ body }) => body)).toEqual([{ words: "a cat made of felt", width: 512, height: 256 }]);
    expect(toy.requests[0]?.headers["x-toy-key"]).toBe("toy-key");
  });

  test("without a key the sandbox draws in its place, and the worker says so", async () => {
    const stack = await startStack({ checkout, environment: { MODELS_FILE: join(checkout, "models.yaml") } });
    await stack.workers[0]?.logged("The provider toy has no key: the sandbox draws in its place.");
    const printed = await runProgram("bash", [], { input: ask, environment: whereToAsk(stack) });
    const answer = imageResponseSchema.parse(JSON.parse(printed));
    expect(await measureLink(answer.data[0]?.url ?? "")).toMatchObject({ size: "512x256" });
  });

  test("its code has the types that it should have", async () => {
    const project = join(checkout, "tsconfig.json");
    await writeFile(project, JSON.stringify({ extends: "./tsconfig.base.json", include: ["packages/providers"] }));
    expect(await runProgram(join(checkout, "node_modules/.bin/tsc"), ["--project", project])).toBe("");
  });

  test("its tests pass, and so do those that hold all providers alike", async () => {
    const vitest = join(checkout, "node_modules/vitest/vitest.mjs");
    // The command of the page runs those of every provider, which are run anyway.
    expect(tests).toContain("pnpm exec vitest run packages/providers\n");
    const only = ["packages/providers/src/toy", "packages/providers/src/registry"];
    const s3 = testS3();
    const services = {
      TEST_REDIS_URL: testRedisUrl(),
      ...(s3 && {
        TEST_S3_ENDPOINT: s3.endpoint,
        TEST_S3_ACCESS_KEY_ID: s3.accessKeyId,
        TEST_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      }),
    };
    const printed = await runProgram(process.execPath, [vitest, "run", "--root", checkout, ...only], {
      environment: services,
    });
    expect(printed).toMatch(/Test Files .*2 passed/);
  });
});
