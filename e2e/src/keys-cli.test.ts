import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { apiKeySchema } from "@darkroom/contracts";
import { childEnvironment, withinOneDay } from "@darkroom/testing";
import OpenAI from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openStack, type Stack } from "./stack.ts";

const main = path.resolve(import.meta.dirname, "../../apps/cli/src/main.ts");
const adminKey = newApiKey();
const listSchema = z.object({ object: z.literal("list"), data: z.array(apiKeySchema), has_more: z.literal(false) });

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ apis: 2, environment: { ADMIN_KEY_SHA256: hashApiKey(adminKey) } });
  return stack.close;
});

/** Runs `darkroom …` against the first api. Rejects, with both outputs, where it does not exit with 0. */
async function darkroom(...args: string[]) {
  const env = {
    ...childEnvironment(),
    DARKROOM_URL: stack.origin,
    DARKROOM_ADMIN_KEY: adminKey,
    DARKROOM_API_KEY: stack.apiKey,
  };
  return promisify(execFile)(process.execPath, [main, ...args], { env });
}

/** Makes a key and returns it, with its id. */
async function makeKey(name: string, ...options: string[]) {
  const { stdout, stderr } = await darkroom("keys", "create", "--tenant", "acme", "--name", name, ...options);
  return { key: stdout.trim(), id: /key_\w+/.exec(stderr)?.[0] ?? "" };
}

/** Speaks to the second api, which the command line never spoke to. */
const client = (apiKey: string) => new OpenAI({ baseURL: `${stack.apis[1]?.origin}/v1`, apiKey, maxRetries: 0 });

const draw = (apiKey: string, model = "dall-e-3") => client(apiKey).images.generate({ model, prompt: "a lighthouse" });

/** Asks with a key for something that costs nothing, and resolves with the status of the answer. */
const answerTo = (apiKey: string) => () =>
  client(apiKey)
    .models.list()
    .asResponse()
    .then(
      ({ status }) => status,
      (error: { status: number }) => error.status,
    );

describe("darkroom keys, against the real api", () => {
  test("makes a key that works, for the models that it names alone", async () => {
    const { key } = await makeKey("one-model", "--models", "dall-e-3", "--expires", "30d");
    await expect.poll(answerTo(key)).toBe(200);
    expect((await draw(key)).data).toHaveLength(1);
    await expect(draw(key, "gpt-image-1")).rejects.toMatchObject({ status: 403, code: "model_not_allowed" });
  });

  test("stops a key and lets it work again", async () => {
    const { key, id } = await makeKey("stopped");
    await expect.poll(answerTo(key)).toBe(200);
    await darkroom("keys", "disable", id);
    await expect.poll(answerTo(key)).toBe(401);
    await darkroom("keys", "enable", id);
    await expect.poll(answerTo(key)).toBe(200);
    await darkroom("keys", "delete", id, "--yes");
    await expect.poll(answerTo(key)).toBe(401);
  });

  test("rotates a key, and the old one ends when it is told to", async () => {
    const { key, id } = await makeKey("rotated");
    const rotated = (await darkroom("keys", "rotate", id, "--grace", "0s")).stdout.trim();
    expect(rotated).not.toBe(key);
    await expect.poll(answerTo(rotated)).toBe(200);
    await expect.poll(answerTo(key)).toBe(401);
  });

  test("shows a key, changes what is said and lists it", async () => {
    const { id } = await makeKey("shown", "--budget-day", "0.29", "--concurrent", "5");
    const shown = (await darkroom("keys", "show", id)).stdout;
    expect(shown).toMatch(/^budget a day +\$0\.29$/m);
    expect(shown).toMatch(/^under way +0, 0 of them queued$/m);
    const updated = (await darkroom("keys", "update", id, "--budget-day", "none", "--queued", "2")).stdout;
    expect(updated).toMatch(/^budget a day +no limit$/m);
    expect(updated).toMatch(/^concurrent +5$/m);
    expect(updated).toMatch(/^queued +2$/m);
    const { stdout } = await darkroom("keys", "list", "--tenant", "acme", "--json");
    expect(listSchema.parse(JSON.parse(stdout)).data.map((key) => key.id)).toContain(id);
  });

  test("tells a refusal in the API's words", async () => {
    await expect(darkroom("keys", "show", "key_nowhere")).rejects.toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^There is no key with this id\.[^\n]*\n$/),
    });
    await expect(makeKey("bad", "--models", "dall-e-9")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("(models.0)"),
    });
  });
});

describe("darkroom usage and ledger, against the real api", () => {
  withinOneDay();

  test("tell what was drawn, whose it was and what it cost", async () => {
    const { key, id } = await makeKey("counted");
    await expect.poll(answerTo(key)).toBe(200);
    await draw(key);
    const { stdout } = await darkroom("usage", "--tenant", "acme", "--by", "key,model");
    expect(stdout).toMatch(new RegExp(`^${id} +\\| dall-e-3 .*\\| +\\$0\\.04$`, "m"));
    const own = await darkroom("usage", "--by", "model", "--json");
    expect(JSON.parse(own.stdout)).toMatchObject({ total: { images: 0 } });
    const everybody = await darkroom("usage", "--admin", "--by", "key");
    expect(everybody.stdout).toContain(id);

    const day = new Date().toISOString().slice(0, 10);
    expect((await darkroom("ledger", "export", day)).stdout).toMatch(/^entries +[1-9]\d*$/m);
    await expect(darkroom("ledger", "rebuild", day)).rejects.toMatchObject({ code: 1, stdout: "" });
  });
});
