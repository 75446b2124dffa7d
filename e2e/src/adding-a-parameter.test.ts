import { cp, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { errorBodySchema } from "@darkroom/contracts";
import { startFakeOpenAi, testRedisUrl } from "@darkroom/testing";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { applyHunks } from "./apply-hunks.ts";
import { copyCheckout } from "./copy-checkout.ts";
import { blocksIn, labelledBlocks } from "./labelled-blocks.ts";
import { runProgram } from "./run-program.ts";
import { startStack } from "./stack.ts";

const top = resolve(import.meta.dirname, "../..");
const page = await readFile(join(top, "docs/adding-a-parameter.md"), "utf8");

let checkout = "";
beforeAll(async () => {
  const { folder, remove } = await copyCheckout();
  checkout = folder;
  // What makes the tables, and what they are in.
  for (const part of ["scripts", "docs", "README.md"])
    await cp(join(top, part), join(folder, part), { recursive: true });
  for (const { path, text } of labelledBlocks(page)) {
    const file = join(folder, path);
    await writeFile(file, applyHunks(await readFile(file, "utf8"), text));
  }
  return remove;
});

describe("docs/adding-a-parameter.md, followed to the letter", () => {
  test("the parameter reaches the provider, and is refused where it is wrong or unknown", async () => {
    const upstream = await startFakeOpenAi();
    onTestFinished(() => upstream.close());
    const environment = { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl };
    const stack = await startStack({ checkout, environment });
    const ask = (body: object) => stack.generate({ prompt: "a cat", size: "1024x1024", ...body });

    expect((await ask({ model: "gpt-image-2.6-flare", grain: 30 })).status).toBe(200);
    expect(upstream.requests.map(({ body }) => body)).toEqual([expect.objectContaining({ grain: 30 })]);
    const refused = [
      { model: "gpt-image-2.6-flare", grain: 101 },
      { model: "gpt-image-2", grain: 30 },
    ];
    const errors = await Promise.all(
      refused.map(async (body) => errorBodySchema.parse(await (await ask(body)).json()).error),
    );
    expect(errors.map(({ param }) => param)).toEqual(["grain", "grain"]);
    expect(errors[1]?.message).toContain("'gpt-image-2' does not support 'grain'. Models that do: 'gpt-image-2.6-");
  });

  test("its code has the types that it should have, the command line included", async () => {
    const project = join(checkout, "tsconfig.json");
    const include = ["packages/models", "packages/providers", "apps/cli"];
    await writeFile(project, JSON.stringify({ extends: "./tsconfig.base.json", include }));
    expect(await runProgram(join(checkout, "node_modules/.bin/tsc"), ["--project", project])).toBe("");
  });

  test("its tests pass", async () => {
    const [tests] = blocksIn("sh", page);
    // The command of the page runs those of whole packages, which are run anyway.
    expect(tests).toBe("pnpm exec vitest run packages/contracts packages/models packages/providers\n");
    const vitest = join(checkout, "node_modules/vitest/vitest.mjs");
    const only = ["packages/models/src/resolve-request", "packages/providers/src/openai/provider"];
    const printed = await runProgram(process.execPath, [vitest, "run", "--root", checkout, ...only], {
      environment: { TEST_REDIS_URL: testRedisUrl() },
    });
    expect(printed).toMatch(/Test Files .*2 passed/);
  });

  test("its last command puts the parameter into the tables of the documents", async () => {
    expect(blocksIn("sh", page)[1]).toBe("pnpm docs:models\n");
    const manifest: { scripts: Record<string, string> } = JSON.parse(
      await readFile(join(checkout, "package.json"), "utf8"),
    );
    const [, ...command] = manifest.scripts["docs:models"]?.split(" ") ?? [];
    await runProgram(process.execPath, command, { folder: checkout });
    expect(await readFile(join(checkout, "docs/models.md"), "utf8")).toMatch(/^\| `grain` .*\| 0 to 100 /m);
  });
});
